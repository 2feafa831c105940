"""Rows of a matrix in memory or of a source, by blocks or by index, for whoever looks at each of them once.

What comes from a source is checked to be finite, as matrices in memory have been when they were read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from softmax_jax.data.rows.iterable import rows_of_array
from softmax_jax.data.rows.source import RowSource
from softmax_jax.data.rows.views import ChosenRows, MappedRows, chosen_columns
from softmax_jax.inputs.conversion import is_sparse

ELEMENTS = 1 << 22  # of a block


def in_blocks(X: Any, width: int = 1) -> Iterator[tuple[int, Any]]:
    """The first row and the rows of each block in turn; the memory of a source's block is used again for the next.

    Args:
      X: (n, m) NumPy or CSR matrix, or a source of rows.
      width: numbers that the caller makes of each row, which count for the size of a block as those of the row do.

    Yields:
      (start, block).

    Raises:
      ValueError: a source holds a number that is not finite, or its reader raises.
    """
    n, m = X.shape
    size = max(1, ELEMENTS // max(1 if is_sparse(X) else m, width, 1))
    if not isinstance(X, RowSource):
        yield from ((start, X[start : start + size]) for start in range(0, n, size))
        return
    held = np.empty((min(size, n), m), X.dtype)
    with X.reader(len(held)) as fill:
        for start in range(0, n, len(held)):
            block = held[: n - start]
            fill(block)
            refuse_infinite(X, start, block)
            yield start, block


def refuse_infinite(X: RowSource, start: int, block: np.ndarray) -> None:
    """Raise ValueError for the first entry that is not finite.

    Args:
      X: whose rows they are.
      start: the first of them.
      block: (r, m).
    """
    if not np.isfinite(block).all():
        raise ValueError(f"{first_infinite(X, start, block)[1]}; expected finite numbers.")


def first_infinite(X: RowSource, start: int, block: np.ndarray) -> tuple[int, str]:
    """The number of the first row that is not finite in a block that has one, and words for what is where.

    Args:
      X: whose rows they are.
      start: the first of them.
      block: (r, m).
    """
    i, j = (int(index) for index in np.unravel_index(int(np.argmin(np.isfinite(block))), block.shape))
    what = "NaN" if np.isnan(block[i, j]) else "infinity"
    return start + i, f"Input X contains {what}, first in {X.place(start + i)}, column {j}"


def some_rows(X: Any, rows: np.ndarray) -> Any:
    """Rows of X by their indices: a matrix in memory where X is one, else a source that copies nothing.

    Args:
      X: (n, m) matrix, or a source of rows.
      rows: indices, each once; those of a source are read in ascending order.
    """
    if not isinstance(X, RowSource):
        return X[rows]
    ascending = np.sort(rows)
    drawn = None if np.array_equal(ascending, rows) else np.searchsorted(ascending, rows)
    return ChosenRows(X, ascending, drawn) if len(rows) else np.empty((0, X.shape[1]), X.dtype)


def in_memory(X: Any) -> Any:
    """X itself where it is a matrix, or all rows of a source as an array."""
    if not isinstance(X, RowSource):
        return X
    whole = np.empty(X.shape, X.dtype)
    for start, block in in_blocks(X):
        whole[start : start + len(block)] = block
    return whole


def some_columns(X: Any, index: Any) -> Any:
    """Columns of X by their places, in the order wanted: of a source another source."""
    return chosen_columns(X, np.asarray(index)) if isinstance(X, RowSource) else X[:, index]


def as_rows(X: Any, dtype: np.dtype) -> RowSource:
    """X as a source of rows in `dtype`.

    Args:
      X: (n, m) array, or a source of rows.
      dtype: floating.
    """
    source = X if isinstance(X, RowSource) else rows_of_array(X)
    return source if source.dtype == dtype else MappedRows(source, lambda block: block, source.shape[1], dtype)
