"""Sweep: the optimum at one strength after another, for several weightings of the same rows at once.

What one strength leaves behind serves the next. The start is where the line through the two nearest solutions, in
log l2, leads; the pairs of L-BFGS stay true, because a change of l2 changes each y by that much of s; the
factorised covariance and the compiled program are the same. Weightings (the folds of a cross-validation) are lanes
of one program: X is never copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from softmax_jax.data.rows.opening import is_source
from softmax_jax.dtypes import scope
from softmax_jax.fitting.single import LARGEST_L2, place_shards, shifted_back
from softmax_jax.fitting.starts import class_mass, without_massless
from softmax_jax.model import Params
from softmax_jax.model_selection.warm_starts import start_at
from softmax_jax.placement.budget import first_rows, within_memory
from softmax_jax.placement.devices import place_for
from softmax_jax.placement.offsets import inward, shifted
from softmax_jax.placement.shards import shards_of
from softmax_jax.problem.blocked import replaced
from softmax_jax.problem.problem import Data, Problem
from softmax_jax.solvers.batched import LaneOutcome, advance_lanes, begin_lanes, objectives_of, proven, restart_lanes
from softmax_jax.solvers.batched_passes import Lanes
from softmax_jax.solvers.driver import Outcome, optimise
from softmax_jax.solvers.lbfgs import LBFGS
from softmax_jax.solvers.newton import Newton
from softmax_jax.solvers.selection import fallbacks

VARYING = ("weights", "l2")


class Sweep:
    """The optima of F weightings of one data set, strength by strength.

    Args:
      X: (n, m) checked features.
      T: (n,) int32 labels or (n, k) soft targets.
      weights: (F, n), a weighting per row, each summing to one.
      n_classes: k.
      fit_intercept: whether the bias is free.
      solver: an exact solver's record; None for L-BFGS, and dense Newton where that could not certify.
      max_iter: most iterations for a strength.
      devices: as for `fit`.
    """

    def __init__(
        self,
        X: Any,
        T: np.ndarray,
        weights: np.ndarray,
        *,
        n_classes: int,
        fit_intercept: bool,
        solver: Any,
        max_iter: int,
        devices: Any = None,
    ) -> None:
        """Place the data and factorise the covariance."""
        self.shape, self.max_iter, self.weights = (X.shape[1], n_classes), max_iter, weights
        self.solver = LBFGS() if solver is None else solver
        self.finishers = fallbacks(self.solver, X, n_classes) if solver is None else ()
        self.given = (X, T, fit_intercept)
        self.home = place_for(devices, X, n_classes, minibatches=False, by_blocks=is_source(X))
        self.shards = shards_of(X.shape[0], self.home)
        self.rows = first_rows(X, len(weights) * n_classes, self.home)  # of a block; None where logits are stored
        self.data: Any = None
        self.chunk: Any = None
        self._within_memory(lambda: None)
        self.l2 = np.nan  # of `chunk`
        self.solved: dict[float, Params] = {}
        self.first = self._begun(self._zeros(len(weights)))

    @property
    def device_count(self) -> int:
        """Devices that share the problem."""
        return len(self.data.exact.l2.sharding.device_set)

    def start_from(self, params: Params) -> None:
        """Begin at W (m, k), b (k,) in place of zero."""
        params = inward(params, self.data.offset)
        self.first = self._begun(Params(*(np.repeat(p[None], len(self.weights), axis=0) for p in params)))

    def blank_chunk(self) -> Any:
        """A chunk with the structure, dtypes and devices of `chunk`."""
        return begin_lanes(self.solver, self.lanes, self._zeros(len(self.weights)))

    def solve(self, l2: float, tol: float) -> LaneOutcome:
        """The certified optima (F, ...) at strength l2; quick where strengths nearby are solved.

        Args:
          l2: strength >= 0.
          tol: gap to certify, nats per sample; for l2 = 0 the norm of the gradient, as in `fit`.
        """
        found = self._within_memory(lambda: self._solve(l2, tol))
        return self._shifted_back(found, np.full(len(self.weights), min(l2, LARGEST_L2)), tol)

    def _solve(self, l2: float, tol: float) -> LaneOutcome:
        if l2 == 0:
            return self._one_by_one(0.0, start_at(0.0, self.solved, self.first), range(len(self.weights)), tol)
        strengths = np.full(len(self.weights), min(l2, LARGEST_L2))
        lanes = self.lanes.with_l2(strengths)
        start = start_at(l2, self.solved, self.first)
        if self.chunk is None:
            chunk = begin_lanes(self.solver, lanes, start)
        else:
            chunk = restart_lanes(self.solver, lanes, self.chunk, start, np.full(len(strengths), self.l2))
        found, self.chunk = advance_lanes(self.solver, lanes, chunk, tol=tol, max_iter=self._in_lanes, keep=True)
        found = self._finished(found, strengths, np.arange(len(strengths)), tol)
        found = self._rounded(found, lanes, tol)
        self.l2 = float(strengths[0])
        if np.isfinite(found.params.W).all() and "nonfinite" not in found.status:
            self.solved[l2] = found.params
        else:
            self.chunk = None
        return found

    def solve_side_by_side(self, l2_values: np.ndarray, tol: float) -> list[LaneOutcome]:
        """The certified optima at all strengths > 0 at once, from zero: B = strengths x weightings lanes."""
        found = self._within_memory(lambda: self._solve_side_by_side(l2_values, tol))
        strengths = np.minimum(l2_values, LARGEST_L2)
        F = len(self.weights)
        return [self._shifted_back(part, np.full(F, l2), tol) for part, l2 in zip(found, strengths, strict=True)]

    def _solve_side_by_side(self, l2_values: np.ndarray, tol: float) -> list[LaneOutcome]:
        F, L = len(self.weights), len(l2_values)
        strengths = np.repeat(np.minimum(l2_values, LARGEST_L2), F)
        lanes = self._lanes(np.tile(self.weights, (L, 1)), strengths)
        first = self._begun(self._zeros(F))
        chunk = begin_lanes(self.solver, lanes, Params(*(np.tile(p, (L,) + (1,) * (p.ndim - 1)) for p in first)))
        found, _ = advance_lanes(self.solver, lanes, chunk, tol=tol, max_iter=self._in_lanes)
        found = self._finished(found, strengths, np.tile(np.arange(F), L), tol)
        found = self._rounded(found, lanes, tol)
        return [_part(found, slice(i * F, (i + 1) * F)) for i in range(L)]

    def _within_memory(self, work: Any) -> Any:
        """What `work()` returns, with the data placed in ever smaller blocks while memory runs out."""

        def run(rows: int | None) -> Any:
            if self.data is None or rows != self.rows:
                self._place(rows)
            return work()

        X, logits = self.given[0], len(self.weights) * self.shape[1]
        return within_memory(run, self.rows, X, logits, self.home)

    def _place(self, rows: int | None) -> None:
        """Put the data on the devices in blocks of `rows`, and factorise the covariance; forgets the chunk."""
        self.rows, self.chunk, self.data = rows, None, None
        X, T, free = self.given
        self.data = shifted(place_shards(self.shards, X, T, self.weights.mean(axis=0), 1.0, free, self.solver, rows))
        with scope(self.data.training.dtype):
            self.prepared = self.solver.prepare(self.data.training)
        self.lanes = self._lanes(self.weights, np.ones(len(self.weights)))

    def _lanes(self, weights: np.ndarray, l2: np.ndarray) -> Lanes:
        exact = self._varied(self.data.exact, weights, l2)
        same = self.data.training.dtype == self.data.exact.dtype
        training = exact if same else self._varied(self.data.training, weights, l2)
        return Lanes(training, exact, VARYING, self.prepared)

    def _varied(self, problem: Problem, weights: np.ndarray, l2: Any) -> Problem:
        """The problem with other weights (n,) or (F, n) and strengths () or (F,)."""
        dtype = problem.dtype
        with scope(dtype):
            spread = self.shards.spread(weights.astype(dtype), axis=weights.ndim - 1)
            return replaced(problem, weights=spread, l2=jnp.asarray(l2, dtype))

    @property
    def _in_lanes(self) -> int:
        """Iterations of a lane, which leave some for the solvers that take over."""
        return -(-self.max_iter // 2) if self.finishers else self.max_iter

    def _begun(self, start: Params) -> Params:
        """The start (F, ...) of each weighting, classes without mass aside."""
        _, T, free = self.given
        if not free:
            return start
        return without_massless(start, np.stack([class_mass(T, w, self.shape[1]) for w in self.weights]))

    def _shifted_back(self, found: LaneOutcome, l2: np.ndarray, tol: float) -> LaneOutcome:
        """The outcomes (F, ...) at strengths l2 (F,), at the biases that belong to the columns as they were given."""
        if self.data.offset is None:
            return found
        for i in range(len(l2)):
            exact = self._varied(self.data.exact, self.weights[i], l2[i])
            inside = outcome_of(found, i)
            _put(found, i, shifted_back(inside, Data(exact, exact, self.data.dtype, self.data.offset), tol))
        return found

    def _zeros(self, count: int) -> Params:
        return Params(np.zeros((count, *self.shape)), np.zeros((count, self.shape[1])))

    def _finished(self, found: LaneOutcome, l2: np.ndarray, weighting: np.ndarray, tol: float) -> LaneOutcome:
        """The outcome after other solvers have taken over the lanes that are not certified, where they may."""
        left = [i for i, status in enumerate(found.status) if status in ("precision_floor", "max_iter", "nonfinite")]
        if not self.finishers or self.data.exact.dtype != np.float64:
            return found
        for i in left:
            rest = int(self.max_iter - found.n_iter[i])
            if rest > 0:
                at = _lane(found, i)
                _merge(found, i, self._alone(self.finishers, float(l2[i]), int(weighting[i]), at, tol, rest))
        return found

    def _rounded(self, found: LaneOutcome, lanes: Lanes, tol: float) -> LaneOutcome:
        """The outcome with parameters in the dtype of the data, and what is proven of these."""
        if found.params.W.dtype == self.data.dtype:
            return found
        params = Params(*(p.astype(self.data.dtype) for p in found.params))
        J = objectives_of(lanes, params)
        gap = found.duality_gap + np.maximum(J - found.objective, 0)
        return found._replace(params=params, objective=J, duality_gap=gap, status=proven(found.status, gap, tol))

    def _one_by_one(self, l2: float, start: Params, weightings: Any, tol: float) -> LaneOutcome:
        """The optima without lanes, as `fit` finds them."""
        outcomes = [
            self._alone((self.solver, *self.finishers), l2, f, Params(start.W[f], start.b[f]), tol) for f in weightings
        ]
        params = Params(np.stack([o.params.W for o in outcomes]), np.stack([o.params.b for o in outcomes]))
        J, gap = np.array([o.objective for o in outcomes]), np.array([o.duality_gap for o in outcomes])
        n_iter, n_passes = np.array([o.n_iter for o in outcomes]), np.array([o.n_passes for o in outcomes])
        return LaneOutcome(params, J, gap, [o.status for o in outcomes], n_iter, n_passes)

    def _alone(
        self, solvers: Sequence[Any], l2: float, weighting: int, start: Params, tol: float, max_iter: int | None = None
    ) -> Outcome:
        """What `optimise` finds for one weighting."""
        weights = self.weights[weighting]
        exact = self._varied(self.data.exact, weights, l2)
        wide = isinstance(solvers[0], Newton) or self.data.training.dtype == self.data.exact.dtype
        data = Data(exact if wide else self._varied(self.data.training, weights, l2), exact, self.data.dtype)
        begin = Params(*(np.asarray(p, data.training.dtype) for p in start))
        found = optimise(solvers[0], data, begin, tol=tol, max_iter=max_iter or self.max_iter, fallbacks=solvers[1:])
        if found.status == "interrupted":
            raise KeyboardInterrupt  # of the sweep, too
        return found


def _part(found: LaneOutcome, lanes: slice) -> LaneOutcome:
    params = Params(*(p[lanes] for p in found.params))
    J, gap, n_iter, n_passes = (a[lanes] for a in (found.objective, found.duality_gap, found.n_iter, found.n_passes))
    return LaneOutcome(params, J, gap, found.status[lanes], n_iter, n_passes)


def _lane(found: LaneOutcome, i: int) -> Params:
    return Params(found.params.W[i], found.params.b[i])


def outcome_of(found: LaneOutcome, i: int) -> Outcome:
    """One lane."""
    numbers = float(found.objective[i]), float(found.duality_gap[i]), found.status[i]
    return Outcome(_lane(found, i), *numbers, int(found.n_iter[i]), int(found.n_passes[i]), np.zeros(0))


def _put(found: LaneOutcome, i: int, outcome: Outcome) -> None:
    """Put an outcome into the place of a lane."""
    found.params.W[i], found.params.b[i] = outcome.params
    found.objective[i], found.duality_gap[i], found.status[i] = outcome.objective, outcome.duality_gap, outcome.status


def _merge(found: LaneOutcome, i: int, outcome: Outcome) -> None:
    """Put what one lane found alone into its place, where it is better."""
    if not (outcome.status == "converged" or outcome.duality_gap < found.duality_gap[i]):
        return
    _put(found, i, outcome)
    found.n_iter[i] += outcome.n_iter
    found.n_passes[i] += outcome.n_passes
