"""What the readers of Parquet files share: which columns hold numbers, lists of them, or the index of a data frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.data.columns import NAMELESS, normalised


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What may go wrong with the bytes of a file, as a ValueError that names it; an ImportError without pyarrow."""
    try:
        import pyarrow.parquet  # noqa: F401
        from pyarrow import ArrowException
    except ImportError as error:
        raise ImportError("reading Parquet files needs pyarrow: pip install 'softmax_jax[data]'") from error
    try:
        yield
    except (ArrowException, OSError) as error:
        words = getattr(error, "strerror", None) or " ".join(str(error).split())[:200].rstrip(".")
        raise ValueError(f"{path} cannot be read as a Parquet file: {words}.") from error


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The open Parquet file."""
    with told(path):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            yield file


def index_columns(schema: Any) -> tuple[str, ...]:
    """Columns, in the file's spelling, that number the rows: by the file's pandas metadata, or by pandas' own names."""
    try:
        metadata = schema.pandas_metadata or {}
    except ValueError:  # not JSON
        metadata = {}
    named = [name for name in metadata.get("index_columns", ()) if isinstance(name, str)]  # a range is not stored
    return tuple(name for name in schema.names if name in named or NAMELESS.fullmatch(name))


def spelled(schema: Any, path: Path) -> dict[str, str]:
    """The name of each column in NFC, and as the file spells it.

    Raises:
      ValueError: two columns have the same name.
    """
    found: dict[str, str] = {}
    for name in schema.names:
        if normalised(name) in found:
            raise ValueError(f"{path}: column names must differ, {name!r} occurs more than once.")
        found[normalised(name)] = name
    return found


def is_number(kind: Any) -> bool:
    """Whether a pyarrow type is one of numbers."""
    import pyarrow.types as kinds

    return kinds.is_floating(kind) or kinds.is_integer(kind) or kinds.is_boolean(kind) or kinds.is_decimal(kind)


def is_list(kind: Any) -> bool:
    """Whether a pyarrow type is one of lists, of a fixed size or not."""
    import pyarrow.types as kinds

    return kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)


def list_width(file: Any, field: Any) -> int:
    """How many numbers the lists of a column hold, by its type or else its first row; 0 where that is missing."""
    size = getattr(field.type, "list_size", None)
    if size is not None:
        return size
    batch = next(file.iter_batches(batch_size=1, columns=[field.name]), None)
    first = None if batch is None else batch.column(0)[0].as_py()
    return 0 if first is None else len(first)


def list_numbers(column: Any, width: int, where: str, start: int = 0) -> np.ndarray:
    """The lists of an array without nulls as (rows, width).

    Raises:
      ValueError: one is of another length, or lacks a number; rows count from `start`.
    """
    values = column.flatten()
    lengths = np.asarray(column.value_lengths())
    if (lengths != width).any() or values.null_count or width == 0:
        row, what = int(np.argmax(lengths != width)), "missing numbers"
        if lengths[row] != width or width == 0:
            what = f"{lengths[row]} numbers"
        else:
            row = int(np.argmax(np.asarray(values.is_null()))) // width
        raise ValueError(
            f"{where}: expected lists of {width or 'at least 1'} numbers in all rows, got {what} in row {start + row}."
        )
    return plain_numbers(values).reshape(len(column), width)


def plain_numbers(column: Any) -> np.ndarray:
    """Numbers of an array without nulls in NumPy, decimals as float64."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64(), safe=False)
    return column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
