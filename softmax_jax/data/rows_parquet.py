"""Rows of a Parquet file: a column for each feature, or one column of lists of a fixed size."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.data.rows import Fill, Stamp, packed, stamp, storage_dtype, unchanged


@dataclasses.dataclass(frozen=True)
class ParquetRows:
    """Rows of a Parquet file.

    Attributes:
      path: the file.
      shape: (n, m).
      dtype: the common dtype of the columns.
      columns: a name for each feature, or the name of the one column of lists.
      is_list: whether it is a column of lists.
      stamp: of the file when it was opened.
    """

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype
    columns: tuple[str, ...]
    is_list: bool
    stamp: Stamp

    @contextlib.contextmanager
    def reader(self, rows: int) -> Iterator[Fill]:
        """A pass over the file, a group of its rows at a time."""
        with unchanged(self.path, self.stamp), _open(self.path) as file:
            batches = file.iter_batches(batch_size=rows, columns=list(self.columns))
            with packed(map(self._matrix, batches), self, str(self.path)) as fill:
                yield fill

    def place(self, row: int) -> str:
        """The file and the row in it."""
        return f"{self.path}, row {row}"

    def _matrix(self, batch: Any) -> np.ndarray:
        """The features (rows, m) of a batch."""
        for name, column in zip(self.columns, batch.columns, strict=True):
            values = column.flatten() if self.is_list else column
            if column.null_count or values.null_count:
                raise ValueError(f"{self.path}, column {name!r}: values are missing (null); fill or drop these rows.")
        if self.is_list:
            return _numbers(batch.column(0).flatten()).reshape(-1, self.shape[1]).astype(self.dtype, copy=False)
        X = np.empty((batch.num_rows, self.shape[1]), self.dtype)
        for j, column in enumerate(batch.columns):
            X[:, j] = _numbers(column)
        return X


def open_parquet(path: Path, columns: Sequence[str] | None = None) -> ParquetRows:
    """The rows of a Parquet file.

    Args:
      path: the file.
      columns: names of the features, in order; by default all columns.

    Raises:
      ImportError: pyarrow is not installed.
      ValueError: the file cannot be read, or a column is not there.
      TypeError: a column is not of numbers.
    """
    state = stamp(path)
    with _open(path) as file:
        schema, n = file.schema_arrow, file.metadata.num_rows
    names = tuple(schema.names if columns is None else columns)
    missing = [name for name in names if name not in schema.names]
    if missing or not names:
        raise ValueError(f"columns must be some of {schema.names[:12]} in {path}, got {missing or list(names)}.")
    if n == 0:
        raise ValueError(f"{path} must hold at least one row, got none.")
    types = [schema.field(name).type for name in names]
    size = getattr(types[0], "list_size", None)
    if size is not None and len(names) == 1:
        dtype = _dtype(types[0].value_type, path, names[0])
        return ParquetRows(path, (n, size), dtype, names, True, state)
    dtypes = [_dtype(each, path, name) for each, name in zip(types, names, strict=True)]
    dtype = storage_dtype(np.result_type(*dtypes), str(path))
    return ParquetRows(path, (n, len(names)), dtype, names, False, state)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Any]:
    try:
        import pyarrow as pa  # the library itself does without it
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError("reading Parquet files needs pyarrow: pip install 'softmax_jax[data]'") from error
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read as a Parquet file: {error}") from error


def _dtype(kind: Any, path: Path, name: str) -> np.dtype:
    try:
        dtype = np.dtype(kind.to_pandas_dtype())
    except (NotImplementedError, TypeError):
        dtype = np.dtype(object)
    if dtype.kind not in "biuf":
        raise TypeError(
            f"{path}, column {name!r}: expected numbers, or one column of lists of a fixed size, got {kind}."
        )
    return dtype


def _numbers(column: Any) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False)
