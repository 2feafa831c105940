"""When a computation saves its state, and what it asks of whoever keeps it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from softmax_jax.storage.checkpoints import Contents

EVERY_S = 60.0
LARGEST_SHARE = 0.05  # of the time that writing may take, unless the user says how often


class Saving(Protocol):
    """What the driver asks of a session, which may be that of one process or of several."""

    def load(self) -> Contents | None:
        """The newest whole checkpoint, or None."""
        ...

    def after(self, step: int, status: str, snapshot: Callable[[], Contents]) -> str:
        """Called after each chunk; the status to go on with.

        Args:
          step: iterations so far.
          status: that the chunk ended with, "" to go on.
          snapshot: the state as tensors and texts.
        """
        ...


class Pace:
    """When the next checkpoint is due.

    Args:
      every: seconds between checkpoints, 0 for one after each chunk; None for EVERY_S, or longer where writing would
        take more than LARGEST_SHARE of the time.
    """

    def __init__(self, every: float | None) -> None:
        """The clock does not run yet."""
        self._adapts = every is None
        self._every_s = EVERY_S if every is None else every
        self._saved_s = 0.0

    def start(self) -> None:
        """Let the clock run."""
        self._saved_s = time.perf_counter()

    def is_due(self) -> bool:
        """Whether it is time to save."""
        return time.perf_counter() - self._saved_s >= self._every_s

    def timed(self, save: Callable[[], bool]) -> bool:
        """What `save()` returns; from its end the clock runs anew."""
        begin = time.perf_counter()
        saved = save()
        self.start()
        if self._adapts:
            self._every_s = max(EVERY_S, (self._saved_s - begin) / LARGEST_SHARE)
        return saved
