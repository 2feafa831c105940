"""Sweep: the optimum at one strength after another, for several weightings of the same rows at once.

What one strength leaves behind serves the next. The start is where the line through the two nearest solutions, in
log l2, leads; the pairs of L-BFGS stay true, because a change of l2 changes each y by that much of s; the
factorised covariance and the compiled program are the same. Weightings (the folds of a cross-validation) are a batch
of one program: X is never copied. Where X has fewer rows than features, all strengths and weightings are solved in the
span of its rows, and proven on X. Rows that are read by blocks have one weighting, and each strength is a fit of its
own: compiled programs cannot read files.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.fitting.arguments import LARGEST_L2
from softmax_jax.fitting.returned import SHARE_OF_TOL, continued, from_span, shifted_back
from softmax_jax.fitting.starts import class_mass, without_massless
from softmax_jax.inputs.conversion import is_jax
from softmax_jax.model import Params
from softmax_jax.model_selection.warm_starts import start_at
from softmax_jax.placement.budget import first_rows, within_memory
from softmax_jax.placement.devices import place_for
from softmax_jax.placement.offsets import inward, shifted
from softmax_jax.placement.place import kind_of, place
from softmax_jax.placement.shards import shards_of
from softmax_jax.placement.span import Wide, pays, spanned
from softmax_jax.problem.problem import Data, Problem
from softmax_jax.solvers.batched import advance_batch, at_rounded, begin_batch, restart_batch
from softmax_jax.solvers.batched_passes import Batch
from softmax_jax.solvers.driver import optimise
from softmax_jax.solvers.lbfgs import LBFGS
from softmax_jax.solvers.protocol import Solver
from softmax_jax.solvers.selection import choose_solver, fallbacks, solvers_in_span
from softmax_jax.solvers.solutions import Outcome, Solutions
from softmax_jax.storage.resuming import from_tensors, to_tensors

VARYING = ("weights", "l2")
Found = TypeVar("Found")


class Sweep:
    """The optima of F weightings of one data set, strength by strength.

    Args:
      X: (n, m) checked features, or a source of rows.
      T: (n,) int32 labels or (n, k) soft targets.
      weights: (F, n), a weighting per row, each summing to one; one for a source of rows.
      n_classes: k.
      fit_intercept: whether the bias is free.
      solver: an exact solver's record; None for L-BFGS, and others where that could not certify.
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
        solver: Solver | None,
        max_iter: int,
        devices: Any = None,
    ) -> None:
        """Place the data and factorise the covariance."""
        self.kind, self.weights, self.max_iter = kind_of(X), weights, max_iter
        self.shape = (self.kind.shape[1], n_classes)
        self.solver: Solver = choose_solver(solver or LBFGS(), self.kind, n_classes, 1.0)
        self.asked = solver
        self.finishers: tuple[Solver, ...] = ()  # for `data`
        self.given = (X, T, fit_intercept)
        lying = X if is_jax(X) else None
        self.device = place_for(devices, self.kind.shape, n_classes, lying=lying, by_blocks=self.kind.is_streamed)
        self.rows = first_rows(
            self.kind, len(weights) * n_classes, self.device
        )  # of a block; None where logits are stored
        self.data: Any = None
        self.wide: Wide | None = None  # where `data` are in the span of the rows
        self.whole: Data | None = None  # and then outside of it, once they are needed there
        self.batch: Batch | None = None  # of the weightings; None where rows are streamed
        self.chunk: Any = None
        self._within_memory(lambda: None)
        self.l2 = np.nan  # of `chunk`
        self.solved: dict[float, Params] = {}
        self.first = self._begun(self._zeros())

    @property
    def dtype(self) -> np.dtype:
        """Of the parameters."""
        return np.dtype(self.data.dtype)

    @property
    def device_count(self) -> int:
        """Devices that share the problem."""
        return len(self.data.exact.l2.sharding.device_set)

    def start_from(self, params: Params) -> None:
        """Begin at W (m, k), b (k,) in place of zero."""
        params = inward(params, self.data.offset) if self.wide is None else self.wide.span.inward(params)
        self.first = self._begun(Params(*(np.repeat(p[None], len(self.weights), axis=0) for p in params)))

    def memory(self) -> dict[str, np.ndarray]:
        """What the next strength depends on beside `solved`, as tensors."""
        tensors = {"l2": np.float64(self.l2).reshape(1)}
        return tensors if self.chunk is None else {**tensors, **to_tensors("chunk", self.chunk)}

    def recall(self, tensors: dict[str, np.ndarray]) -> None:
        """Go back to what `memory` gave."""
        self.l2 = float(tensors["l2"][0])
        if any(name.startswith("chunk") for name in tensors):
            blank = None if self.batch is None else begin_batch(self.solver, self.batch, self._zeros())
            with scope(self.data.training.dtype):  # outside of it JAX would narrow float64
                self.chunk = from_tensors("chunk", tensors, blank)[0]

    def solve(self, l2: float, tol: float) -> Solutions:
        """The certified optima (F, ...) at strength l2; quick where strengths nearby are solved.

        Args:
          l2: strength >= 0.
          tol: gap to certify, nats per sample; for l2 = 0 the norm of the gradient, as in `fit`.
        """
        found = self._within_memory(lambda: self._solve(l2, tol))
        return self._given_back(found, min(l2, LARGEST_L2), tol)

    def _solve(self, l2: float, tol: float) -> Solutions:
        start, strength = start_at(l2, self.solved, self.first), min(l2, LARGEST_L2)
        if self.batch is None or l2 == 0:
            data = self._data_outside()
            start = start if self.wide is None else self._outside(start)
            each = range(len(self.weights))
            found = Solutions.of(
                [
                    self._alone(self._solvers_outside, strength, f, Params(start.W[f], start.b[f]), tol, data=data)
                    for f in each
                ]
            )
        else:
            near = tol if self.wide is None else SHARE_OF_TOL * tol
            found = self._in_batch(self.batch.with_l2(np.full(len(self.weights), strength)), start, near)
            self.l2 = strength  # of the chunk that is left
        whole = "nonfinite" not in found.status and np.isfinite(found.params.W).all()
        if l2 > 0 and whole:
            self.solved[l2] = Params(*(np.copy(p) for p in found.params))
        elif l2 > 0:
            self.chunk = None
        return found

    def _in_batch(self, batch: Batch, start: Params, tol: float) -> Solutions:
        """The optima of `batch`, and after them of the finishers, where they may; `chunk` is left for the next."""
        if self.chunk is None:
            chunk = begin_batch(self.solver, batch, start)
        else:
            chunk = restart_batch(self.solver, batch, self.chunk, start, np.full(batch.count, self.l2))
        most = -(-self.max_iter // 2) if self.finishers else self.max_iter
        found, self.chunk = advance_batch(self.solver, batch, chunk, tol=tol, max_iter=most, keep=True)
        if self.finishers and self.data.exact.dtype == np.float64:
            self._finish(found, float(batch.exact.l2[0]), tol)
        if found.params.W.dtype == self.data.dtype:
            return found
        return at_rounded(batch, found, Params(*(p.astype(self.data.dtype) for p in found.params)), tol)

    def _finish(self, found: Solutions, l2: float, tol: float) -> None:
        """Let other solvers take over what is not certified; `found` is filled."""
        for i, status in enumerate(found.status):
            rest = int(self.max_iter - found.n_iter[i])
            if status not in ("precision_floor", "max_iter", "nonfinite") or rest <= 0:
                continue
            alone = self._alone(self.finishers, l2, i, found.params_at(i), tol, rest)
            if alone.status == "converged" or alone.duality_gap < found.duality_gap[i]:
                found.put(i, alone, further=True)

    def _within_memory(self, work: Callable[[], Found]) -> Found:
        """What `work()` returns, with the data placed in ever smaller blocks while memory runs out."""

        def run(rows: int | None) -> Found:
            if self.data is None or rows != self.rows:
                self._place(rows)
            return work()

        return within_memory(run, self.rows, self.kind, len(self.weights) * self.shape[1], self.device)

    def _place(self, rows: int | None) -> None:
        """Put the data on the devices in blocks of `rows`, and factorise the covariance; forgets the chunk."""
        self.rows, self.chunk, self.data = rows, None, None
        X, T, free = self.given
        mean, was_wide = self.weights.mean(axis=0), self.wide is not None
        self.whole = None
        can = pays(self.kind, self.device, rows)
        self.wide = spanned(X, T, mean, 1.0, free, self.solver, self.device) if can else None
        if self.wide is not None:
            self.data = self.wide.inner
            self.finishers = solvers_in_span(self.asked, self.data, self.shape[1])[1]
        else:
            self.data = shifted(place(X, T, mean, 1.0, free, self.solver, self.device, rows))
            self.finishers = self._solvers_outside[1:]
        if was_wide and self.wide is None:
            self.solved, self.first = {}, self._begun(self._zeros())  # those there are in the span
        training = self.data.training
        if self.kind.is_streamed:
            return
        with scope(training.dtype):
            preconditioner = self.solver.prepare(training)
        exact = self._varied(self.data.exact, self.weights, np.ones(len(self.weights)))
        same = training.dtype == self.data.exact.dtype
        training = exact if same else self._varied(training, self.weights, np.ones(len(self.weights)))
        self.batch = Batch(training, exact, VARYING, preconditioner)

    def _varied(self, problem: Problem, weights: np.ndarray, l2: Any) -> Problem:
        """The problem with other weights (n,) or (F, n), which those of a stream keep, and strengths () or (F,)."""
        dtype = problem.dtype
        with scope(dtype):
            if self.kind.is_streamed:
                return problem.replaced(l2=jax.device_put(dtype.type(l2), self.device))
            spread = shards_of(self.kind.shape[0], self.device).spread(weights.astype(dtype), axis=weights.ndim - 1)
            return problem.replaced(weights=spread, l2=jnp.asarray(l2, dtype))

    def _begun(self, start: Params) -> Params:
        """The start (F, ...) of each weighting, classes without mass aside."""
        _, T, free = self.given
        if not free:
            return start
        return without_massless(start, np.stack([class_mass(T, w, self.shape[1]) for w in self.weights]))

    def _given_back(self, found: Solutions, l2: float, tol: float) -> Solutions:
        """The solutions (F, ...) for X as it was given."""
        data = self._data_outside() if l2 == 0 or self.wide is None else self.wide.given
        if self.wide is None and data.offset is None:
            return found
        outcomes = []
        for i, weights in enumerate(self.weights):
            exact = self._varied(data.exact, weights, l2)
            given = Data(exact, exact, self.data.dtype, data.offset)
            if l2 == 0 or self.wide is None:
                outcomes.append(shifted_back(found.at(i), given, tol))
            else:
                further = functools.partial(self._further, l2, i, tol)
                outcomes.append(from_span(found.at(i), self.wide.span, given, tol, further))
        return Solutions.of(outcomes)

    def _further(self, l2: float, weighting: int, tol: float, first: Outcome) -> Outcome:
        """What a fit outside of the span finds from `first`."""
        data = self._data_outside()
        start, left = inward(first.params, data.offset), self.max_iter - first.n_iter
        found = self._alone(self._solvers_outside, l2, weighting, start, tol, left, data=data)
        exact = self._varied(data.exact, self.weights[weighting], l2)
        return continued(first, shifted_back(found, Data(exact, exact, data.dtype, data.offset), tol))

    def _data_outside(self) -> Data:
        """The data outside of the span, columns shifted where they need it."""
        if self.wide is None:
            return self.data
        if self.whole is None:
            X, T, free = self.given
            self.whole = shifted(place(X, T, self.weights.mean(axis=0), 1.0, free, self.solver, self.device, self.rows))
        return self.whole

    def _outside(self, start: Params) -> Params:
        """Starts (F, ...) in the span as those of `_data_outside`."""
        assert self.wide is not None
        each = [self.wide.span.outward(Params(W, b)) for W, b in zip(*start, strict=True)]
        return inward(Params(*(np.stack(p) for p in zip(*each, strict=True))), self._data_outside().offset)

    @property
    def _solvers_outside(self) -> tuple[Solver, ...]:
        """Those for X as it was given."""
        return self.solver, *(fallbacks(self.solver, self.kind, self.shape[1]) if self.asked is None else ())

    def _zeros(self) -> Params:
        F, m, k = len(self.weights), self.data.exact.shape[1], self.shape[1]
        return Params(np.zeros((F, m, k)), np.zeros((F, k)))

    def _alone(
        self,
        solvers: Sequence[Solver],
        l2: float,
        weighting: int,
        start: Params,
        tol: float,
        max_iter: int | None = None,
        data: Data | None = None,
    ) -> Outcome:
        """What `optimise` finds for one weighting, in the span where `data` are not others."""
        whole: Data = self.data if data is None else data
        weights, training = self.weights[weighting], whole.training
        exact = self._varied(whole.exact, weights, l2)
        wide = solvers[0].always_float64 or training.dtype == whole.exact.dtype
        data = Data(exact if wide else self._varied(training, weights, l2), exact, whole.dtype)
        begin = Params(*(np.asarray(p, data.training.dtype) for p in start))
        found = optimise(solvers[0], data, begin, tol=tol, max_iter=max_iter or self.max_iter, fallbacks=solvers[1:])
        if found.status == "interrupted":
            raise KeyboardInterrupt  # of the sweep, too
        return found
