"""Sources of rows: features that stay where they are stored and are read from the first row to the last, once a pass.

A pass is read like a file: `with source.reader(rows) as fill`, and `fill(out)` puts the next len(out) rows there. The
storage dtype is kept: rows are promoted on the device, a block at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import DTypeLike

from softmax_jax.data.files import PICKLED
from softmax_jax.inputs.conversion import FLOATS

Fill = Callable[[np.ndarray], None]


@runtime_checkable
class RowSource(Protocol):
    """Features (n, m) that are read by blocks of rows, again in each pass."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Of storage: float16, bfloat16, float32, float64, bool or an integer one, in native byte order."""
        ...

    def reader(self, rows: int) -> contextlib.AbstractContextManager[Fill]:
        """A pass: `fill(out)` reads the next len(out) rows into `out` (., m), C-contiguous; `rows` at a time or fewer.

        Raises ValueError where the rows are not there any more, or others than before.
        """
        ...

    def place(self, row: int) -> str:
        """Words for where `row` is stored."""
        ...


def storage_dtype(dtype: DTypeLike, name: str) -> np.dtype:
    """`dtype` in native byte order, if rows may be stored in it.

    Args:
      dtype: of an array.
      name: what error messages call it.

    Raises:
      TypeError: it is not of real numbers that JAX can read.
    """
    dtype = np.dtype(dtype)
    if dtype.hasobject:
        raise ValueError(f"{name} {PICKLED}.")
    if dtype.kind not in "biu" and dtype.name not in FLOATS:
        hint = " (for bfloat16, give dtype='bfloat16' to open_rows)" if dtype == np.dtype("V2") else ""
        raise TypeError(f"{name} must hold {', '.join(FLOATS)}, integers or bool, got dtype {dtype}{hint}.")
    return dtype.newbyteorder("=")


def computed_in(dtype: np.dtype) -> np.dtype:
    """The dtype in which rows of a storage dtype are computed: float32 where that holds each of its values exactly."""
    exact = dtype.itemsize <= 2 or dtype == np.float32
    return np.dtype(np.float32 if exact else np.float64)


@contextlib.contextmanager
def packed(pieces: Iterator[np.ndarray], source: RowSource, name: str) -> Iterator[Fill]:
    """A reader from pieces of any number of rows.

    Args:
      pieces: arrays (., m), the rows of one pass.
      source: whose rows they are.
      name: what error messages call it.

    Raises:
      ValueError: a piece has other columns or another dtype, or the rows are fewer or more than those of the source.
    """
    rest, count = np.empty((0, source.shape[1]), source.dtype), 0

    def take() -> np.ndarray:
        nonlocal count
        piece = next(pieces, None)
        if piece is None:
            raise ValueError(f"{name} ended early: expected {source.shape[0]} rows in a pass.")
        piece = np.asarray(piece)
        if piece.ndim != 2 or piece.shape[1] != source.shape[1] or piece.dtype != source.dtype:
            raise ValueError(
                f"{name}: block {count} must have {source.shape[1]} columns of {source.dtype}, "
                f"got shape {piece.shape} of {piece.dtype}."
            )
        count += 1
        return piece

    def fill(out: np.ndarray) -> None:
        nonlocal rest
        done = 0
        while done < len(out):
            if not len(rest):
                rest = take()
            part = rest[: len(out) - done]
            out[done : done + len(part)] = part
            done, rest = done + len(part), rest[len(part) :]

    yield fill
    if len(rest) or next(pieces, None) is not None:
        raise ValueError(f"{name} holds more than {source.shape[0]} rows, as many as a pass had before.")
