"""What a Parquet file holds, and its rows as features: what both readers, into memory and by blocks, stand on.

Features are columns of numbers, and the entries of columns of lists of numbers, all of one length. Decimals become
float64; dictionaries are their values. What has missing values or NaN, or is no matrix, is refused by column and row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from softmax_jax.data.columns import NAMELESS, distinct, normalised
from softmax_jax.data.files import Stamp, stamp, told

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile


class Column(NamedTuple):
    """A column of a file.

    Attributes:
      name: as the file spells it.
      kind: the type of its numbers; its whole type where it holds none.
      width: how many numbers its lists hold, by its type or else the first row, 0 where that is missing; None where it
        does not hold lists of numbers.
    """

    name: str
    kind: pa.DataType
    width: int | None

    @property
    def is_numeric(self) -> bool:
        """Whether it holds numbers, or lists of them."""
        return _is_number(self.kind)

    @property
    def dtype(self) -> np.dtype:
        """Of its numbers in NumPy."""
        import pyarrow.types as kinds

        return np.dtype(np.float64 if kinds.is_decimal(self.kind) else self.kind.to_pandas_dtype())


class Contents(NamedTuple):
    """What a file holds.

    Attributes:
      path: the file.
      n: its rows.
      columns: by their names in NFC.
      index: names, in NFC, of the columns that number the rows of a data frame.
      stamp: of the file when it was looked into.
    """

    path: Path
    n: int
    columns: dict[str, Column]
    index: tuple[str, ...]
    stamp: Stamp


@contextmanager
def opened(path: Path) -> Iterator[ParquetFile]:
    """The open file; what may be wrong with it is a ValueError that names it, and an ImportError without pyarrow."""
    try:
        import pyarrow.parquet as pq
        from pyarrow import ArrowException
    except ImportError as error:
        raise ImportError("reading Parquet files needs pyarrow: pip install 'softmax_jax[data]'") from error
    with told(path, ArrowException, what="cannot be read as a Parquet file"), pq.ParquetFile(path) as file:
        yield file


def contents(path: Path) -> Contents:
    """What a file holds.

    Raises:
      ValueError: it cannot be read, has no rows, or two columns of the same name.
      ImportError: pyarrow is not installed.
    """
    state = stamp(path)
    with opened(path) as file:
        schema, n = file.schema_arrow, file.metadata.num_rows
        if n == 0:
            raise ValueError(f"{path} has columns but no rows of data, expected at least one row.")
        columns = [_column(file, field) for field in schema]
    found = distinct([(normalised(column.name), column) for column in columns], path)
    return Contents(path, n, found, tuple(map(normalised, _index_columns(schema))), state)


def feature_names(columns: Mapping[str, Column], path: Path) -> dict[str, str]:
    """The names of features, and the column of each: "e_0", "e_1", ... are the entries of lists "e".

    Args:
      columns: by their names in NFC.
      path: of their file.

    Raises:
      ValueError: two are the same.
    """
    named: list[tuple[str, str]] = []
    for name, column in columns.items():
        width = column.width  # lists of 0 are refused where they are read
        named += [(name, name)] if width is None else [(f"{name}_{j}", name) for j in range(max(1, width))]
    return distinct(named, path)


def feature_matrix(
    batch: pa.RecordBatch, columns: Sequence[Column], dtype: np.dtype, path: Path, first: int
) -> np.ndarray:
    """The features (rows, m) in some rows of a file, all finite.

    Args:
      batch: the rows.
      columns: numeric ones, in order.
      dtype: that holds all of them.
      path: the file.
      first: the place of the first of these rows in the file.

    Raises:
      ValueError: a value is missing or not finite, or lists are not of one length; the message names column and row.
    """
    width = [1 if column.width is None else column.width for column in columns]
    X, ends = np.empty((batch.num_rows, sum(width)), dtype), np.cumsum(width)
    for column, end in zip(columns, ends, strict=True):
        values, where = batch.column(column.name), f"{path}, column {column.name!r}"
        if values.null_count:
            row = first + _first(values.is_null())
            raise ValueError(f"{where}: values are missing in row {row}; fill them in or drop the row.")
        if column.width is None:
            X[:, end - 1] = numbers(values)
        else:
            X[:, end - column.width : end] = _list_numbers(values, column.width, where, first)
    if dtype.kind not in "biu" and not np.isfinite(X).all():
        row, j = divmod(_first(~np.isfinite(X)), X.shape[1])
        name = columns[int(np.searchsorted(ends, j, side="right"))].name
        raise ValueError(f"{path}, column {name!r}: expected finite numbers, got {X[row, j]} in row {first + row}.")
    return X


def numbers(values: pa.Array) -> np.ndarray:
    """Numbers of an array without nulls in NumPy, decimals as float64."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64(), safe=False)
    return values.to_numpy(zero_copy_only=False)


def check_numeric(file: Contents, names: Sequence[str], error: type[Exception], remedy: Callable[[str], str]) -> None:
    """Refuse columns that are not numeric.

    Args:
      file: that holds them.
      names: of columns, in NFC.
      error: what is raised.
      remedy: from the name of a column to what to do.
    """
    for name in names:
        column = file.columns[name]
        if not column.is_numeric:
            with opened(file.path) as source:
                example = _first_value(source, column.name)
            raise error(
                f"{file.path}, column {name!r}: expected numbers, or lists of them, got {column.kind}, such as "
                f"{example!r:.40}; {remedy(name)}."
            )


def _column(file: ParquetFile, field: pa.Field) -> Column:
    import pyarrow.types as kinds

    kind = field.type
    if kinds.is_dictionary(kind):
        return Column(field.name, kind.value_type, None)
    is_list = kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)
    if not is_list or not _is_number(kind.value_type):
        return Column(field.name, kind, None)
    if kinds.is_fixed_size_list(kind):
        return Column(field.name, kind.value_type, kind.list_size)
    return Column(field.name, kind.value_type, len(_first_value(file, field.name) or ()))


def _first_value(file: ParquetFile, name: str) -> Any:
    return next(file.iter_batches(1, columns=[name])).column(name)[0].as_py()


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow.types as kinds

    return kinds.is_floating(kind) or kinds.is_integer(kind) or kinds.is_boolean(kind) or kinds.is_decimal(kind)


def _index_columns(schema: pa.Schema) -> list[str]:
    """Columns, in the file's spelling, that number the rows: by the file's pandas metadata, or by pandas' own names."""
    try:
        metadata = schema.pandas_metadata or {}
    except ValueError:  # not JSON
        metadata = {}
    named = [name for name in metadata.get("index_columns", ()) if isinstance(name, str)]  # a range is not stored
    return [name for name in schema.names if name in named or NAMELESS.fullmatch(name)]


def _list_numbers(lists: pa.ListArray, width: int, where: str, first: int) -> np.ndarray:
    """The lists of an array without nulls as (rows, width)."""
    values = lists.flatten()
    lengths = np.asarray(lists.value_lengths())
    if (lengths != width).any() or values.null_count or width == 0:
        row, what = _first(lengths != width), "missing numbers"
        if lengths[row] != width or width == 0:
            what = f"{lengths[row]} numbers"
        else:
            row = _first(values.is_null()) // width
        raise ValueError(
            f"{where}: expected lists of {width or 'at least 1'} numbers in all rows, got {what} in row {first + row}."
        )
    return numbers(values).reshape(len(lists), width)


def _first(where: Any) -> int:
    """The place of the first true entry."""
    return int(np.argmax(np.asarray(where)))
