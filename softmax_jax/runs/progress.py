"""A live line while `fit` runs: iteration, objective, the gap on its way to tol, passes per second, time left.

    fit(X, y, tol=1e-8, callback=ProgressLine(tol=1e-8))

In a terminal the line is drawn on stderr and vanishes when the fit ends; in a notebook it is an output of the cell;
anywhere else, as in a log file, nothing is shown.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any, Self

from softmax_jax.runs.screens import screen

if TYPE_CHECKING:
    from softmax_jax.solvers.driver import Progress

_REDRAW_S = 0.1


class _Line:
    """A callback and a context: what is told is drawn where there is a place for it, and the line is ended."""

    def __init__(self, *, stream: IO[str] | None = None) -> None:
        """Find out where the line can be shown."""
        self._screen = screen(stream)

    def __enter__(self) -> Self:
        """Show the line at once."""
        self._screen.open(moving=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Take the line away."""
        self.close()

    def say(self, words: str) -> None:
        """Show these words.

        Args:
          words: what is being done.
        """
        self._screen.draw(words, 1.0)

    def close(self) -> None:
        """End the line; the next call would begin a new one."""
        self._screen.close()


class ProgressLine(_Line):
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
        super().__init__(stream=stream)
        self.tol, self.epochs = tol, epochs
        self._records: list[tuple[float, Progress]] = []
        self._start_s = self._drawn_s = time.perf_counter()
        self._note = ""

    def __call__(self, progress: Progress) -> bool:
        """Draw what `fit` tells between chunks of iterations; False, so that the fit goes on."""
        now = time.perf_counter()
        self._records.append((now, progress))
        done = self._done(progress)
        if now - self._drawn_s > _REDRAW_S or done >= 1 or len(self._records) == 1:
            self._drawn_s = now
            self._screen.draw(self.text(self._screen.columns), done)
        return False

    def say(self, words: str) -> None:
        """Show these words from now on, in place of the numbers.

        Args:
          words: what is being done.
        """
        self._note = words
        self._screen.draw(words, self._done(self._records[-1][1]) if self._records else 0.0)

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
            "pace": f"data read {self._passes_per_s():.3g} times/s",
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

    def _done(self, progress: Progress) -> float:
        """The part of the way that is done: of the epochs, or of the gap's fall to tol in powers of ten."""
        if self.epochs is not None:
            return progress.n_iter / self.epochs
        first, gap = self._records[0][1].duality_gap, progress.duality_gap
        if not (0 < self.tol < first < math.inf and 0 < gap < math.inf):
            return 1.0 if gap <= self.tol else 0.0
        return min(1.0, max(0.0, math.log(first / gap) / math.log(first / self.tol)))


class SearchLine(_Line):
    """The same for `linear_probe`: a callback and a context; a line that moves with every fit of the search.

    Args:
      stream: where a terminal may be; stderr where not given.

    Raises:
      ImportError: the stream is a terminal and rich is not installed.
    """

    def __call__(self, progress: Any) -> None:
        """Draw what `linear_probe` tells after a fit, a ProbeProgress."""
        self._screen.draw(self.text(progress), progress.n_fits / (progress.most + 1))

    @staticmethod
    def text(progress: Any) -> str:
        """The line after this fit."""
        p = progress
        left = f"  {_duration(p.left_s)} left" if math.isfinite(p.left_s) else ""
        penalty = f"l2 {p.l2:.3g}" if p.n_features is None else f"l1 {p.strength:.3g}"
        words = f"{p.n_fits} of at most {p.most} fits{left}  {penalty}  gap {p.duality_gap:.1e}"
        return f"{words}  validation accuracy {p.val_accuracy:.4f}"


class StepLine(_Line):
    """The same for several probes: a callback of `compare_probes` and `few_shot_curve`, and a context.

    Args:
      stream: where a terminal may be; stderr where not given.

    Raises:
      ImportError: the stream is a terminal and rich is not installed.
    """

    def __init__(self, *, stream: IO[str] | None = None) -> None:
        """Find out where the line can be shown."""
        super().__init__(stream=stream)
        self._start_s = time.perf_counter()

    def __call__(self, step: Any) -> None:
        """Draw what is told after a probe, a Step."""
        left_s = (time.perf_counter() - self._start_s) / step.done * (step.most - step.done)
        self._screen.draw(self.text(step, left_s), step.done / step.most)

    @staticmethod
    def text(step: Any, left_s: float) -> str:
        """The line after this probe.

        Args:
          step: what was told.
          left_s: seconds that the others will take, if they take as long.
        """
        words = f"{step.done} of {step.most} probes  {step.name}  test accuracy {step.accuracy:.4f}"
        return words if step.done == step.most else f"{words}  {_duration(left_s)} left"


class RowsLine(_Line):
    """The same for rows that are read one after the other: predicted, or scored.

    Args:
      n: of them there are.
      what: is done to them, such as "predicted".
      stream: where a terminal may be; stderr where not given.

    Raises:
      ImportError: the stream is a terminal and rich is not installed.
    """

    def __init__(self, n: int, what: str, *, stream: IO[str] | None = None) -> None:
        """Find out where the line can be shown."""
        super().__init__(stream=stream)
        self._n, self._what, self._start_s = n, what, time.perf_counter()

    def __enter__(self) -> Self:
        """Show the line at once."""
        super().__enter__()
        self(0)
        return self

    def __call__(self, done: int) -> None:
        """Draw how many rows are done."""
        self._screen.draw(self.text(done, time.perf_counter() - self._start_s), done / self._n)

    def text(self, done: int, wall_s: float) -> str:
        """The line after so many rows.

        Args:
          done: rows.
          wall_s: seconds that they took.
        """
        words = f"{done} of {self._n} rows {self._what}"
        return words if done >= self._n or not done else f"{words}  {_duration(wall_s / done * (self._n - done))} left"


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


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
