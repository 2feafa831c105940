"""What a Parquet file holds: what both of its readers, into memory and by blocks, stand on.

Features are columns of numbers, and the entries of columns of lists of numbers, all of one length. Decimals become
float64; dictionaries are their values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
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

    def features(self, names: Iterable[str]) -> dict[str, str]:
        """The features in the columns `names`, and the column of each: "e_0", "e_1", ... are the entries of lists "e".

        Raises:
          ValueError: two are of the same name.
        """
        named: list[tuple[str, str]] = []
        for name in names:
            width = self.columns[name].width  # lists of 0 are refused where they are read
            named += [(name, name)] if width is None else [(f"{name}_{j}", name) for j in range(max(1, width))]
        return distinct(named, self.path)

    def without_numbers(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Those of the columns `names` that are not numeric, each with words for what it is instead."""
        for name in names:
            column = self.columns[name]
            if not column.is_numeric:
                with opened(self.path) as file:
                    example = _first_value(file, column.name)
                words = f"expected numbers, or lists of them, got {column.kind}, such as {example!r:.40}"
                yield name, f"{self.path}, column {name!r}: {words}"


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
        columns = [column_of_field(field, functools.partial(_first_value, file)) for field in schema]
    found = distinct([(normalised(column.name), column) for column in columns], path)
    return Contents(path, n, found, tuple(map(normalised, _index_columns(schema))), state)


def numbers(values: pa.Array) -> np.ndarray:
    """Numbers of an array without nulls in NumPy, decimals as float64."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64(), safe=False)
    return values.to_numpy(zero_copy_only=False)


def column_of_field(field: pa.Field, first_value: Callable[[str], Any]) -> Column:
    """What a column holds, by its field of an Arrow schema.

    Args:
      field: its name and type.
      first_value: from a name to what the column has in the first row.
    """
    import pyarrow.types as kinds

    kind = field.type
    if kinds.is_dictionary(kind):
        return Column(field.name, kind.value_type, None)
    is_list = kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)
    if not is_list or not _is_number(kind.value_type):
        return Column(field.name, kind, None)
    if kinds.is_fixed_size_list(kind):
        return Column(field.name, kind.value_type, kind.list_size)
    return Column(field.name, kind.value_type, len(first_value(field.name) or ()))


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
