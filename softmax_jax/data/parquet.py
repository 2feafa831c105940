"""Parquet files as tables in memory: one column per feature, or a column of lists whose entries are features.

A column "e" of lists of 512 numbers gives the features e_0 ... e_511. float32 columns stay float32. The numbers are
those that `open_rows` reads by blocks, all at once.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.data.columns import labelled, shown
from softmax_jax.data.dataset import Dataset
from softmax_jax.data.labels import checked_labels, joined_labels
from softmax_jax.data.parquet_schema import Contents, contents, opened
from softmax_jax.data.rows.parquet import parquet_rows
from softmax_jax.data.rows.reading import some_columns
from softmax_jax.data.rows.shards import ShardedRows

_BLOCK = 1 << 22  # numbers that are converted at once


class ParquetTable:
    """A Parquet file, or several with the same columns, found by name: its names at once, its columns when asked for.

    Args:
      path: the file, or the folder of the shards.
      shards: files whose rows are one after the other; by default the file alone.
      notes: what was decided in reading, in words.
      streamed: whether `numbers` are a source of rows, which leaves them where they are.

    Raises:
      ValueError: not a readable Parquet file, without rows, or shards of different columns.
      ImportError: pyarrow is not installed.
    """

    def __init__(
        self, path: str | Path, shards: Sequence[Path] = (), notes: tuple[str, ...] = (), *, streamed: bool = False
    ) -> None:
        """Read the schemas; of a list column also a row, where only it tells the length."""
        self.path, self.notes, self.streamed = Path(path), notes, streamed
        self._files = [contents(part) for part in shards or (self.path,)]
        homes = [file.features(file.columns) for file in self._files]
        pairs = list(zip(self._files, homes, strict=True))
        index = {name for file, named in pairs for name, column in named.items() if column in file.index}
        for file, named in pairs[1:]:
            odd = sorted((named.keys() ^ homes[0].keys()) - index)
            if odd:
                first = self._files[0].path.name
                raise ValueError(f"{file.path} and {first} must have the same columns; {shown(odd)} differ.")
        self.names = {name: column for name, column in homes[0].items() if all(name in named for named in homes)}
        self.index = tuple(name for name in self.names if name in index)

    def numbers(self, names: Sequence[str]) -> Any:
        """The columns `names`, (n, len(names)): float32 where all of them are at most that wide, else float64."""
        asked = {self.names[name] for name in names}
        columns = [name for name in self._files[0].columns if name in asked]
        for file in self._files:
            for name, words in file.without_numbers(columns):
                raise ValueError(f"{words}; --drop {shlex.quote(name)} leaves a column out.")
        dtypes = [file.columns[name].dtype for file in self._files for name in columns]
        dtype = np.result_type(np.float32, *(each if each.kind == "f" else np.float64 for each in dtypes))
        parts = (parquet_rows(file, columns, dtype) for file in self._files)
        source = ShardedRows(tuple(dataclasses.replace(part, chosen=True) for part in parts))
        X: Any = source
        if not self.streamed:
            X = np.empty(source.shape, dtype)
            with source.reader(max(1, _BLOCK // X.shape[1])) as fill:
                fill(X)
        there = [name for name, column in self.names.items() if column in asked]
        at = dict(zip(there, range(len(there)), strict=True))
        return X if there == list(names) else some_columns(X, [at[name] for name in names])

    def labels(self, name: str, beside: Sequence[str] = ()) -> np.ndarray:
        """The column `name` (n,): integers, bool or text, as it is stored.

        Args:
          name: of the column.
          beside: columns that are read by themselves at no more cost.
        """
        parts = [_labels(file, self.names[name]) for file in self._files]
        return joined_labels(parts, [file.path for file in self._files])


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


def _labels(file: Contents, name: str) -> np.ndarray:
    """The column `name` of a file as labels."""
    import pyarrow as pa

    stored, where = file.columns[name].name, f"{file.path}, column {name!r}"
    with opened(file.path) as opened_file:
        column = opened_file.read(columns=[stored]).column(stored)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if column.null_count:
        row = int(np.argmax(np.asarray(column.is_null())))
        raise ValueError(f"{where}: the label is missing in row {row}.")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return checked_labels(np.array(column.to_pylist(), str), where)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind):
        return checked_labels(column.to_numpy(), where)
    raise ValueError(f"{where}: expected labels (text, integers or bool), got {kind}.")
