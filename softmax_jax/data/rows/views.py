"""Rows of a source, chosen or changed while they are read: a split without a copy, columns in another order, scaling.

Nothing is stored: every pass reads the source again, a few rows at a time, and hands on what is wanted of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from softmax_jax.data.rows.source import Fill, RowSource

_ELEMENTS = 1 << 18  # of a source that are held at a time, so that they stay in cache


@dataclasses.dataclass(frozen=True, eq=False)
class ChosenRows:
    """Some rows of a source, in its order.

    Attributes:
      source: of all rows.
      rows: (r,) their indices, ascending, each once.
      drawn: (r,) their places here in the order in which a split drew them, as it leaves them in memory, so that a
        further split by a seed finds the same rows; None where that is their own order.

    Raises:
      ValueError: the indices are not so.
    """

    source: RowSource
    rows: np.ndarray
    drawn: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Refuse an order in which a source cannot be read."""
        rows, n = self.rows, self.source.shape[0]
        if rows.ndim != 1 or not len(rows) or (np.diff(rows) <= 0).any() or rows[0] < 0 or rows[-1] >= n:
            raise ValueError(f"rows must be ascending indices in [0, {n}), at least one, got {rows!r}.")

    @property
    def shape(self) -> tuple[int, int]:
        """(r, m)."""
        return len(self.rows), self.source.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """Of storage."""
        return self.source.dtype

    @contextlib.contextmanager
    def reader(self, rows: int) -> Iterator[Fill]:
        """A pass over the source, of which the other rows are read and left."""
        n, m = self.source.shape
        held = np.empty((min(rows, at_a_time(m)), m), self.dtype)
        with self.source.reader(len(held)) as fill:
            start, left, done = 0, held[:0], 0  # the rows of the source in `left` begin at `start`

            def fill_chosen(out: np.ndarray) -> None:
                nonlocal start, left, done
                filled = 0
                while filled < len(out):
                    wanted = self.rows[done : done + len(out) - filled]
                    inside = wanted[: np.searchsorted(wanted, start + len(left))] - start
                    out[filled : filled + len(inside)] = left[inside]
                    filled, done = filled + len(inside), done + len(inside)
                    if filled < len(out):
                        start += len(left)
                        left = held[: n - start]
                        fill(left)

            yield fill_chosen
            for after in range(start + len(left), n, len(held)):  # to the end, where the source is checked
                fill(held[: n - after])

    def place(self, row: int) -> str:
        """Words for where `row` is stored."""
        return self.source.place(int(self.rows[row]))


@dataclasses.dataclass(frozen=True, eq=False)
class MappedRows:
    """What a function makes of the rows of a source, some rows at a time.

    Attributes:
      source: of the rows.
      function: of some of them (r, m), which it may write over, to (r, width); each row by itself.
      width: columns of the result.
      dtype: of the result.
    """

    source: RowSource
    function: Callable[[np.ndarray], np.ndarray]
    width: int
    dtype: np.dtype

    @property
    def shape(self) -> tuple[int, int]:
        """(n, width)."""
        return self.source.shape[0], self.width

    @property
    def drawn(self) -> np.ndarray | None:
        """(n,) as of `ChosenRows`, whose rows stay where they are; None for other sources."""
        return getattr(self.source, "drawn", None)

    @contextlib.contextmanager
    def reader(self, rows: int) -> Iterator[Fill]:
        """A pass over the source."""
        m = self.source.shape[1]
        held = np.empty((min(rows, at_a_time(m)), m), self.source.dtype)
        with self.source.reader(len(held)) as fill:

            def fill_mapped(out: np.ndarray) -> None:
                for start in range(0, len(out), len(held)):
                    part = held[: len(out) - start]
                    fill(part)
                    out[start : start + len(part)] = self.function(part)

            yield fill_mapped

    def place(self, row: int) -> str:
        """Words for where `row` is stored."""
        return self.source.place(row)


def chosen_columns(source: RowSource, index: np.ndarray) -> MappedRows:
    """Columns of a source.

    Args:
      source: of all columns.
      index: (s,) their places, in the order wanted.
    """
    return MappedRows(source, lambda block: block[:, index], len(index), source.dtype)


def at_a_time(m: int) -> int:
    """Rows of m columns that are held at a time."""
    return max(1, _ELEMENTS // max(1, m))
