"""Fits with l1 Omega: on few of the features at a time, and proven on all.

A round chooses features, those with weights and those whose gradient is largest, lets the solver fit them alone, and
certifies the result on the whole problem in float64. The gradient of all features, which the certificate comes with,
tells which ones are missing, and with the gap which ones are zero at every optimum (screening). Few rounds lead to a
set that holds all weights, and there the gap falls to what is asked for.

References:
  Massias, Gramfort, Salmon, Celer: a fast solver for the lasso with dual extrapolation, ICML 2018 (growing sets).
"""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.certificate.bound import proof_at
from softmax_jax.certificate.screening import not_screened
from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.penalties import Features, largest_strength, row_norms, sparsity
from softmax_jax.placement.columns import padded_width, with_columns
from softmax_jax.placement.platforms import precision_of
from softmax_jax.placement.sharding import compiled
from softmax_jax.problem.problem import Data, Problem, Spread, with_strengths
from softmax_jax.solvers.driver import Progress, ladder
from softmax_jax.solvers.proximal_newton import ProximalNewton
from softmax_jax.solvers.solutions import Outcome
from softmax_jax.solvers.steps import begin, objective_at, run
from softmax_jax.solvers.stopping import CHUNK, FIRST_CHUNK, STALLED_STEPS, next_steps, rounded, still
from softmax_jax.storage.resuming import from_tensors, to_tensors
from softmax_jax.storage.saving import Saving

FEW = 512  # features that are all worked on from the start
LEAST = 256  # features of the first set
ROUND_SHARE = 0.1  # of the gap, that a round leaves of it while features are missing
LAST_SHARE = 0.5  # of tol, that is aimed at where none is
FAILED_ROUNDS = 3  # that brought the gap no nearer, after which a dtype has given what it can
NEARER = 0.7  # of the last gap, at which it is nearer


class Proof(NamedTuple):
    """What is certified at parameters, on the host, with the gradient of all features at the dual point."""

    params: Params
    objective: float
    gap: float
    G: np.ndarray  # (m, k)
    c: float


def proven(exact: Problem, params: Params, enough: float = 0.0) -> Proof:
    """The certificate at W of `params` and the best bias.

    Args:
      exact: the problem of all features, computed in float64 where there is float64.
      params: W (m, k) and b (k,), in the dtype of training.
      enough: as for `proof_at`.
    """
    with scope(np.float64):
        certificate, found, c = proof_at(exact, params, enough)
        params = Params(*(np.array(p) for p in certificate.params))
        gap, G = float(certificate.gap), np.array(found.bounds.G, np.float64)
        return Proof(params, float(certificate.objective), gap if gap == gap else np.inf, G, float(c))


class WorkingSets:
    """Fits of one data set, one strength after the other; sets and their data are kept from one to the next.

    Attributes:
      data: the problem of all features, in the dtype of training and exactly; its strengths do not matter.
      group: as in `penalties.penalty`.
    """

    def __init__(self, solver: ProximalNewton, data: Data, group: str | None = None) -> None:
        """Nothing is computed yet but the deviations of the features."""
        self.solver, self.data, self.group = solver, data, group
        with scope(data.exact.dtype):
            spread = spread_of(data.exact)
            if not data.exact.rows.is_streamed:
                exact = data.exact.replaced(mean_squares=_squares(data.exact))
                self.data = data._replace(exact=exact, training=exact if data.training is data.exact else data.training)
        self.deviation = largest_deviations(spread, data.exact.rows.count, np.finfo(data.exact.dtype))
        self._chosen, self._narrow = np.arange(0), self.data
        self.last: Proof | None = None  # of the strength before, whose gradient chooses features for the next

    @property
    def by_feature(self) -> bool:
        """Whether Omega is of rows."""
        return isinstance(sparsity(0.0, self.group), Features)

    def at(self, l1: float, l2: float) -> Data:
        """The problem of all features at these strengths."""
        return with_strengths(self.data, l1, l2, self.group)

    def gradient(self, params: Params) -> np.ndarray:
        """X^T w (O - T) (m, k) float64 at W of `params`, with the bias at its optimum."""
        return proven(self.data.exact, params, np.inf).G

    def memory(self) -> dict[str, np.ndarray]:
        """What the next strength depends on, as tensors."""
        tensors = {"sets.chosen": self._chosen.astype(np.int64)}
        if self.last is not None:
            tensors |= to_tensors("sets.params", self.last.params) | {"sets.G": self.last.G}
        return tensors

    def recall(self, tensors: dict[str, np.ndarray]) -> None:
        """Go back to what `memory` gave."""
        if "sets.G" in tensors:
            W, b = (tensors[name] for name in to_tensors("sets.params", Params(np.zeros(0), np.zeros(0))))
            self.last = Proof(Params(W, b), np.nan, np.inf, tensors["sets.G"], 1.0)
        self.restricted(tensors["sets.chosen"].astype(int), 1.0, 0.0)

    def restricted(self, chosen: np.ndarray, l1: float, l2: float) -> Data:
        """The problem of the features `chosen` (s,), of one of few widths."""
        if not np.array_equal(chosen, self._chosen):
            width, m = padded_width(len(chosen)), self.data.exact.shape[1]
            index = np.full(width, -1, np.int32)
            index[: len(chosen)] = chosen
            whole = len(chosen) == m
            self._chosen, self._narrow = chosen, self.data if whole else with_columns(self.data, index)
        return with_strengths(self._narrow, l1, l2, self.group)

    def solve(
        self,
        l1: float,
        l2: float,
        start: Params,
        *,
        tol: float,
        max_iter: int,
        callback: Any = None,
        session: Saving | None = None,
    ) -> Outcome:
        """Minimise J from `start` until the certified gap is at most `tol`, or say why not.

        Args:
          l1: strength > 0.
          l2: strength >= 0.
          start: W (m, k) and b (k,), in the dtype of training.
          tol: nats per sample.
          max_iter: most iterations of the solver.
          callback: called with `Progress` between chunks of iterations; a true result stops the fit.
          session: where the state is saved after each round, and found.
        """
        fit = _Fit(self, l1, l2, start, tol, max_iter, callback)
        status = "interrupted"
        try:
            found = session.load() if session else None
            if found:
                fit.resume(*found)
            status = fit.begin()
            while not status:
                status = fit.round()
                status = session.after(fit.n_iter, status, fit.snapshot) if session else status
        except KeyboardInterrupt:
            status = "interrupted"
        outcome = fit.finish(status)
        self.last = fit.proof
        return outcome


class _Fit:
    """One strength: the parameters so far, with their proof, and the set that is worked on."""

    def __init__(
        self, sets: WorkingSets, l1: float, l2: float, start: Params, tol: float, max_iter: int, callback: Any
    ) -> None:
        self.sets, self.l1, self.l2, self.tol, self.max_iter, self.callback = sets, l1, l2, tol, max_iter, callback
        self.whole = sets.at(l1, l2)
        self.params = start
        self.proof = Proof(start, np.nan, np.inf, np.zeros((0, 0)), 1.0)  # of nothing
        self.chosen = sets._chosen
        self.level, self.failed, self.n_iter, self.n_passes, self.target = 0, 0, 0, 0, np.inf
        self.history: list[np.ndarray] = []

    def begin(self) -> str:
        """Certify the start; its gradient, or that of another strength, is good enough to go on."""
        if self.sets.last is not None and self.max_iter > 0:
            self.proof = self.sets.last._replace(objective=np.nan, gap=np.inf)
            return ""
        known = self.params.W.any() or self.max_iter == 0
        self.proof = proven(self.whole.exact, self.params, 0.0 if known else np.inf)
        if not known and largest_strength(self.proof.G, self.sets.group) <= self.l1 * (1 + 1e-6):
            self.proof = proven(self.whole.exact, self.params, self.tol)
        self.params = self.proof.params
        return self._verdict()

    def judge(self) -> str:
        """Certify the parameters; the status, or "" to go on."""
        before, self.proof = self.proof, proven(self.whole.exact, self.params, self.tol)
        self.params = self.proof.params
        self.failed += np.isfinite(before.gap) and not self.proof.gap <= NEARER * before.gap
        return self._verdict()

    def _verdict(self) -> str:
        """What the proof means."""
        if not np.isfinite(self.proof.objective):
            return "nonfinite"
        if self.proof.gap <= self.tol:
            return "converged"
        if self.n_iter >= self.max_iter:
            return "max_iter"
        return ""

    def round(self) -> str:
        """Choose features, fit them, certify the result."""
        failed = self.failed
        missing = self._choose()
        status, stalled = self._fitted(LAST_SHARE * self.tol * 0.3**failed, ROUND_SHARE if missing else 0.0)
        if status:
            return status
        status = self.judge()
        if status or not (stalled or self.failed > FAILED_ROUNDS):
            return status
        if self.failed == failed and missing:  # nearer, and the set may grow
            return ""
        if self.level + 1 < len(ladder(self.whole)):
            self.level, self.failed = self.level + 1, 0
            return ""
        return "precision_floor" if self.failed > FAILED_ROUNDS else ""

    def snapshot(self) -> Any:
        """All that the next rounds depend on."""
        counts = {name: int(getattr(self, name)) for name in ("level", "failed", "n_iter", "n_passes")}
        history = np.concatenate([*self.history, np.zeros(0)])
        tensors = {"history": history, "chosen": self.chosen.astype(np.int64), **to_tensors("params", self.params)}
        return tensors, {"host_state": json.dumps(counts)}

    def resume(self, tensors: dict[str, np.ndarray], texts: dict[str, str]) -> None:
        """Go back to a snapshot."""
        counts = json.loads(texts["host_state"])
        self.level, self.failed = counts["level"], counts["failed"]
        self.n_iter, self.n_passes = counts["n_iter"], counts["n_passes"]
        dtype = ladder(self.whole)[self.level].dtype
        with scope(dtype):
            wanted = Params(*(np.asarray(p, dtype) for p in self.params))
            found, _ = from_tensors("params", tensors, wanted)
            self.params = Params(*(np.array(p) for p in found))
        self.history, self.chosen = [tensors["history"]], tensors["chosen"].astype(int)

    def finish(self, status: str) -> Outcome:
        """What is returned, rounded to the dtype of training."""
        known = np.isfinite(self.proof.objective)
        proof, dtype = self.proof if known else proven(self.whole.exact, self.params), self.sets.data.dtype
        params, J, gap = proof.params, proof.objective, proof.gap
        if params.W.dtype != dtype:
            params = Params(*(p.astype(dtype) for p in params))
            with scope(np.float64):
                J = float(objective_at(self.whole.exact, params))
            gap = float(rounded(gap, proof.objective, J))
            status = still(status, gap, self.tol)
        history = np.concatenate([*self.history, np.zeros(0)])
        steps = ladder(self.whole)[: self.level + 1]
        used = ", then ".join(precision_of(p.rows.tiles, p.dtype) for p in steps)
        return Outcome(params, J, gap, status, self.n_iter, self.n_passes, history, used)

    def _choose(self) -> bool:
        """Take features into the set; whether some that belong there are still missing."""
        G, W = self.proof.G, self.params.W
        may = not_screened(
            G, self.proof.c, self.proof.gap, self.sets.deviation, self.l1, by_feature=self.sets.by_feature
        )
        self.params = Params(np.where(may, W, 0), self.params.b)
        present, alive = self.params.W.any(axis=1), may.any(axis=1)
        size = (row_norms(G) if self.sets.by_feature else np.abs(G)).max(axis=1)
        wanted = present | (alive & (size > self.l1))
        held = np.zeros(len(W), bool)
        held[self.chosen] = True
        if not (wanted & ~held).any() and len(self.chosen):
            return False
        room = max(LEAST, 2 * int(present.sum()))
        m = len(W)
        if m <= FEW or room >= m or alive.sum() <= room:
            self.chosen = np.arange(m) if m <= FEW or room >= m else np.flatnonzero(alive | present)
            return False
        order = np.lexsort((np.arange(m), -size, ~alive, ~present))[: max(room, padded_width(room))]
        self.chosen = np.sort(order)
        held[:] = False
        held[self.chosen] = True
        return bool((wanted & ~held).any())

    def _fitted(self, least: float, share: float) -> tuple[str, bool]:
        """Let the solver fit the set; a status that ends the fit, and whether nothing moved any more."""
        solver, data = self.sets.solver, self.sets.restricted(self.chosen, self.l1, self.l2)
        problem = ladder(data)[self.level]
        W = np.zeros((problem.shape[1], self.params.W.shape[1]), problem.dtype)
        W[: len(self.chosen)] = self.params.W[self.chosen]
        with scope(problem.dtype):
            chunk = begin(solver, problem, spread_of(problem), Params(W, self.params.b.astype(problem.dtype)))
        self.target = max(least, share * min(self.proof.gap, float(chunk.measure)))
        steps, passes, status = 1 if problem.rows.is_streamed else FIRST_CHUNK, self.n_passes, ""
        while float(chunk.measure) > self.target and int(chunk.stalled) < STALLED_STEPS and self.n_iter < self.max_iter:
            chunk, steps = self._advanced(problem, chunk, steps)
            if not np.isfinite(float(chunk.measure)):
                return "nonfinite", True
            self.n_passes = passes + int(chunk.state.passes)
            J = float(chunk.state.point.objective)
            if self.callback is not None and self.callback(Progress(self.n_iter, J, self.proof.gap, self.n_passes)):
                status = "interrupted"
                break
        found = chunk.state.point.params
        W = np.zeros(self.params.W.shape, problem.dtype)
        W[self.chosen] = np.asarray(found.W)[: len(self.chosen)]
        self.params = Params(W, np.array(found.b))
        if status:
            self.proof = proven(self.whole.exact, self.params)
            status = "converged" if self.proof.gap <= self.tol else status
        return status, int(chunk.stalled) >= STALLED_STEPS

    def _advanced(self, problem: Problem, chunk: Any, steps: int) -> tuple[Any, int]:
        begin_s = time.perf_counter()
        count = min(steps, CHUNK, self.max_iter - self.n_iter)
        with scope(problem.dtype):
            chunk = run(self.sets.solver, problem, chunk, problem.dtype.type(self.target), np.int32(count))
            done = int(chunk.i)
            self.history.append(np.asarray(chunk.objectives, np.float64)[:done])
        self.n_iter += done
        streamed = problem.rows.is_streamed
        return chunk, 1 if streamed else next_steps(steps, time.perf_counter() - begin_s, done)


def largest_deviations(spread: Spread, n_rows: int, kind: np.finfo) -> np.ndarray:
    """What the standard deviations of the features (m,) are at most, whatever rounding and underflow took from them.

    Args:
      spread: as it was computed.
      n_rows: terms of its sums.
      kind: of the dtype in which it was.
    """
    mean, variance = (np.asarray(a, np.float64) for a in spread)
    lost = 64 * np.sqrt(n_rows) * float(kind.eps) * (np.square(mean) + variance) + 2 * float(kind.tiny)
    return np.sqrt(np.maximum(variance, 0) + lost)


@compiled()
def _squares(problem: Problem) -> Any:
    return problem.rows.squares()


@compiled()
def spread_of(problem: Problem) -> Spread:
    """The spread of the features.

    Args:
      problem: in any dtype; where the bias is not free, the mean is zero.
    """
    return problem.variances()
