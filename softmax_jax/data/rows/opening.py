"""From a path, a function or an object to a source of rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from softmax_jax.data.label_columns import refuse_copies
from softmax_jax.data.rows.datasets import is_dataset, open_dataset
from softmax_jax.data.rows.iterable import rows_of_array, rows_of_blocks, rows_of_function
from softmax_jax.data.rows.npy import NpyRows, open_npy, rows_of_memmap
from softmax_jax.data.rows.parquet import ParquetRows, open_parquet
from softmax_jax.data.rows.shards import ShardedRows
from softmax_jax.data.rows.source import RowSource
from softmax_jax.data.rows.tensors import is_tensor_file, open_tensor, tensor_path
from softmax_jax.data.shards import PARQUET, find_shards
from softmax_jax.runtime.host import in_numpy


@in_numpy
def open_rows(
    source: Any,
    *,
    columns: Sequence[str] | str | None = None,
    target: str | None = None,
    dtype: DTypeLike | None = None,
    tensor: str | None = None,
) -> RowSource:
    """Features that `fit` reads from where they are stored, by blocks of rows, once a pass.

    Args:
      source: path of a .npy file, of a Parquet file, or of a folder of either, read in the order of the numbers in
        the names (X*.npy alone, where there are such; `read_labels(folder)` has y*.npy in the same order); path of a
        safetensors file; a numpy.memmap; a Hugging Face Dataset; an object with `shape`, `dtype` and `blocks(rows)`; or
        a function without arguments that returns an iterable of blocks (., m) anew each time it is called.
      columns: of a Parquet file, the features in order: names of columns of numbers, or of lists of numbers, all of
        one length. By default all columns but the target and those that a data frame had as its index. Of a Dataset
        likewise; by default its only column of lists.
      target: of a Parquet file, the column of labels, which is left out. Without it and without columns, a file with a
        column that may be labels (whole numbers that occur again) is refused.
      dtype: "bfloat16" for a .npy file of it, whose header cannot say so.
      tensor: its name in a safetensors file, which may also be told as "file.safetensors:NAME"; not needed where one
        tensor alone has two dimensions or more.

    Returns:
      A source of rows, for `fit(source, y)`; that of a folder or a Parquet file says in `notes` which columns were
      taken and in which order its files are read.

    Raises:
      ValueError: it cannot be read, is cut short, or the shards do not agree in columns and dtype.
      TypeError: it does not hold numbers, or is not such a source.
      ImportError: a Parquet file without pyarrow.
    """
    if isinstance(source, (str, Path)):
        if is_tensor_file(source):
            path, name = tensor_path(source)
            _refuse_options("safetensors files", columns=columns, target=target, dtype=dtype)
            if name is not None:
                _refuse_options(f"{source}, which names one", tensor=tensor)
            return open_tensor(path, tensor if name is None else name)
        _refuse_options("anything but safetensors files", tensor=tensor)
        return _open_path(Path(source), columns, target, dtype)
    if is_dataset(source):
        _refuse_options("a Dataset", target=target, dtype=dtype, tensor=tensor)
        return open_dataset(source, columns)
    _refuse_options("anything but safetensors files", tensor=tensor)
    if any(option is not None for option in (columns, target, dtype)):
        raise ValueError(f"columns, target and dtype are for files, got a {type(source).__name__}.")
    if isinstance(source, np.memmap):
        return rows_of_memmap(source) or rows_of_array(source)
    if is_source(source):
        return as_source(source)
    function: Any = source
    if callable(function):
        return rows_of_function(function)
    raise TypeError(
        "source must be a path, a numpy.memmap, a Hugging Face Dataset, a function that returns blocks of rows, or an "
        f"object with shape, dtype and blocks(rows), got {type(source).__name__}."
    )


def is_source(X: object) -> bool:
    """Whether X is read by blocks of rows: a RowSource, or an object with `shape`, `dtype` and `blocks`."""
    named = hasattr(X, "shape") and hasattr(X, "dtype") and callable(getattr(X, "blocks", None))
    return named or isinstance(X, RowSource)


def as_source(X: Any) -> RowSource:
    """X, for which `is_source`, as a RowSource."""
    return X if isinstance(X, RowSource) else rows_of_blocks(X)


def refuse_labels_among(X: RowSource, T: np.ndarray) -> None:
    """Raise ValueError where Parquet files hold their own labels as a feature that nobody asked for by name.

    Args:
      X: source of rows.
      T: (n,) the class of each row; of soft targets nothing is said.
    """
    parts = X.parts if isinstance(X, ShardedRows) else (X,)
    files = [part for part in parts if isinstance(part, ParquetRows) and not part.chosen]
    if T.ndim == 1 and len(files) == len(parts):
        refuse_copies([part.taken_part for part in files], T)


def _refuse_options(of: str, **options: Any) -> None:
    """Raise ValueError for options that do not go with a source."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ValueError(f"{given[0]} is not for {of}, got {given[0]}={options[given[0]]!r}.")


def _open_path(
    path: Path, columns: Sequence[str] | str | None, target: str | None, dtype: DTypeLike | None
) -> RowSource:
    paths: Sequence[Path] = [path]
    notes: tuple[str, ...] = ()
    if path.is_dir():
        _, paths, _, notes = find_shards(path)
    suffix = paths[0].suffix.lower()
    if suffix in PARQUET:
        parts: Sequence[ParquetRows | NpyRows] = open_parquet(paths, columns, target)
    elif suffix == ".npy":
        if columns is not None or target is not None:
            raise ValueError(f"columns and target are for Parquet files, got {path}, whose columns have no names.")
        parts = [open_npy(part, dtype) for part in paths]
    else:
        raise ValueError(
            f"source must be a .npy, .parquet or .safetensors file, or a folder of .npy or .parquet, got {path}."
        )
    return ShardedRows(tuple(parts), (*notes, *getattr(parts[0], "notes", ()))) if path.is_dir() else parts[0]
