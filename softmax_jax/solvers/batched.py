"""Many problems in one compiled program: they share X, or have small X of their own; each is certified for itself.

A problem that is done takes no more steps, and slots are given up once half of them are idle. The verdict is that of
`optimise`: only a float64 certificate makes a problem "converged", and those that float32 can bring no closer go on in
float64.
"""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.solvers import batched_passes, steps
from softmax_jax.solvers.batched_passes import Batch
from softmax_jax.solvers.protocol import Solver
from softmax_jax.solvers.solutions import Solutions
from softmax_jax.solvers.stopping import (
    CHUNK,
    FIRST_CHUNK,
    STALLED_STEPS,
    first_target,
    next_steps,
    next_target,
    rounded,
    still,
    verdict,
)

CERTIFIED_ELEMENTS = 2**25  # float64 logits of the problems that are certified at a time


def begin_batch(solver: Solver, batch: Batch, params: Params) -> Any:
    """The first chunk of the batch, all of l2 > 0, at `params`.

    Args:
      solver: a record with `init`.
      batch: B problems, with what the solver prepared for them.
      params: W (B, m, k) and b (B, k), NumPy or JAX, cast to the training dtype.
    """
    with scope(batch.training.dtype):
        start = Params(*(np.asarray(p, batch.training.dtype) for p in params))
        return batched_passes.begin(solver, batch.layout, batch.training, batch.preconditioner, start)


def restart_batch(solver: Solver, batch: Batch, chunk: Any, start: Params, old_l2: np.ndarray) -> Any:
    """The chunk of a batch that differs in l2 alone from that of `chunk`: at `start`, or where it was if J is less.

    Args:
      solver: the record that made `chunk`.
      batch: with the new strengths.
      chunk: used up.
      start: (B, m, k), (B, k).
      old_l2: (B,) strengths of `chunk`.
    """
    dtype = batch.training.dtype
    with scope(dtype):
        place = Params(*(np.asarray(p, dtype) for p in start))
        old = np.asarray(old_l2, dtype)
        return batched_passes.restart(solver, batch.layout, batch.training, batch.preconditioner, chunk, place, old)


def advance_batch(
    solver: Solver, batch: Batch, chunk: Any, *, tol: float, max_iter: int, keep: bool = False
) -> tuple[Solutions, Any]:
    """Go on from `chunk`, which is used up, until every problem has a status.

    Args:
      solver: a record with `prepare`, `init`, `step` and `restart`.
      batch: the problems.
      chunk: of this batch.
      tol: gap to certify, nats per sample.
      max_iter: most iterations of a problem.
      keep: whether the last chunk is wanted; slots are then kept for all problems.

    Returns:
      The solutions, in the training dtype, and the last chunk in the training dtype where `keep`, else None.
    """
    run = _Run(solver, batch, chunk, tol, max_iter, keep)
    run.to_the_end()
    found = run.found
    floored = np.flatnonzero([status == "precision_floor" for status in found.status])
    if len(floored) and batch.training.dtype != batch.exact.dtype:
        _go_on_in_float64(solver, batch, found, run.chunk.state if keep else None, floored, tol, max_iter)
    return found, run.chunk if keep else None


def _go_on_in_float64(
    solver: Solver, batch: Batch, found: Solutions, state: Any, floored: np.ndarray, tol: float, max_iter: int
) -> None:
    """Let the problems `floored`, which float32 could bring no closer, go on in float64; `found` is filled."""
    wide = batch.in_float64(floored)
    at = Params(*(p[floored].astype(np.float64) for p in found.params))
    if state is None:
        chunk = begin_batch(solver, wide, at)
    else:
        with scope(np.float64):
            state = steps.to_float64(batched_passes.at(state, floored))
            chunk = batched_passes.move(
                solver, wide.layout, wide.training, wide.preconditioner, state, jax.tree.map(jnp.asarray, at)
            )
    left = int(max_iter - found.n_iter[floored].min())
    further, _ = advance_batch(solver, wide, chunk, tol=tol, max_iter=left)
    narrow = Params(*(p.astype(batch.training.dtype) for p in further.params))
    further = at_rounded(wide, further, narrow, tol)
    for i, problem in enumerate(floored):
        found.put(problem, further.at(i), further=True)


def at_rounded(batch: Batch, found: Solutions, params: Params, tol: float) -> Solutions:
    """What is proven of `params` (B, m, k), (B, k), which rounding has made of those found.

    Args:
      batch: the problems.
      found: proven before.
      params: after rounding.
      tol: gap up to which a solution stays converged.
    """
    with scope(np.float64):
        J = np.array(batched_passes.objectives(batch.varying, batch.exact, jax.tree.map(jnp.asarray, params)))
    gap = rounded(found.duality_gap, found.objective, J)
    status = [still(word, g, tol) for word, g in zip(found.status, gap, strict=True)]
    return found._replace(params=params, objective=J, duality_gap=gap, status=status)


class _Run:
    """One dtype: the state on the device, in slots, and what is known of each problem on the host."""

    def __init__(self, solver: Solver, batch: Batch, chunk: Any, tol: float, max_iter: int, keep: bool) -> None:
        B = batch.count
        self.solver, self.batch, self.chunk, self.keep = solver, batch, chunk, keep
        self.problem = batch.training
        self.tol, self.max_iter, self.steps = tol, max_iter, FIRST_CHUNK
        self.index = np.arange(B)  # of each slot
        self.active = np.ones(B, bool)  # of each slot
        self.target = np.full(B, first_target(tol))  # of each problem, as all that follow
        self.failed = np.zeros(B, int)
        self.found = Solutions.unsolved(Params(*(np.array(p) for p in chunk.state.point.params)))

    def to_the_end(self) -> None:
        """Chunks until no slot is active."""
        self._judge()
        while self.active.any():
            self._compact()
            self._advance()
            self._judge()

    @property
    def _program(self) -> tuple[Any, ...]:
        batch, preconditioner = self.batch, self.batch.preconditioner
        if not batch.shared and len(self.index) < batch.count:
            preconditioner = batched_passes.at(preconditioner, self.index)
        return self.solver, batch.layout, self.problem, preconditioner

    def _advance(self) -> None:
        begin_s = time.perf_counter()
        left = np.maximum(self.max_iter - self.found.n_iter[self.index], 0)
        budget = np.where(self.active, np.minimum(min(self.steps, CHUNK), left), 0).astype(np.int32)
        dtype = self.problem.dtype
        with scope(dtype):
            target = self.target[self.index].astype(dtype)
            self.chunk = batched_passes.run(*self._program, self.chunk, target, budget)
            done = np.where(self.active, np.asarray(self.chunk.i), 0)
        self.found.n_iter[self.index] += done
        self.steps = next_steps(self.steps, time.perf_counter() - begin_s, int(done.max()))

    def _judge(self) -> None:
        """Decide about every active slot, by a certificate where its estimate says that it is done."""
        found, measure = self.found, np.asarray(self.chunk.measure)
        found.n_passes[self.index[self.active]] = np.asarray(self.chunk.state.passes)[self.active]
        finite, reached = np.isfinite(measure), measure <= self.target[self.index]
        stalled = np.asarray(self.chunk.stalled) >= STALLED_STEPS
        exhausted = found.n_iter[self.index] >= self.max_iter
        for slot in np.flatnonzero(self.active & ~finite):
            self._end(slot, "nonfinite")
        slots = np.flatnonzero(self.active & (reached | stalled | exhausted))
        if not len(slots):
            return
        proofs = self._certify(slots)
        self.failed[self.index[slots]] += reached[slots]
        again = np.zeros(len(self.index), bool)
        for i, slot in enumerate(slots):
            which, gap = self.index[slot], float(proofs.gap[i])
            found.objective[which], found.duality_gap[which] = proofs.objective[i], gap
            found.params.W[which], found.params.b[which] = proofs.params.W[i], proofs.params.b[i]
            words = {"stalled": stalled[slot], "exhausted": exhausted[slot], "failed": self.failed[which]}
            if status := verdict(gap, self.tol, **words):
                self._end(slot, status)
            else:
                self.target[which] = next_target(float(self.target[which]), self.tol, gap)
                again[slot] = True
        if again.any():
            self._refresh(again)

    def _end(self, slot: Any, status: str) -> None:
        self.found.status[self.index[slot]] = status
        self.active[slot] = False

    def _certify(self, slots: np.ndarray) -> Any:
        """Certificates of slots, in groups that share a compiled program."""
        k, N = self.chunk.state.point.curvature.shape[-1], self.problem.in_memory.weights.shape[-1]
        size = min(_slots(len(slots)), self.batch.count, max(1, CERTIFIED_ELEMENTS // (k * N)))
        size = 1 if self.keep else size  # a sweep has few slots: one program for all of them, and that a small one
        found = []
        for first in range(0, len(slots), size):
            group = slots[first : first + size]
            filled = np.concatenate([group, np.repeat(group[:1], size - len(group))])
            found.append(jax.tree.map(lambda p, group=group: p[: len(group)], self._proofs(filled)))
        return jax.tree.map(lambda *parts: np.concatenate(parts), *found)

    def _proofs(self, slots: np.ndarray) -> Any:
        """Certificates of slots, as NumPy arrays."""
        params, batch = self.chunk.state.point.params, self.batch
        exact = batch.exact
        with scope(np.float64):
            if not (len(slots) == batch.count and (self.index[slots] == np.arange(batch.count)).all()):
                params = jax.tree.map(lambda p: np.asarray(p)[slots], params)
                exact = batched_passes.taken(exact, batch.varying, self.index[slots])
            return jax.tree.map(np.asarray, batched_passes.certify(batch.varying, exact, params))

    def _refresh(self, which: np.ndarray) -> None:
        """Evaluate points anew: cached Z has gathered the rounding of every step."""
        with scope(self.problem.dtype):
            self.chunk = batched_passes.refresh(*self._program, self.chunk, which)

    def _compact(self) -> None:
        """Give up slots once half of them are idle."""
        slots = _slots(int(self.active.sum()))
        if self.keep or slots > len(self.index) // 2:
            return
        chosen = np.concatenate([np.flatnonzero(self.active), np.flatnonzero(~self.active)])[:slots]
        with scope(self.problem.dtype):
            self.chunk = batched_passes.at(self.chunk, chosen)
        self.index, self.active = self.index[chosen], self.active[chosen]
        self.problem = batched_passes.taken(self.batch.training, self.batch.varying, self.index)


def _slots(count: int) -> int:
    """The power of two at or above `count`: few programs are compiled."""
    return 1 << max(0, count - 1).bit_length()
