"""Rows of Parquet files: a feature from each column of numbers, and from each entry of a column of lists.

What a file's pandas metadata name as index is left out, and labels are never taken along in silence: where a column
looks like them, the caller has to say which column is the target, or which ones are features.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data.columns import column_of, index_notes, normalised, shown
from softmax_jax.data.label_columns import refuse_label_columns
from softmax_jax.data.parquet_schema import (
    index_columns,
    is_list,
    is_number,
    list_numbers,
    list_width,
    opened,
    plain_numbers,
    spelled,
)
from softmax_jax.data.rows.source import Fill, Stamp, packed, stamp, storage_dtype, unchanged


@dataclasses.dataclass(frozen=True)
class ParquetRows:
    """Rows of a Parquet file.

    Attributes:
      path: the file.
      shape: (n, m).
      dtype: the common dtype of the columns.
      columns: the columns that are taken, in order, as the file spells them.
      widths: the numbers in a list of each of them; None where it is a column of numbers.
      stamp: of the file when it was opened.
      chosen: whether the caller has named the columns.
      notes: which columns were taken and which were left out, in words.
    """

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype
    columns: tuple[str, ...]
    widths: tuple[int | None, ...]
    stamp: Stamp
    chosen: bool = False
    notes: tuple[str, ...] = ()

    @contextlib.contextmanager
    def reader(self, rows: int) -> Iterator[Fill]:
        """A pass over the file, a group of its rows at a time."""
        with unchanged(self.path, self.stamp), opened(self.path) as file:
            batches = file.iter_batches(batch_size=rows, columns=list(self.columns))
            with packed(self._matrices(batches), self, str(self.path)) as fill:
                yield fill

    def place(self, row: int) -> str:
        """The file and the row in it."""
        return f"{self.path}, row {row}"

    def _matrices(self, batches: Iterator[Any]) -> Iterator[np.ndarray]:
        """The features (rows, m) of each batch."""
        first = 0
        for batch in batches:
            X, start = np.empty((batch.num_rows, self.shape[1]), self.dtype), 0
            for name, width in zip(self.columns, self.widths, strict=True):
                column, where = batch.column(name), f"{self.path}, column {name!r}"
                if column.null_count:
                    raise ValueError(f"{where}: values are missing (null); fill or drop these rows.")
                part = plain_numbers(column)[:, None] if width is None else list_numbers(column, width, where, first)
                X[:, start : start + part.shape[1]] = part
                start += part.shape[1]
            first += batch.num_rows
            yield X


def open_parquet(
    paths: Sequence[Path], columns: Sequence[str] | str | None = None, target: str | None = None
) -> tuple[ParquetRows, ...]:
    """The rows of Parquet files with the same columns.

    Args:
      paths: the files, in order.
      columns: names of the features, in order; by default all columns but the target and the index.
      target: the column of labels, which is left out.

    Raises:
      ImportError: pyarrow is not installed.
      ValueError: a file cannot be read, a column is not there, or one that may be the target would be taken along.
      TypeError: a column is not of numbers.
    """
    with opened(paths[0]) as file:
        choice = _choice(file.schema_arrow, paths[0], columns, target)
    parts = tuple(_open_part(path, choice) for path in paths)
    for part in parts[1:]:
        if part.widths != parts[0].widths:
            raise ValueError(f"{part.path}: lists of {part.widths} numbers, but {parts[0].widths} in {paths[0].name}.")
    widths = dict(zip(choice.names, parts[0].widths, strict=True))
    if not choice.explicit and target is None:
        refuse_label_columns(paths, [name for name, width in widths.items() if width is None])
    taken = [name if width is None else f"{name} ({width} numbers)" for name, width in widths.items()]
    notes = (f"features from the columns {shown(taken)}", *choice.notes)
    return tuple(dataclasses.replace(part, notes=notes) for part in parts)


class _Choice(NamedTuple):
    """The columns to take, in NFC; those that are left out; whether the caller has named the columns."""

    names: tuple[str, ...]
    target: str | None
    index: tuple[str, ...]
    explicit: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say of the columns that are left out."""
        return (*index_notes(self.index), *([f"left out as the target: {self.target}"] if self.target else []))


def _choice(schema: Any, path: Path, columns: Sequence[str] | str | None, target: str | None) -> _Choice:
    there = list(spelled(schema, path))
    left = None if target is None else column_of(there, target, "target", str(path))
    if columns is not None:
        asked = [columns] if isinstance(columns, str) else list(columns)
        names = tuple(normalised(name) for name in asked)
        missing = [name for name in names if name not in there]
        if missing or not asked:
            raise ValueError(f"columns must be some of {there[:12]} in {path}, got {missing or asked}.")
        if left in names or len(set(names)) < len(names):
            raise ValueError(f"columns must be different ones without the target, got {asked}, target {target!r}.")
        return _Choice(names, left, (), True)
    index = tuple(name for name in map(normalised, index_columns(schema)) if name != left)
    choice = _Choice(tuple(name for name in there if name != left and name not in index), left, index, False)
    if not choice.names:
        raise ValueError(f"{path} has no column for features: {'; '.join(choice.notes) or 'it has none at all'}.")
    return choice


def _open_part(path: Path, choice: _Choice) -> ParquetRows:
    """One file, whose columns are those of the first, in any order."""
    state = stamp(path)
    with opened(path) as file:
        schema, n = file.schema_arrow, file.metadata.num_rows
        own = spelled(schema, path)
        missing = [name for name in choice.names if name not in own]
        if missing:
            raise ValueError(f"{path} lacks the columns {shown(missing)} of the first file; it has {shown(list(own))}.")
        known = {*choice.names, choice.target, *map(normalised, index_columns(schema))}
        others = [] if choice.explicit else [name for name in own if name not in known]
        if others:
            raise ValueError(f"{path} has the columns {shown(others)}, which the first has not; give columns=[...].")
        if n == 0:
            raise ValueError(f"{path} must hold at least one row, got none.")
        columns = tuple(own[name] for name in choice.names)
        fields = [schema.field(name) for name in columns]
        widths = tuple(list_width(file, field) if is_list(field.type) else None for field in fields)
    dtype = storage_dtype(np.result_type(*(_dtype(field, path) for field in fields)), str(path))
    m = sum(1 if width is None else width for width in widths)
    return ParquetRows(path, (n, m), dtype, columns, widths, state, choice.explicit)


def _dtype(field: Any, path: Path) -> np.dtype:
    """The dtype of a column's numbers, of decimals float64."""
    import pyarrow.types as kinds

    kind = field.type
    kind = kind.value_type if is_list(kind) or kinds.is_dictionary(kind) else kind
    if not is_number(kind):
        raise TypeError(
            f"{path}, column {field.name!r}: expected numbers, or lists of them, got {field.type}; say "
            f"target={field.name!r} if it holds the labels, or columns=[...] to choose the features."
        )
    return np.dtype(np.float64) if kinds.is_decimal(kind) else np.dtype(kind.to_pandas_dtype())
