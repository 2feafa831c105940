"""Parquet files: one column per feature, or a column of lists, such as embeddings, whose entries are features.

A column "e" of lists of 512 numbers gives the features e_0 ... e_511. float32 columns stay float32.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.data.columns import labelled, normalised
from softmax_jax.data.dataset import Dataset
from softmax_jax.data.labels import refuse_twins, whole_labels
from softmax_jax.data.parquet_schema import (
    index_columns,
    is_list,
    is_number,
    list_numbers,
    list_width,
    plain_numbers,
    spelled,
    told,
)


class ParquetTable:
    """A Parquet file: its names at once, its columns when asked for.

    Args:
      path: the file.

    Raises:
      ValueError: not a readable Parquet file, or without rows.
      ImportError: pyarrow is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        """Read the schema; of a list column also a row, where only it tells the length."""
        self.path = Path(path)
        self.notes: tuple[str, ...] = ()
        self._loaded: dict[str, np.ndarray] = {}
        with told(self.path):
            import pyarrow.parquet as pq

            self._file = pq.ParquetFile(self.path)
        self.n_rows = self._file.metadata.num_rows
        if self.n_rows == 0:
            raise ValueError(f"{self.path} has columns but no rows of data.")
        schema = self._file.schema_arrow
        spelled(schema, self.path)
        self._homes = dict(self._expanded(schema))
        self.names = list(self._homes)
        index = set(index_columns(schema))
        self.index = tuple(name for name, (column, _) in self._homes.items() if column in index)

    def prepare(self, numbers: Sequence[str], labels: str) -> None:
        """Nothing: a column is read by itself at no more cost."""

    def members(self, name: str) -> list[str]:
        """The names of the entries of a column of lists."""
        return [entry for entry, (column, _) in self._homes.items() if normalised(column) == name != entry]

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
            labels = np.array(column.to_pylist(), str)
            refuse_twins(np.unique(labels).tolist(), where)
            return labels
        if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            return column.to_numpy()
        if pa.types.is_floating(kind):
            return whole_labels(column.to_numpy(), where)
        raise ValueError(f"{where}: expected labels (text, integers or bool), got {kind}.")

    def _expanded(self, schema: Any) -> Iterator[tuple[str, tuple[str, int]]]:
        """Each name of a feature in NFC, and the column and the entry that it stands for."""
        seen: set[str] = set()
        for field in schema:
            name = normalised(field.name)
            found = [(name, (field.name, 0))]
            if is_list(field.type) and is_number(field.type.value_type):
                with told(self.path):
                    width = max(1, list_width(self._file, field))  # 0 is refused where the column is read
                found = [(f"{name}_{j}", (field.name, j)) for j in range(width)]
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
        kind = column.type
        if is_list(kind):
            self._check_number(kind.value_type, name, column[0].as_py())
            return self._lists(column, f"{self.path}, column {name!r}")
        self._check_number(getattr(kind, "value_type", kind), name, column[0].as_py())
        return _floating(plain_numbers(column)).reshape(-1, 1)

    def _lists(self, column: Any, where: str) -> np.ndarray:
        width, start = len(column[0]), 0
        X: np.ndarray | None = None
        for chunk in column.chunks:
            block = _floating(list_numbers(chunk, width, where, start))
            X = np.empty((self.n_rows, width), block.dtype) if X is None else X
            X[start : start + len(chunk)] = block
            start += len(chunk)
        assert X is not None  # there are rows
        return X

    def _check_number(self, kind: Any, name: str, example: Any) -> None:
        if is_number(kind):
            return
        raise ValueError(
            f"{self.path}, column {name!r}: expected numbers, got {kind}, such as {example!r:.40}; "
            f"--drop {shlex.quote(name)} leaves a column out."
        )

    def _column(self, name: str) -> Any:
        with told(self.path):
            return self._file.read(columns=[name]).column(0)


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


def _floating(X: np.ndarray) -> np.ndarray:
    """Integers and truth values as float64."""
    return X if X.dtype.kind == "f" else X.astype(np.float64)


def _finite(X: np.ndarray, where: str) -> np.ndarray:
    bad = ~np.isfinite(X).all(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        value = X[row][~np.isfinite(X[row])][0]
        raise ValueError(f"{where}: expected finite numbers, got {value} in row {row}.")
    return X


def _first_null(column: Any) -> int:
    return int(np.argmax(np.asarray(column.is_null())))
