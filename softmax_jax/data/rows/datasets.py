"""Rows of a Hugging Face Dataset, which keeps them on disk: read by blocks as Arrow's tables, in the dtype stored."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from softmax_jax.data.columns import shown
from softmax_jax.data.parquet_schema import Column, column_of_field
from softmax_jax.data.rows.arrow import matrix
from softmax_jax.data.rows.source import Fill, packed, storage_dtype

PLACE = "the dataset"


@dataclasses.dataclass(frozen=True)
class DatasetRows:
    """Rows of a Dataset.

    Attributes:
      dataset: with the columns that are taken, in the format "arrow".
      shape: (n, m).
      dtype: of the rows, to which every column is converted.
      taken: the columns that are taken, in order.
    """

    dataset: Any
    shape: tuple[int, int]
    dtype: np.dtype
    taken: tuple[Column, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(column.name for column in self.taken)

    @contextlib.contextmanager
    def reader(self, rows: int) -> Iterator[Fill]:
        """A pass over the rows."""
        with packed(self._matrices(rows), self, PLACE) as fill:
            yield fill

    def place(self, row: int) -> str:
        """The row."""
        return f"{PLACE}, row {row}"

    def _matrices(self, rows: int) -> Iterator[np.ndarray]:
        first = 0
        for start in range(0, self.shape[0], rows):
            for batch in self.dataset[start : start + rows].to_batches():
                yield matrix(batch, self.taken, self.dtype, PLACE, first)
                first += batch.num_rows


def is_dataset(source: Any) -> bool:
    """Whether this is a Dataset with numbered rows, by what it offers; the library is not imported."""
    return all(hasattr(source, name) for name in ("with_format", "select_columns", "column_names", "__len__"))


def open_dataset(dataset: Any, columns: Sequence[str] | str | None) -> DatasetRows:
    """The rows of a Dataset.

    Args:
      dataset: with `select_columns` and `with_format`.
      columns: of the features, in order: of numbers, or of lists of numbers, all of one length; not needed where one
        column alone holds lists of numbers.

    Raises:
      ValueError: there are no rows, no such column, or it is not clear which; or a function makes the values.
      TypeError: a column is not of numbers, or this is a DatasetDict.
    """
    if isinstance(dataset.column_names, dict):
        splits = list(dataset.column_names)
        raise TypeError(f"{PLACE} must be one split, got a DatasetDict of {splits}: pass dataset[{splits[0]!r}].")
    n = len(dataset)
    if n == 0:
        raise ValueError(f"{PLACE} must have at least one row, got none.")
    if dataset.format["type"] == "custom":
        raise ValueError(
            f"{PLACE} must hold its features, got one whose values a function makes (with_transform): store them by "
            "map, or pass a function that yields blocks."
        )
    row = dataset.with_format("arrow")[:1]
    found = {field.name: column_of_field(field, lambda name: row.column(name)[0].as_py()) for field in row.schema}
    lists = [name for name, column in found.items() if column.width is not None]
    names = lists if columns is None else [columns] if isinstance(columns, str) else list(columns)
    missing = [name for name in names if name not in found]
    if missing or not names or len(set(names)) < len(names) or (columns is None and len(lists) != 1):
        asked = f"no {shown(missing)}" if missing else "none" if columns is None else str(names)
        kinds = [f"{field.name} ({field.type})" for field in row.schema]
        raise ValueError(f"columns must name different columns of features, got {asked}; there are {shown(kinds)}.")
    taken = tuple(found[name] for name in names)
    for column in taken:
        if not column.is_numeric:
            raise TypeError(f"{PLACE}, column {column.name!r}: expected numbers, or lists of them, got {column.kind}.")
    dtype = storage_dtype(np.result_type(*(column.dtype for column in taken)), PLACE)
    shape = n, sum(1 if column.width is None else column.width for column in taken)
    return DatasetRows(dataset.select_columns(names).with_format("arrow"), shape, dtype, taken)
