"""Ctrl-C while a verb fits, writes the model and draws: nothing that was reached is lost.

| pressed | what happens |
|---|---|
| before the first iterations are done | the fit is interrupted at once |
| during the fit, or just after it | it stops after the iterations at hand; what it reached is certified and written |
| a second time during the fit | the same, at once |
| while the model is being written | it is written first |
| afterwards, while numbers and pictures are made | these are left out; the model stays |

A search of strengths answers the signal by itself, and what is done of it is the result: there only the last two hold.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from softmax_jax.runs.progress import ProgressLine, SearchLine

STOPPING = "stopping: certifying what was reached"


class CtrlC:
    """A context in which Ctrl-C does so; the callback of `fit`.

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
        """Take the signal, which belongs to the main thread."""
        self._taken = threading.current_thread() is threading.main_thread()
        if self._taken:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        """Hand it back."""
        if self._taken:
            signal.signal(signal.SIGINT, self._before)

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
          run: what was fitted.
        """
        self._keeping = True
        self.model, self.run = write(run), run
        self._keeping = self._fitting = False
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
