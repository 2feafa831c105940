"""StreamedSweep: the optimum at one strength after another, of rows that are read by blocks.

Compiled lanes cannot read files; here each strength is a fit of its own, which starts where the line through the two
nearest solutions leads. The first pass over the data, and the sample for the covariance, serve all strengths.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.fitting.single import LARGEST_L2, place
from softmax_jax.model_selection.sweep import Sweep
from softmax_jax.model_selection.warm_starts import start_at
from softmax_jax.problem.blocked import replaced
from softmax_jax.solvers.batched import LaneOutcome
from softmax_jax.solvers.selection import choose_solver


class StreamedSweep(Sweep):
    """`Sweep` of one weighting, of a source of rows; the solver is LBFGS(), NewtonCG() or None for the first."""

    def __init__(self, source: Any, *data: Any, n_classes: int, solver: Any, **settings: Any) -> None:
        """Read the data once; arguments are those of `Sweep`."""
        choose_solver(solver, source, n_classes, 1.0)  # refuses those that cannot
        super().__init__(source, *data, n_classes=n_classes, solver=solver, **settings)

    def _solve(self, l2: float, tol: float) -> LaneOutcome:
        self.l2 = min(l2, LARGEST_L2)
        found = self._one_by_one(self.l2, start_at(l2, self.solved, self.first), [0], tol)
        if l2 > 0 and found.status != ["nonfinite"] and np.isfinite(found.params.W).all():
            self.solved[l2] = found.params
        return found

    def _place(self, rows: int | None) -> None:
        X, T, free = self.given
        self.rows = rows
        self.data = place(X, T, self.weights[0], 1.0, free, self.solver, self.home, rows)

    def _varied(self, problem: Any, weights: np.ndarray, l2: Any) -> Any:
        """The problem with another strength; its weights stay where they are."""
        with scope(problem.dtype):
            return replaced(problem, l2=jax.device_put(problem.dtype.type(l2), self.home))
