"""Rows of Parquet files: a feature from each column of numbers, and from each entry of a column of lists.

What a file's pandas metadata name as index is left out, and labels are never taken along in silence: where a column
looks like them, the caller has to say which column is the target, or which ones are features.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from softmax_jax.data.columns import column_of, index_notes, normalised, shown
from softmax_jax.data.files import Stamp, unchanged
from softmax_jax.data.label_columns import refuse_label_columns
from softmax_jax.data.parquet_schema import (
    Column,
    Contents,
    contents,
    feature_matrix,
    feature_names,
    opened,
    without_numbers,
)
from softmax_jax.data.rows.source import Fill, packed, storage_dtype

if TYPE_CHECKING:
    import pyarrow as pa


@dataclasses.dataclass(frozen=True)
class ParquetRows:
    """Rows of a Parquet file.

    Attributes:
      path: the file.
      shape: (n, m).
      dtype: of the rows, to which every column is converted.
      columns: the columns that are taken, in order.
      stamp: of the file when it was opened.
      chosen: whether the caller has named the columns.
      notes: which columns were taken and which were left out, in words.
    """

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype
    columns: tuple[Column, ...]
    stamp: Stamp
    chosen: bool = False
    notes: tuple[str, ...] = ()

    @contextlib.contextmanager
    def reader(self, rows: int) -> Iterator[Fill]:
        """A pass over the file, a group of its rows at a time."""
        with unchanged(self.path, self.stamp), opened(self.path) as file:
            batches = file.iter_batches(rows, columns=[column.name for column in self.columns])
            with packed(self._matrices(batches), self, str(self.path)) as fill:
                yield fill

    def place(self, row: int) -> str:
        """The file and the row in it."""
        return f"{self.path}, row {row}"

    def _matrices(self, batches: Iterator[pa.RecordBatch]) -> Iterator[np.ndarray]:
        """The features (rows, m) of each batch."""
        first = 0
        for batch in batches:
            yield feature_matrix(batch, self.columns, self.dtype, self.path, first)
            first += batch.num_rows


def parquet_rows(file: Contents, names: Sequence[str], dtype: np.dtype | None = None) -> ParquetRows:
    """Rows of columns of numbers.

    Args:
      file: what it holds.
      names: of the columns that are taken, in NFC and in order.
      dtype: of the rows; by default the one that holds all of the columns.

    Raises:
      ValueError: two features have the same name.
    """
    columns = {name: file.columns[name] for name in names}
    common = storage_dtype(dtype or np.result_type(*(column.dtype for column in columns.values())), str(file.path))
    shape = file.n, len(feature_names(columns, file.path))
    return ParquetRows(file.path, shape, common, tuple(columns.values()), file.stamp)


def open_parquet(
    paths: Sequence[Path], columns: Sequence[str] | str | None = None, target: str | None = None
) -> tuple[ParquetRows, ...]:
    """The rows of Parquet files with the same columns, in a dtype that holds all of them.

    Args:
      paths: the files, in order.
      columns: names of the features, in order; by default all columns but the target and the index.
      target: the column of labels, which is left out.

    Raises:
      ImportError: pyarrow is not installed.
      ValueError: a file cannot be read, a column is not there, or one that may be the target would be taken along.
      TypeError: a column is not of numbers.
    """
    files = [contents(path) for path in paths]
    choice = _choice(files[0], columns, target)
    for file in files:
        _check(file, files[0], choice)
    parts = [parquet_rows(file, choice.names) for file in files]
    dtype = np.result_type(*(part.dtype for part in parts))
    widths = {name: files[0].columns[name].width for name in choice.names}
    taken = [name if width is None else f"{name} ({width} numbers)" for name, width in widths.items()]
    notes = (f"features from the columns {shown(taken)}", *choice.notes)
    parts = tuple(dataclasses.replace(part, dtype=dtype, chosen=choice.explicit, notes=notes) for part in parts)
    if not choice.explicit and target is None:
        refuse_label_columns(parts)
    return parts


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


def _choice(file: Contents, columns: Sequence[str] | str | None, target: str | None) -> _Choice:
    there, path = list(file.columns), file.path
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
    index = tuple(name for name in file.index if name != left)
    choice = _Choice(tuple(name for name in there if name != left and name not in index), left, index, False)
    if not choice.names:
        raise ValueError(f"{path} has no column for features: {'; '.join(choice.notes) or 'it has none at all'}.")
    return choice


def _check(file: Contents, first: Contents, choice: _Choice) -> None:
    """Refuse a file whose columns are not those of the first, in any order, or not of numbers."""
    path, own = file.path, file.columns
    missing = [name for name in choice.names if name not in own]
    if missing:
        raise ValueError(f"{path} lacks the columns {shown(missing)} of the first file; it has {shown(list(own))}.")
    known = {*choice.names, choice.target, *file.index}
    others = [] if choice.explicit else [name for name in own if name not in known]
    if others:
        raise ValueError(f"{path} has the columns {shown(others)}, which the first has not; give columns=[...].")
    widths, expected = (tuple(each.columns[name].width for name in choice.names) for each in (file, first))
    if widths != expected:
        raise ValueError(f"{path}: lists of {widths} numbers, but {expected} in {first.path.name}.")
    for name in choice.names:
        if not own[name].is_numeric:
            raise TypeError(
                f"{without_numbers(own[name], path)}; say target={name!r} if it holds the labels, or columns=[...] to "
                "choose the features."
            )
