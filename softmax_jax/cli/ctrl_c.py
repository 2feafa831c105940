"""Ctrl-C while a verb fits, writes the model and draws: nothing that was reached is lost.

| pressed | what happens |
|---|---|
| before the first iterations are done | the fit is interrupted at once |
| during the fit | it stops after the iterations at hand; what it reached is certified, written and drawn |
| a second time during the fit | the same, at once |
| once it has ended by itself, until the model is written | it is written first; numbers and pictures are left out |
| afterwards, while numbers and pictures are made | these are left out; the model stays |

A search of strengths answers the signal by itself, and what is done of it is the result: there only the last two hold,
and the context is not entered. Where Ctrl-C is ignored, as in background jobs of a shell, it stays so.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from softmax_jax.runs.progress import ProgressLine, SearchLine

STOPPING = "stopping: certifying what was reached"


class CtrlC:
    """A context in which Ctrl-C does so; the callback of `fit`. Outside the context only `keep` answers the signal.

    Attributes:
      model: where the model was written, or None so far.
      run: what it was written from, or None so far.
    """

    def __init__(self, line: ProgressLine | SearchLine) -> None:
        """Nothing is fitted yet.

        Args:
          line: where the user is told; called with what `fit` tells.
        """
        self.model: Path | None = None
        self.run: Any = None
        self._line, self._presses, self._fitting, self._keeping = line, 0, False, False

    def __enter__(self) -> Self:
        """Take the signal."""
        self._taken = _answered_by(self._handle)
        self._taken.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Hand it back."""
        self._taken.__exit__(None, None, None)

    def __call__(self, progress: Any) -> bool:
        """Draw what `fit` tells; true where it is to stop."""
        self._fitting = True
        self._line(progress)
        if self._presses:
            self._line.say(STOPPING)
        return self._presses > 0

    def keep(self, write: Callable[[Any], Path], run: Any) -> None:
        """Write the model, whatever is pressed meanwhile, and say so on the line.

        Args:
          write: writes it and returns its path.
          run: what was fitted; its `result` has a status.

        Raises:
          KeyboardInterrupt: the model is written, and Ctrl-C was pressed that has not ended the fit.
        """
        before, self._keeping = self._presses, True
        try:
            with _answered_by(self._handle):
                self.model, self.run = write(run), run
        finally:
            self._keeping = self._fitting = False
        if self._presses > before or (before and run.result.status != "interrupted"):
            raise KeyboardInterrupt
        self._line.say(f"the model is in {self.model}; judging it, then pictures (Ctrl-C leaves them out)")

    def _handle(self, number: int, frame: Any) -> None:
        self._presses += 1
        if self._keeping:
            return
        if self._fitting:
            self._line.say(STOPPING)
            if self._presses == 1:
                return  # the callback ends the fit
        signal.default_int_handler(number, frame)


@contextlib.contextmanager
def _answered_by(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """SIGINT goes to `handler`, in the main thread and where it is neither ignored nor handled outside Python."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in (None, signal.SIG_IGN):
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
