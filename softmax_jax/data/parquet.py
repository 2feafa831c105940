"""Parquet files: one column per feature, or a column of lists, such as embeddings, whose entries are features.

A column "e" of lists of 512 numbers gives the features e_0 ... e_511. float32 columns stay float32.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.data.columns import labelled, whole_labels
from softmax_jax.data.dataset import Dataset


class ParquetTable:
    """A Parquet file: its names at once, its columns when asked for.

    Args:
      path: the file.

    Raises:
      ValueError: not a readable Parquet file, without rows, or with lists of different lengths.
      ImportError: pyarrow is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        """Read the schema; of a list column also the data, where only they tell its length."""
        self.path = Path(path)
        try:
            import pyarrow.parquet as pq
        except ImportError as error:
            raise ImportError("reading Parquet files needs pyarrow: pip install 'softmax_jax[data]'") from error
        self._loaded: dict[str, np.ndarray] = {}
        with self._told():
            self._file = pq.ParquetFile(self.path)
        self.n_rows = self._file.metadata.num_rows
        if self.n_rows == 0:
            raise ValueError(f"{self.path} has columns but no rows of data.")
        self._homes = dict(self._expanded())
        self.names = list(self._homes)

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """The columns `names`, (n, len(names)): float32 where all of them are at most that wide, else float64."""
        runs = [
            (column, [self._homes[name][1] for name in run])
            for column, run in itertools.groupby(names, key=lambda name: self._homes[name][0])
        ]
        dtype = np.result_type(np.float32, *(self._matrix(column).dtype for column, _ in runs))
        if len(runs) == 1 and runs[0][1] == list(range(self._matrix(runs[0][0]).shape[1])):
            return self._loaded.pop(runs[0][0]).astype(dtype, copy=False)
        X, start = np.empty((self.n_rows, len(names)), dtype), 0
        for column, index in runs:
            X[:, start : start + len(index)] = self._matrix(column)[:, index]
            start += len(index)
        self._loaded.clear()
        return X

    def labels(self, name: str) -> np.ndarray:
        """The column `name` (n,): integers, bool or text, as it is stored."""
        import pyarrow as pa

        where = f"{self.path}, column {name!r}"
        column = self._column(self._homes[name][0])
        kind = column.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
            column = column.cast(kind)
        if column.null_count:
            raise ValueError(f"{where}: the label is missing in row {_first_null(column)}.")
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return np.array(column.to_pylist(), str)
        if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            return column.to_numpy()
        if pa.types.is_floating(kind):
            return whole_labels(column.to_numpy().astype(np.float64), where)
        raise ValueError(f"{where}: expected labels (text, integers or bool), got {kind}.")

    def _expanded(self) -> Iterator[tuple[str, tuple[str, int]]]:
        """Each name of a feature, and the column and the entry that it stands for."""
        import pyarrow.types as kinds

        schema = self._file.schema_arrow
        seen: set[str] = set()
        for field in schema:
            is_list = (kinds.is_list(field.type) or kinds.is_large_list(field.type)) and _is_number(
                field.type.value_type
            )
            if is_list or kinds.is_fixed_size_list(field.type):
                width = self._matrix(field.name).shape[1] if is_list else field.type.list_size
                found = [(f"{field.name}_{j}", (field.name, j)) for j in range(width)]
            else:
                found = [(field.name, (field.name, 0))]
            for name, home in found:
                if name in seen:
                    raise ValueError(f"{self.path}: column names must differ, {name!r} occurs more than once.")
                seen.add(name)
                yield name, home

    def _matrix(self, name: str) -> np.ndarray:
        """One column of the file as (n, width) finite numbers."""
        if name not in self._loaded:
            column = self._column(name)
            if column.null_count:
                raise ValueError(
                    f"{self.path}, column {name!r}: the value is missing in row {_first_null(column)}; fill it in or "
                    "drop the row."
                )
            self._loaded[name] = _finite(self._values(column, name), f"{self.path}, column {name!r}")
        return self._loaded[name]

    def _values(self, column: Any, name: str) -> np.ndarray:
        import pyarrow.types as kinds

        kind = column.type
        if kinds.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
            return self._lists(column, name)
        self._check_number(kind, name, column[0].as_py())
        return _plain(column).reshape(-1, 1)

    def _lists(self, column: Any, name: str) -> np.ndarray:
        where = f"{self.path}, column {name!r}"
        self._check_number(column.type.value_type, name, column[0].as_py())
        width, start = len(column[0]), 0
        X: np.ndarray | None = None
        for chunk in column.chunks:
            values = chunk.flatten()
            lengths = np.asarray(chunk.value_lengths())
            if (lengths != width).any() or values.null_count or width == 0:
                row = start + int(np.argmax(lengths != width))
                what = "missing numbers" if values.null_count else f"{lengths[row - start]} numbers"
                raise ValueError(
                    f"{where}: expected lists of {width} >= 1 numbers in all rows, got {what} in row {row}."
                )
            block = _plain(values).reshape(len(chunk), width)
            X = np.empty((self.n_rows, width), block.dtype) if X is None else X
            X[start : start + len(chunk)] = block
            start += len(chunk)
        assert X is not None  # there are rows
        return X

    def _check_number(self, kind: Any, name: str, example: Any) -> None:
        if _is_number(kind):
            return
        raise ValueError(
            f"{self.path}, column {name!r}: expected numbers, got {kind}, such as {example!r:.40}; "
            f"--drop {shlex.quote(name)} leaves a column out."
        )

    def _column(self, name: str) -> Any:
        with self._told():
            return self._file.read(columns=[name]).column(0)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What may go wrong with the bytes of the file, as a ValueError that names it."""
        from pyarrow import ArrowException

        try:
            yield
        except (ArrowException, OSError) as error:
            words = getattr(error, "strerror", None) or " ".join(str(error).split())[:200].rstrip(".")
            raise ValueError(f"{self.path} cannot be read as a Parquet file: {words}.") from error


def read_parquet(path: str | Path, target: str | None) -> Dataset:
    """Features and labels from a Parquet file.

    Args:
      path: the file.
      target: name of the column of labels; all others are features.

    Returns:
      Dataset; its features are float32 where no column is wider, else float64.

    Raises:
      ValueError: the file cannot be read, or a column or cell is not what it should be; the message names it.
      ImportError: pyarrow is not installed.
    """
    return labelled(ParquetTable(path), target)


def _is_number(kind: Any) -> bool:
    import pyarrow.types as kinds

    return kinds.is_floating(kind) or kinds.is_integer(kind) or kinds.is_boolean(kind) or kinds.is_decimal(kind)


def _plain(column: Any) -> np.ndarray:
    """Numbers as a floating NumPy array: integers, bool and decimals as float64."""
    import pyarrow as pa

    if not pa.types.is_floating(column.type):
        column = column.cast(pa.uint8()) if pa.types.is_boolean(column.type) else column
        column = column.cast(pa.float64(), safe=False)
    return column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()


def _finite(X: np.ndarray, where: str) -> np.ndarray:
    bad = ~np.isfinite(X).all(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        value = X[row][~np.isfinite(X[row])][0]
        raise ValueError(f"{where}: expected finite numbers, got {value} in row {row}.")
    return X


def _first_null(column: Any) -> int:
    return int(np.argmax(np.asarray(column.is_null())))
