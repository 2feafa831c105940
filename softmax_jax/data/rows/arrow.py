"""Rows from Arrow's batches: a feature from each column of numbers, and from each entry of a column of lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from softmax_jax.data.parquet_schema import Column, numbers

if TYPE_CHECKING:
    import pyarrow as pa


def matrix(batch: pa.RecordBatch, taken: Sequence[Column], dtype: np.dtype, place: str, first: int) -> np.ndarray:
    """The features (rows, m) of a batch: none missing, all finite.

    Args:
      batch: with the columns `taken`.
      taken: which columns, in order.
      dtype: of the features.
      place: where the batch is from, for error messages.
      first: number of its first row there.

    Raises:
      ValueError: a value is missing or not finite, or a list has another length; the message names column and row.
    """
    widths = [1 if column.width is None else column.width for column in taken]
    X, ends = np.empty((batch.num_rows, sum(widths)), dtype), np.cumsum(widths)
    for column, end in zip(taken, ends, strict=True):
        values, where = batch.column(column.name), f"{place}, column {column.name!r}"
        if values.null_count:
            row = first + _first(values.is_null())
            raise ValueError(f"{where}: values are missing in row {row}; fill them in or drop the row.")
        if column.width is None:
            X[:, end - 1] = numbers(values)
        else:
            X[:, end - column.width : end] = _list_numbers(values, column.width, where, first)
    if dtype.kind == "f" and not np.isfinite(X).all():
        row, j = divmod(_first(~np.isfinite(X)), X.shape[1])
        where = f"{place}, column {taken[int(np.searchsorted(ends, j, side='right'))].name!r}"
        raise ValueError(f"{where}: expected finite numbers, got {X[row, j]} in row {first + row}.")
    return X


def _list_numbers(lists: pa.ListArray, width: int, where: str, first: int) -> np.ndarray:
    """The lists of an array without nulls as (rows, width)."""
    values, lengths = lists.flatten(), np.asarray(lists.value_lengths())
    row, found = _first(lengths != width), "missing numbers"
    if lengths[row] != width or width == 0:
        found = f"{lengths[row]} numbers"
    elif not values.null_count:
        return numbers(values).reshape(len(lists), width)
    else:
        row = _first(values.is_null()) // width
    raise ValueError(
        f"{where}: expected lists of {width or 'at least 1'} numbers in all rows, got {found} in row {first + row}."
    )


def _first(where: np.ndarray | pa.BooleanArray) -> int:
    """The place of the first true entry."""
    return int(np.argmax(np.asarray(where)))
