"""Parquet files as tables in memory: one column per feature, or a column of lists whose entries are features.

A column "e" of lists of 512 numbers gives the features e_0 ... e_511. float32 columns stay float32. The numbers are
those that `open_rows` reads by blocks, all at once.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from softmax_jax.data.columns import labelled
from softmax_jax.data.dataset import Dataset
from softmax_jax.data.labels import refuse_twins, whole_labels
from softmax_jax.data.parquet_schema import contents, feature_names, opened, without_numbers
from softmax_jax.data.rows.parquet import parquet_rows

_BLOCK = 1 << 22  # numbers that are converted at once


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
        self._file = contents(self.path)
        self._homes = feature_names(self._file.columns, self.path)
        self.names = list(self._homes)
        self.index = tuple(name for name, (column, _) in self._homes.items() if column in self._file.index)

    def prepare(self, numbers: Sequence[str], labels: str) -> None:
        """Nothing: columns are read by themselves at no more cost."""

    def members(self, name: str) -> list[str]:
        """The names of the entries of a column of lists."""
        return [entry for entry, (column, _) in self._homes.items() if column == name != entry]

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """The columns `names`, (n, len(names)): float32 where all of them are at most that wide, else float64."""
        taken = {column: self._file.columns[column] for column, _ in map(self._homes.__getitem__, names)}
        for name, column in taken.items():
            if not column.is_numeric:
                words = without_numbers(column, self.path)
                raise ValueError(f"{words}; --drop {shlex.quote(name)} leaves a column out.")
        floats = [column.dtype if column.dtype.kind == "f" else np.float64 for column in taken.values()]
        source = parquet_rows(self._file, list(taken), np.result_type(np.float32, *floats))
        X = np.empty(source.shape, source.dtype)
        with source.reader(max(1, _BLOCK // X.shape[1])) as fill:
            fill(X)
        at = {name: j for j, name in enumerate(feature_names(taken, self.path))}
        return X if list(at) == list(names) else X[:, [at[name] for name in names]]

    def labels(self, name: str) -> np.ndarray:
        """The column `name` (n,): integers, bool or text, as it is stored."""
        import pyarrow as pa

        stored = self._file.columns[self._homes[name][0]].name
        with opened(self.path) as file:
            column = file.read(columns=[stored]).column(stored)
        where = f"{self.path}, column {stored!r}"
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        kind = column.type
        if column.null_count:
            row = int(np.argmax(np.asarray(column.is_null())))
            raise ValueError(f"{where}: the label is missing in row {row}.")
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            labels = np.array(column.to_pylist(), str)
            refuse_twins(np.unique(labels).tolist(), where)
            return labels
        if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            return column.to_numpy()
        if pa.types.is_floating(kind):
            return whole_labels(column.to_numpy(), where)
        raise ValueError(f"{where}: expected labels (text, integers or bool), got {kind}.")


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
