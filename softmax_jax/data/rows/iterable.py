"""Rows from whatever yields blocks of them anew for each pass: a function, or an object with `blocks`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from softmax_jax.data.rows.source import Fill, packed, storage_dtype


@dataclasses.dataclass(frozen=True)
class IterableRows:
    """Rows from `blocks(rows)`, an iterable of arrays (., m), the same in each pass.

    Attributes:
      blocks: called once a pass with the number of rows that suits, which blocks need not have.
      shape: (n, m).
      dtype: of the blocks.
      name: what error messages call it.
    """

    blocks: Callable[[int], Iterable[np.ndarray]]
    shape: tuple[int, int]
    dtype: np.dtype
    name: str

    @contextlib.contextmanager
    def reader(self, rows: int) -> Iterator[Fill]:
        """A pass over the blocks."""
        with packed(iter(self.blocks(rows)), self, self.name) as fill:
            yield fill

    def place(self, row: int) -> str:
        """The row."""
        return f"{self.name}, row {row}"


def rows_of_array(X: np.ndarray) -> IterableRows:
    """Rows of a two-dimensional array, copied a slice at a time."""

    def blocks(rows: int) -> Iterator[np.ndarray]:
        for start in range(0, X.shape[0], rows):
            piece = np.asarray(X[start : start + rows])
            yield piece.astype(dtype) if piece.dtype != dtype else piece

    dtype = storage_dtype(X.dtype, "X")
    return IterableRows(blocks, X.shape, dtype, "X")


def rows_of_blocks(source: Any) -> IterableRows:
    """Rows of an object with `shape`, `dtype` and `blocks(rows)`.

    Raises:
      ValueError: `shape` is not (n, m).
    """
    shape = tuple(int(size) for size in source.shape)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"X.shape must be (samples, features), got {shape}.")
    return IterableRows(source.blocks, shape, storage_dtype(source.dtype, "X"), type(source).__name__)


def rows_of_function(function: Callable[..., Any]) -> IterableRows:
    """Rows of a function without arguments that returns an iterable of blocks; it is read once to count them.

    Raises:
      ValueError: there is no block, or the first is not (., m).
    """
    name = getattr(function, "__name__", type(function).__name__)
    first, n = None, 0
    for piece in function():
        first = np.asarray(piece) if first is None else first
        n += len(piece)
    if first is None or first.ndim != 2 or n == 0:
        shape = "no block" if first is None else f"shape {first.shape}"
        raise ValueError(f"{name}() must yield blocks of shape (rows, features), got {shape}.")
    dtype = storage_dtype(first.dtype, name)
    return IterableRows(lambda _: function(), (n, first.shape[1]), dtype, name)
