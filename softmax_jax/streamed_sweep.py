"""StreamedSweep: the optimum at one strength after another, of rows that are read by blocks.

Compiled lanes cannot read files; here each strength is a fit of its own, which starts where the line through the two
nearest solutions leads. The first pass over the data, and the sample for the covariance, serve all strengths.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from softmax_jax.budget import first_rows, within_memory
from softmax_jax.devices import place_for
from softmax_jax.dtypes import scope
from softmax_jax.fitting import LARGEST_L2
from softmax_jax.model import Params
from softmax_jax.problem import Data
from softmax_jax.solvers.choice import choose_solver
from softmax_jax.solvers.lanes import LaneOutcome
from softmax_jax.solvers.optimise import Outcome, optimise
from softmax_jax.streamed import stream
from softmax_jax.warm_starts import start_at


class StreamedSweep:
    """The optima of one data set, strength by strength; what a path and its checkpoints need of `Sweep`.

    Args:
      source: of rows X (n, m).
      T: (n,) int32 labels or (n, k) soft targets.
      weights: (1, n), summing to one.
      n_classes: k.
      fit_intercept: whether the bias is free.
      solver: LBFGS(), NewtonCG() or None for the first.
      max_iter: most iterations for a strength.
      devices: one device, or None.
    """

    finisher = None  # dense Newton takes rows in another order
    chunk = None  # no memory of the solver's goes from one strength to the next

    def __init__(
        self,
        source: Any,
        T: np.ndarray,
        weights: np.ndarray,
        *,
        n_classes: int,
        fit_intercept: bool,
        solver: Any,
        max_iter: int,
        devices: Any = None,
    ) -> None:
        """Read the data once."""
        self.shape, self.max_iter = (source.shape[1], n_classes), max_iter
        self.solver = choose_solver(solver, source, n_classes, 1.0)
        self.home = place_for(devices, source, n_classes, minibatches=False, by_blocks=True)
        self.given = (source, T, weights[0], 1.0, fit_intercept)
        self.rows = first_rows(source, n_classes, self.home)
        self.data: Any = None
        self._within_memory(lambda: None)
        self.l2 = np.nan
        self.solved: dict[float, Params] = {}
        self.first = Params(np.zeros(self.shape), np.zeros(n_classes))

    @property
    def device_count(self) -> int:
        """Devices that share the rows."""
        return 1

    def start_from(self, params: Params) -> None:
        """Begin at W (m, k), b (k,) in place of zero."""
        self.first = params

    def solve(self, l2: float, tol: float) -> LaneOutcome:
        """The certified optimum (1, ...) at strength l2, as `Sweep.solve` of one weighting."""
        self.l2 = min(l2, LARGEST_L2)
        solved = {at: Params(p.W[0], p.b[0]) for at, p in self.solved.items()}
        start = start_at(l2, solved, self.first)

        def run() -> Outcome:
            data = _with_l2(self.data, self.l2)
            begin = Params(*(np.asarray(p, data.training.dtype) for p in start))
            return optimise(self.solver, data, begin, tol=tol, max_iter=self.max_iter)

        found = self._within_memory(run)
        if found.status == "interrupted":
            raise KeyboardInterrupt
        params = Params(found.params.W[None], found.params.b[None])
        if l2 > 0 and found.status != "nonfinite" and np.isfinite(params.W).all():
            self.solved[l2] = params
        numbers = (found.objective, found.duality_gap, found.n_iter, found.n_passes)
        J, gap, n_iter, n_passes = (np.array([number]) for number in numbers)
        return LaneOutcome(params, J, gap, [found.status], n_iter, n_passes)

    def _within_memory(self, work: Any) -> Any:
        """What `work()` returns, by ever smaller blocks while memory runs out."""

        def run(rows: int | None) -> Any:
            if self.data is None or rows != self.rows:
                gradient = getattr(self.solver, "gradient", "closed_form")
                self.rows, self.data = rows, stream(*self.given, rows=rows, gradient=gradient, device=self.home)
            return work()

        return within_memory(run, self.rows, self.given[0], self.shape[1], self.home)


def _with_l2(data: Data, l2: float) -> Data:
    """The data with another strength."""

    def moved(problem: Any) -> Any:
        with scope(problem.dtype):
            return dataclasses.replace(problem, l2=problem.l2 * 0 + problem.dtype.type(l2))

    exact = moved(data.exact)
    return Data(exact if data.training is data.exact else moved(data.training), exact, data.dtype)
