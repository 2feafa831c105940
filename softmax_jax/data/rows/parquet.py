"""Rows of Parquet files: a feature from each column of numbers, and from each entry of a column of lists.

What a file's pandas metadata name as index is left out, and labels are never taken along in silence: where a column
looks like them, the caller has to say which column is the target, or which ones are features.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from softmax_jax.data.columns import column_of, index_notes, normalised, shown
from softmax_jax.data.files import Stamp, unchanged
from softmax_jax.data.label_columns import Part, refuse_label_columns
from softmax_jax.data.parquet_schema import Column, Contents, contents, opened
from softmax_jax.data.rows.arrow import matrix
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
      taken: the columns that are taken, in order.
      stamp: of the file when it was opened.
      chosen: whether the caller has named the columns.
      notes: which columns were taken and which were left out, in words.
    """

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype
    taken: tuple[Column, ...]
    stamp: Stamp
    chosen: bool = False
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names, as the file spells them."""
        return tuple(column.name for column in self.taken)

    @property
    def taken_part(self) -> Part:
        """What is looked through for labels."""
        return Part(self.path, self.shape, self.taken)

    @contextlib.contextmanager
    def reader(self, rows: int) -> Iterator[Fill]:
        """A pass over the file, a group of its rows at a time."""
        with unchanged(self.path, self.stamp), opened(self.path) as file:
            batches = file.iter_batches(rows, columns=list(self.columns))
            with packed(self._matrices(batches), self, str(self.path)) as fill:
                yield fill

    def place(self, row: int) -> str:
        """The file and the row in it."""
        return f"{self.path}, row {row}"

    def _matrices(self, batches: Iterable[pa.RecordBatch]) -> Iterator[np.ndarray]:
        """The features (rows, m) of each batch."""
        first = 0
        for batch in batches:
            yield matrix(batch, self.taken, self.dtype, str(self.path), first)
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
    shape = file.n, len(file.features(names))
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
    names, left_out = _choice(files, columns, target)
    for file in files:
        _check(file, files[0], names, columns is None)
    parts = [parquet_rows(file, names) for file in files]
    dtype = np.result_type(*(part.dtype for part in parts))
    widths = {name: files[0].columns[name].width for name in names}
    taken = [name if width is None else f"{name} ({width} numbers)" for name, width in widths.items()]
    notes = (f"features from the columns {shown(taken)}", *left_out)
    rows = tuple(dataclasses.replace(part, dtype=dtype, chosen=columns is not None, notes=notes) for part in parts)
    if columns is None and target is None:
        refuse_label_columns([part.taken_part for part in rows])
    return rows


def _choice(
    files: Sequence[Contents], columns: Sequence[str] | str | None, target: str | None
) -> tuple[list[str], tuple[str, ...]]:
    """The names, in NFC, of the columns to take, and what to say of those that are left out."""
    there, path = list(files[0].columns), files[0].path
    left = None if target is None else column_of(there, target, "target", str(path))
    notes = () if left is None else (f"left out as the target: {left}",)
    if columns is not None:
        asked = [columns] if isinstance(columns, str) else list(columns)
        names = [normalised(name) for name in asked]
        missing = [name for name in names if name not in there]
        if missing or not asked:
            raise ValueError(f"columns must be some of {there[:12]} in {path}, got {missing or asked}.")
        if left in names or len(set(names)) < len(names):
            raise ValueError(f"columns must be different ones without the target, got {asked}, target {target!r}.")
        return names, notes
    index = [name for name in there if name != left and any(name in file.index for file in files)]
    names, notes = [name for name in there if name not in {left, *index}], (*index_notes(index), *notes)
    if not names:
        raise ValueError(f"{path} has no column for features: {'; '.join(notes) or 'it has none at all'}.")
    return names, notes


def _check(file: Contents, first: Contents, names: Sequence[str], all_columns: bool) -> None:
    """Refuse a file whose columns are not those of the first, in any order, or not of numbers."""
    path, own = file.path, file.columns
    missing = [name for name in names if name not in own]
    if missing:
        raise ValueError(f"{path} lacks the columns {shown(missing)} of the first file; it has {shown(list(own))}.")
    others = [name for name in own if all_columns and name not in first.columns and name not in file.index]
    if others:
        raise ValueError(f"{path} has the columns {shown(others)}, which the first has not; give columns=[...].")
    widths, expected = (tuple(each.columns[name].width for name in names) for each in (file, first))
    if widths != expected:
        raise ValueError(f"{path}: lists of {widths} numbers, but {expected} in {first.path.name}.")
    for name, words in file.without_numbers(names):
        remedy = f"say target={name!r} if it holds the labels, or columns=[...] to choose the features"
        raise TypeError(f"{words}; {remedy}.")
