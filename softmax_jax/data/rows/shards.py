"""Rows in several sources, one after the other."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import numpy as np

from softmax_jax.data.rows.source import Fill, RowSource


@dataclasses.dataclass(frozen=True)
class ShardedRows:
    """The rows of all `parts`, in their order.

    Attributes:
      parts: sources of rows.
      notes: in which order they are, and which columns were taken, in words.

    Raises:
      ValueError: the parts differ in columns or dtype.
    """

    parts: tuple[RowSource, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together."""
        first = self.parts[0]
        for part in self.parts[1:]:
            if part.shape[1] != first.shape[1] or part.dtype != first.dtype:
                raise ValueError(
                    f"Shards must agree in columns and dtype, got {first.shape[1]} of {first.dtype} in "
                    f"{first.place(0)}, and {part.shape[1]} of {part.dtype} in {part.place(0)}."
                )

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        return sum(part.shape[0] for part in self.parts), self.parts[0].shape[1]

    @property
    def dtype(self) -> np.dtype:
        """Of storage."""
        return self.parts[0].dtype

    @contextlib.contextmanager
    def reader(self, rows: int) -> Iterator[Fill]:
        """A pass over all parts; one is open at a time."""
        with contextlib.ExitStack() as stack:
            waiting = iter(self.parts)
            left, fill_part = 0, None

            def fill(out: np.ndarray) -> None:
                nonlocal left, fill_part
                done = 0
                while done < len(out):
                    if not left:
                        stack.close()  # the checks at the end of a pass over a part
                        part = next(waiting)
                        left, fill_part = part.shape[0], stack.enter_context(part.reader(rows))
                    count = min(left, len(out) - done)
                    assert fill_part is not None
                    fill_part(out[done : done + count])
                    done, left = done + count, left - count

            yield fill

    def place(self, row: int) -> str:
        """The part and the row in it."""
        for part in self.parts:
            if row < part.shape[0]:
                return part.place(row)
            row -= part.shape[0]
        raise IndexError(row)
