"""The search of a protocol: all strengths at once, or coarse ones and then halves of the interval around the peak."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from softmax_jax.inputs.samples import Samples
from softmax_jax.model import Params
from softmax_jax.model_selection import protocols
from softmax_jax.model_selection.choice import best_strength
from softmax_jax.model_selection.path import PathResult, fit_path
from softmax_jax.runtime.fields import with_documented_fields


@with_documented_fields
class ProbeProgress(NamedTuple):
    """What is told after each fit of the search.

    Attributes:
      n_fits: done so far.
      most: that the search may take.
      strength: of the last one, in the protocol's own convention.
      l2: the same as l2.
      duality_gap: proven for it.
      val_accuracy: of it.
      val_loss: of it, nats per sample.
      status: of it, as of `fit`; "dropped" where it was given up.
      is_best: whether it is the best so far.
      left_s: seconds that the rest will take if all fits take as long as those before, the winner's included; NaN
        while nothing is known.
      n_features: that it uses, in probes of few features; None in others.
      unit: what the protocol calls a strength.
    """

    n_fits: int
    most: int
    strength: float
    l2: float
    duality_gap: float
    val_accuracy: float
    val_loss: float = float("nan")
    status: str = ""
    is_best: bool = False
    left_s: float = float("nan")
    n_features: int | None = None
    unit: str = "strength"


class Trials(Protocol):
    """Who solves and scores strengths."""

    def solve(
        self, l2_values: np.ndarray, init: Params | None, checkpoint: Any, callback: Callable[[int, PathResult], Any]
    ) -> PathResult:
        """The strengths, each certified and scored; those not run have status "interrupted".

        Args:
          l2_values: (q,) strengths.
          init: parameters to start from, or None.
          checkpoint: folder to keep each strength in, or None.
          callback: called after each; a true result stops.
        """
        ...


class HeldOut:
    """Strengths scored on validation rows.

    Args:
      rows: those trained on, checked.
      X_val: (n_val, m) validation rows.
      y_val: (n_val,) their labels.
      **settings: tol, max_iter, solver, devices and prune, as of `fit_path`.
    """

    def __init__(self, rows: Samples, X_val: Any, y_val: np.ndarray, **settings: Any) -> None:
        """Keep them."""
        self.rows, self.of_path = rows, {"X_val": X_val, "y_val": y_val, **settings}

    def solve(
        self, l2_values: np.ndarray, init: Params | None, checkpoint: Any, callback: Callable[[int, PathResult], Any]
    ) -> PathResult:
        """As of `Trials`, by `fit_path`."""
        return fit_path(self.rows, None, l2_values, init=init, checkpoint=checkpoint, callback=callback, **self.of_path)


class Search:
    """Strengths tried so far.

    Args:
      protocol: to carry out.
      l2: (L,) its strengths as l2.
      trials: who solves and scores them.
      callback: told a ProbeProgress after each fit; a true result stops the search.
      checkpoint: folder in which each fit is kept, or None.
    """

    def __init__(
        self, protocol: protocols.Protocol, l2: np.ndarray, trials: Trials, callback: Any, checkpoint: Any = None
    ) -> None:
        """Nothing is tried yet."""
        self.protocol, self.l2, self.trials, self.callback = protocol, l2, trials, callback
        self.checkpoint, self.phase, coarse = checkpoint, 0, protocol.coarse
        self.most = len(coarse) + 2 * int(np.log2(coarse[1] - coarse[0])) if coarse else len(l2)
        self.found: dict[int, tuple[PathResult, int]] = {}
        self.stopped = False
        self._at_s: list[float] = [time.perf_counter()]
        self._told: set[int] = set()

    def run(self) -> tuple[PathResult, np.ndarray]:
        """The strengths tried, strong to weak, and their indices in the protocol.

        Raises:
          KeyboardInterrupt: Ctrl-C before the first fit was done.
        """
        self._try(list(self.protocol.coarse) or list(range(len(self.l2))))
        step = self.protocol.coarse[1] - self.protocol.coarse[0] if self.protocol.coarse else 1
        while step > 1 and not self.stopped:
            step //= 2
            peak = self._peak()
            self._try([i for i in (peak - step, peak + step) if 0 <= i < len(self.l2) and i not in self.found])
        if not any(np.isfinite(path.val_accuracy[at]) for path, at in self.found.values()):
            raise KeyboardInterrupt
        tried = np.array(sorted(self.found, key=lambda i: -self.l2[i]))
        return _joined([self.found[i] for i in tried]), tried

    def _try(self, indices: list[int]) -> None:
        """Solve some strengths, and tell of each."""
        if not indices:
            return
        indices = sorted(indices, key=lambda i: -self.l2[i])
        folder = None if self.checkpoint is None else Path(self.checkpoint) / f"search-{self.phase}"
        self.phase += 1
        known = dict(self.found)

        def tell(position: int, path: PathResult) -> bool:
            self.found[indices[position]] = (path, position)
            return self._tell(indices[position], path, position)

        try:
            path = self.trials.solve(self.l2[indices], self._near(known, indices[0]), folder, tell)
        except KeyboardInterrupt:  # before the first strength, or between two: what was told of is found
            self.stopped = True
            return
        done = [(i, position) for position, i in enumerate(indices) if path.status[position] != "interrupted"]
        self.found = known | {i: (path, position) for i, position in done}
        self.stopped |= len(done) < len(indices)
        for i, position in done:
            if i not in self._told:  # given up, or found in a checkpoint
                self._tell(i, path, position)

    def _near(self, known: dict[int, tuple[PathResult, int]], i: int) -> Params | None:
        """The solution of the strength next to i, of those solved in earlier phases."""
        solved = {j: at for j, at in known.items() if np.isfinite(at[0].params.b[at[1]]).all()}
        if not solved:
            return None
        path, position = solved[min(solved, key=lambda j: abs(j - i))]
        return path.at(position)

    def _tell(self, i: int, path: PathResult, position: int) -> bool:
        """Say what was found at strength i."""
        self._told.add(i)
        self._at_s.append(time.perf_counter())
        if self.callback is None:
            return False
        accuracy = float(path.val_accuracy[position])
        progress = ProbeProgress(
            n_fits=len(self._told),
            most=self.most,
            strength=float(self.protocol.strengths[i]),
            unit=self.protocol.unit,
            l2=float(path.l2_values[position]),
            duality_gap=float(path.duality_gap[position]),
            val_accuracy=accuracy,
            val_loss=float(path.val_loss[position]),
            status=path.status[position],
            is_best=bool(np.isfinite(accuracy)) and self._peak() == i,
            left_s=self._left_s(),
        )
        return bool(self.callback(progress))

    def _left_s(self) -> float:
        """Of the fits that are left; the first one, which compiles, counts only while there is no other."""
        n = len(self._at_s) - 1
        since = 1 if n > 1 else 0
        pace = (self._at_s[-1] - self._at_s[since]) / (n - since)
        return pace * (self.most + 1 - n)

    def _peak(self) -> int:
        """The index with the highest validation accuracy; of equals that of the least loss."""
        tried = list(self.found)
        scores = [
            [getattr(path, name)[at] for path, at in self.found.values()] for name in ("val_accuracy", "val_loss")
        ]
        return tried[best_strength(self.l2[tried], *scores)]


def _joined(entries: list[tuple[PathResult, int]]) -> PathResult:
    """One PathResult of single strengths of several."""
    first = entries[0][0]

    def field(name: str) -> np.ndarray:
        return np.array([getattr(path, name)[i] for path, i in entries])

    params = Params(*(np.stack([path.params[j][i] for path, i in entries]) for j in (0, 1)))
    words = {name: [getattr(path, name)[i] for path, i in entries] for name in ("status", "dropped")}
    numbers = ("l2_values", "l1_values", "objective", "duality_gap", "n_iter", "n_passes", "val_loss", "val_accuracy")
    return first._replace(params=params, **words, **{name: field(name) for name in numbers})
