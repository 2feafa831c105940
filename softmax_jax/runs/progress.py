"""A live line while `fit` runs: iteration, objective, the gap on its way to tol, passes per second, time left.

    fit(X, y, tol=1e-8, callback=ProgressLine(tol=1e-8))

In a terminal the line is drawn on stderr and vanishes when the fit ends; in a notebook it is an output of the cell;
anywhere else, as in a log file, nothing is shown.
"""

from __future__ import annotations

import importlib
import math
import sys
import time
import weakref
from collections.abc import Sequence
from typing import IO, Any

_REDRAW_S = 0.1
_BAR_COLUMNS = 24
_TEXT_COLUMNS = 84  # of a long text
_OTHER_COLUMNS = 12  # spinner, time and the spaces between


class ProgressLine:
    """A callback of `fit`, and a context within which the line also moves while `fit` compiles.

    Args:
      tol: what `fit` was given; the line tells how far the gap is from it.
      epochs: of gradient descent, where that is the solver.
      stream: where a terminal may be; stderr where not given.

    Raises:
      ImportError: the stream is a terminal and rich is not installed.
    """

    def __init__(self, tol: float = 1e-6, *, epochs: int | None = None, stream: IO[str] | None = None) -> None:
        """Find out where the line can be shown."""
        self.tol, self.epochs = tol, epochs
        self._records: list[tuple[float, Any]] = []
        self._start_s = self._drawn_s = time.perf_counter()
        self._note = ""
        self._screen = _screen(stream)

    def __enter__(self) -> ProgressLine:
        """Show the line at once."""
        if self._screen is not None:
            self._screen.open(moving=True)
        return self

    def __exit__(self, *_: Any) -> None:
        """Take the line away."""
        self.close()

    def __call__(self, progress: Any) -> bool:
        """Draw what `fit` tells between chunks of iterations; False, so that the fit goes on."""
        now = time.perf_counter()
        self._records.append((now, progress))
        done = self._done(progress)
        if self._screen is not None and (now - self._drawn_s > _REDRAW_S or done >= 1 or len(self._records) == 1):
            self._drawn_s = now
            self._screen.draw(self.text(self._screen.columns), done)
        return False

    def close(self) -> None:
        """End the line; the next call would begin a new one."""
        if self._screen is not None:
            self._screen.close()

    def stopping(self) -> None:
        """Say that the fit is being stopped: what it has reached still has to be certified, which may take seconds."""
        self._note = "stopping: certifying what was reached"
        if self._screen is not None:
            self._screen.draw(self._note, self._done(self._records[-1][1]) if self._records else 0.0)

    def text(self, columns: int = 200) -> str:
        """The line as it stands now, after the last call.

        Args:
          columns: characters that there is room for; what matters least is left out first.
        """
        if self._note or not self._records:
            return self._note or "compiling"
        _, last = self._records[-1]
        left_s = self._seconds_left()
        words = {
            "n": f"iteration {last.n_iter}" if self.epochs is None else f"epoch {last.n_iter} of {self.epochs}",
            "J": f"J {last.objective:.6f}",
            "gap": f"gap {last.duality_gap:.1e}, to reach {self.tol:.0e}" if math.isfinite(last.duality_gap) else "",
            "pace": f"{self._passes_per_s():.3g} passes/s",
            "left": "" if left_s is None else f"{_duration(left_s)} left" if left_s else "certifying",
        }
        words = {name: word for name, word in words.items() if word}
        for name in ("pace", "J", "left", "gap"):
            if len("  ".join(words.values())) > columns:
                words.pop(name, None)
        return "  ".join(words.values())

    def _passes_per_s(self) -> float:
        """Since the first call, so that compilation does not count; before the second one since the start."""
        (first_s, first), (last_s, last) = self._records[0], self._records[-1]
        if last_s > first_s:
            return (last.n_passes - first.n_passes) / (last_s - first_s)
        return last.n_passes / max(last_s - self._start_s, 1e-9)

    def _seconds_left(self) -> float | None:
        if self.epochs is not None:
            done = self._records[-1][1].n_iter
            return (self._records[-1][0] - self._start_s) / done * (self.epochs - done)
        return seconds_left([(at_s, progress.duality_gap) for at_s, progress in self._records], self.tol)

    def _done(self, progress: Any) -> float:
        """The part of the way that is done: of the epochs, or of the gap's fall to tol in powers of ten."""
        if self.epochs is not None:
            return progress.n_iter / self.epochs
        first, gap = self._records[0][1].duality_gap, progress.duality_gap
        if not (0 < self.tol < first < math.inf and 0 < gap < math.inf):
            return 1.0 if gap <= self.tol else 0.0
        return min(1.0, max(0.0, math.log(first / gap) / math.log(first / self.tol)))


class SearchLine:
    """The same for `linear_probe`: a callback and a context; a line that moves with every fit of the search.

    Args:
      stream: where a terminal may be; stderr where not given.

    Raises:
      ImportError: the stream is a terminal and rich is not installed.
    """

    def __init__(self, *, stream: IO[str] | None = None) -> None:
        """Find out where the line can be shown."""
        self._screen = _screen(stream)

    def __enter__(self) -> SearchLine:
        """Show the line at once."""
        if self._screen is not None:
            self._screen.open(moving=True)
        return self

    def __exit__(self, *_: Any) -> None:
        """Take the line away."""
        if self._screen is not None:
            self._screen.close()

    def __call__(self, progress: Any) -> None:
        """Draw what `linear_probe` tells after a fit."""
        if self._screen is not None:
            self._screen.draw(self.text(progress), progress.n_fits / (progress.most + 1))

    @staticmethod
    def text(progress: Any) -> str:
        """The line after this fit."""
        p = progress
        words = f"{p.n_fits} of at most {p.most} fits  strength {p.strength:.3g}  gap {p.duality_gap:.1e}"
        return f"{words}  validation accuracy {p.val_accuracy:.4f}"


def seconds_left(records: Sequence[tuple[float, float]], tol: float) -> float | None:
    """The time until the gap is `tol` if its logarithm goes on falling as over the last half of the records.

    Args:
      records: (time in seconds, gap), oldest first.
      tol: gap to reach.

    Returns:
      Seconds from the last record on, or None where the gap has not fallen or there are fewer than three records.
    """
    if len(records) < 3:
        return None  # the first steps are not like those that follow
    (from_s, high), (to_s, low) = records[(len(records) - 1) // 2], records[-1]
    if not (tol > 0 and 0 < low < high < math.inf and to_s > from_s):
        return None
    return max(0.0, math.log(low / tol)) * (to_s - from_s) / math.log(high / low)


class _Terminal:
    """One line of a terminal, by rich. It is taken away when this object is dropped, at the latest."""

    def __init__(self, stream: Any) -> None:
        try:
            from rich.console import Console
        except ImportError as error:
            raise ImportError("the progress line needs rich: pip install 'softmax_jax[cli]'") from error
        self._console = Console(file=stream, force_jupyter=False)
        self._bar: Any = None
        self.columns = self._console.width - _OTHER_COLUMNS

    def open(self, *, moving: bool) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        room = min(_BAR_COLUMNS, self.columns - _TEXT_COLUMNS)
        bar = [BarColumn(room)] if room >= 8 else []
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), *bar, TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._console, transient=True, auto_refresh=moving)
        self._task = self._bar.add_task("compiling", total=None)
        self._end = weakref.finalize(self, self._bar.stop)  # also when Python exits: a hidden cursor comes back
        self._bar.start()

    def draw(self, text: str, done: float) -> None:
        if self._bar is None:
            self.open(moving=False)
        bar: Any = self._bar
        bar.update(self._task, description=text, completed=min(done, 0.999), total=1, refresh=True)  # 1 stops the clock

    def close(self) -> None:
        if self._bar is not None:
            self._end()
            self._bar = None


class _Notebook:
    """One line of a cell's output that is rewritten."""

    columns = 200

    def __init__(self) -> None:
        self._handle: Any = None

    def open(self, *, moving: bool) -> None:
        self.draw("compiling", 0.0)

    def draw(self, text: str, done: float) -> None:
        display = importlib.import_module("IPython.display").display  # is there where a notebook is
        content = {"text/plain": text}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)

    def close(self) -> None:
        """The last line stays."""


def _screen(stream: IO[str] | None) -> Any:
    """Where the line is shown; None where it is not."""
    place: Any = stream or sys.stderr  # None behind a window without a console
    terminal = place is not None and place.isatty()
    return _Notebook() if _in_notebook() else _Terminal(place) if terminal else None


def _in_notebook() -> bool:
    """Whether IPython runs here behind a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
