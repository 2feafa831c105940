"""From a path, a function or an object to a source of rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.data.rows import RowSource
from softmax_jax.data.rows_iterable import rows_of_array, rows_of_blocks, rows_of_function
from softmax_jax.data.rows_npy import open_npy, rows_of_memmap
from softmax_jax.data.rows_parquet import open_parquet
from softmax_jax.data.rows_shards import ShardedRows
from softmax_jax.host import in_numpy

PARQUET = (".parquet", ".pq")


@in_numpy
def open_rows(source: Any, *, columns: Sequence[str] | None = None, dtype: Any = None) -> RowSource:
    """Features that `fit` reads from where they are stored, by blocks of rows, once a pass.

    Args:
      source: path of a .npy file, of a Parquet file, or of a folder of either, read in the order of the names
        (numbers in them by value); a numpy.memmap; an object with `shape`, `dtype` and `blocks(rows)`; or a function
        without arguments that returns an iterable of blocks (., m) anew each time it is called.
      columns: of a Parquet file, the features in order: names, or the name of one column of lists of a fixed size. By
        default all columns.
      dtype: "bfloat16" for a .npy file of it, whose header cannot say so.

    Returns:
      A source of rows, for `fit(source, y)`.

    Raises:
      ValueError: it cannot be read, is cut short, or the shards do not agree in columns and dtype.
      TypeError: it does not hold numbers, or is not such a source.
      ImportError: a Parquet file without pyarrow.
    """
    if isinstance(source, (str, Path)):
        return _open_path(Path(source), columns, dtype)
    if columns is not None or dtype is not None:
        raise ValueError(f"columns and dtype are for files, got a {type(source).__name__}.")
    if isinstance(source, np.memmap):
        return rows_of_memmap(source) or rows_of_array(source)
    if is_source(source):
        return as_source(source)
    function: Any = source
    if callable(function):
        return rows_of_function(function)
    raise TypeError(
        "source must be a path, a numpy.memmap, a function that returns blocks of rows, or an object with shape, "
        f"dtype and blocks(rows), got {type(source).__name__}."
    )


def is_source(X: Any) -> bool:
    """Whether X is read by blocks of rows: a RowSource, or an object with `shape`, `dtype` and `blocks`."""
    named = hasattr(X, "shape") and hasattr(X, "dtype") and callable(getattr(X, "blocks", None))
    return named or isinstance(X, RowSource)


def as_source(X: Any) -> RowSource:
    """X, for which `is_source`, as a RowSource."""
    return X if isinstance(X, RowSource) else rows_of_blocks(X)


def _open_path(path: Path, columns: Sequence[str] | None, dtype: Any) -> RowSource:
    if path.is_dir():
        shards = [p for p in path.iterdir() if p.suffix.lower() in (".npy", *PARQUET)]
        if not shards:
            raise ValueError(f"{path} must hold .npy or Parquet files, got a folder without any.")
        return ShardedRows(tuple(_open_file(p, columns, dtype) for p in sorted(shards, key=_by_numbers)))
    return _open_file(path, columns, dtype)


def _open_file(path: Path, columns: Sequence[str] | None, dtype: Any) -> RowSource:
    if path.suffix.lower() in PARQUET:
        return open_parquet(path, columns)
    if path.suffix.lower() == ".npy":
        return open_npy(path, dtype)
    raise ValueError(f"source must be a .npy or .parquet file, or a folder of them, got {path}.")


def _by_numbers(path: Path) -> list[Any]:
    """A key by which shard-2 comes before shard-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
