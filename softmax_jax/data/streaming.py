"""Files whose features need not be in memory: how large they would be there, and their rows, read by blocks.

.npy files, folders of .npy or Parquet shards, Parquet files and matrices of safetensors files are such; all others are
read whole.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from softmax_jax.data.columns import positions
from softmax_jax.data.dataset import Unlabelled
from softmax_jax.data.npy import read_header
from softmax_jax.data.parquet_schema import contents
from softmax_jax.data.rows.npy import open_npy
from softmax_jax.data.rows.shards import ShardedRows
from softmax_jax.data.rows.source import RowSource, computed_in, storage_dtype
from softmax_jax.data.rows.tensors import chosen_tensor, is_tensor_file, numbers_of, tensor_path
from softmax_jax.data.shards import PARQUET, find_shards, has_shards

FORMS = ".npy files, folders of .npy or Parquet shards, Parquet files and matrices of safetensors files"


def bytes_in_memory(source: str | Path) -> int | None:
    """What the features of a file or folder would take in memory; None where they can only be read whole.

    Args:
      source: as for `load_data`.

    Raises:
      ValueError: a file cannot be read.
      ImportError: a Parquet file without pyarrow.
    """
    if is_tensor_file(source):
        return _of_tensor(source)
    path = Path(source)
    if path.is_dir() and has_shards(path):
        files = find_shards(path).features
    elif path.is_file() and path.suffix.lower() in (".npy", *PARQUET):
        files = (path,)
    else:
        return None
    sizes = [_of_parquet(file) if file.suffix.lower() in PARQUET else _of_npy(file) for file in files]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def open_arrays(path: Path) -> Unlabelled:
    """Rows of a .npy file, or of the .npy shards of a folder, where they are; images are flattened.

    Args:
      path: the file or folder.

    Raises:
      ValueError: a file cannot be read, or the shards do not agree.
      TypeError: a file does not hold numbers.
    """
    if not path.is_dir():
        source, images = open_npy(path, flat=True), _images(path)
        return Unlabelled(source, positions(source.shape[1]), images)
    shards = find_shards(path)
    rows: RowSource = ShardedRows(tuple(open_npy(file, flat=True) for file in shards.features))
    first, *others = shards.features
    for file in others:
        if _images(file) != _images(first):
            raise ValueError(f"{file}: rows of shape {_row_shape(file)}, but {_row_shape(first)} in {first.name}.")
    return Unlabelled(rows, positions(rows.shape[1]), _images(first), shards.notes)


def streamed_note(X: RowSource) -> str:
    """What to say of rows that are read by blocks."""
    size, unit = float(math.prod(X.shape) * computed_in(X.dtype).itemsize), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size >= 1024:
            size, unit = size / 1024, larger
    return f"streamed: {size:.4g} {unit} are read by blocks of rows in every pass, not kept in memory"


def check_streamed(source: str | Path) -> None:
    """Raise ValueError where DATA can only be read whole.

    Args:
      source: as for `load_data`.
    """
    if bytes_in_memory(source) is None:
        refuse_streamed(str(source))


def refuse_streamed(source: str) -> None:
    """Raise ValueError for DATA that can only be read whole."""
    raise ValueError(f"streamed (--stream) is for {FORMS}; {source} is read whole: leave --stream out.")


def _of_npy(path: Path) -> int | None:
    shape, by_columns, dtype, _ = read_header(path)
    try:
        stored = storage_dtype(dtype, str(path))
    except TypeError:
        return None  # of longdouble, or what no reader takes
    return None if by_columns and len(shape) > 2 else math.prod(shape) * computed_in(stored).itemsize


def _of_tensor(source: str | Path) -> int | None:
    path, name = tensor_path(source)
    tensor = chosen_tensor(path, name)
    return math.prod(tensor.shape) * computed_in(numbers_of(tensor, path)).itemsize if len(tensor.shape) == 2 else None


def _of_parquet(path: Path) -> int:
    file = contents(path)
    widths = [column.width or 1 for column in file.columns.values() if column.is_numeric]
    dtypes = [computed_in(np.dtype(column.dtype)) for column in file.columns.values() if column.is_numeric]
    return file.n * sum(widths) * max((dtype.itemsize for dtype in dtypes), default=4)


def _images(path: Path) -> tuple[int, ...] | None:
    """(height, width) where the rows of a .npy file are images."""
    shape, *_ = read_header(path)
    return shape[1:] if len(shape) == 3 else None


def _row_shape(path: Path) -> tuple[int, ...]:
    """Of a row of a .npy file, as stored."""
    return read_header(path)[0][1:]
