"""The one driver: compiled chunks of steps, and between them callback, certificate, interruption, status.

A chunk ends when the gap estimated in the training dtype is below the target, when progress drowns in rounding, or
after about half a second. Only a float64 certificate makes a fit "converged". Where float32 can get no closer, the
same state goes on in float64, with X stored as it is: few steps remain.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.certificate.bound import certify
from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.placement.platforms import FLOAT32, copied, precision_of, with_products
from softmax_jax.problem.problem import Data, Problem
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.solvers import separability
from softmax_jax.solvers.one_thread import one_blas_thread
from softmax_jax.solvers.protocol import Solver
from softmax_jax.solvers.solutions import Outcome
from softmax_jax.solvers.steps import begin, extra_step, measure, objective_at, point_at, run, to_float64
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
from softmax_jax.solvers.unpenalised import standardised
from softmax_jax.storage.resuming import from_tensors, to_tensors
from softmax_jax.storage.saving import Saving

REVIEW_STEPS = 100  # after which a solver has to have earned its iterations, where another could go on
REVIEW_FALL = 0.1  # of the measured distance, by which it has
HOPELESS = 1e-12  # gap, nats, below which no other solver is tried: what is left is rounding
HANDED_OVER = ("slow", "nonfinite", "precision_floor")
SEPARATION_STEPS = 8  # where l2 = 0, chunks end at multiples, and there data are tested for separation


@with_documented_fields
class Progress(NamedTuple):
    """What a callback sees.

    Attributes:
      n_iter: iterations so far.
      objective: J now, nats per sample.
      duality_gap: how far above the optimum this is, estimated; what a result states is proven.
      n_passes: passes over the data so far.
    """

    n_iter: int
    objective: float
    duality_gap: float
    n_passes: int


class _Driver:
    """One minimisation: the state on the device, and what is known of it on the host."""

    def __init__(self, solvers: Sequence[Solver], data: Data, tol: float, max_iter: int, callback: Any) -> None:
        self.penalised = float(data.exact.l2) > 0
        data, self.scale = (data, None) if self.penalised else standardised(data)
        self.data, self.ladder, self.level = data, ladder(data), 0
        self.solvers, self.stage, self.stage_start = solvers, 0, 0
        self.reviewed = np.inf  # the measure at the last review
        self.passes_before = 0  # of the stages before this one
        self.tol, self.max_iter, self.callback = tol, max_iter, callback
        self.target = first_target(tol) if self.penalised else tol
        self.history: list[np.ndarray] = []
        self.n_iter, self.n_passes, self.failed = 0, 0, 0
        self.steps = 1 if self.problem.rows.is_streamed else FIRST_CHUNK
        self.latest: Params  # on an accelerator they stay there until they are asked for
        self.proof: Any = None  # the certificate of `latest`, where there is one

    def begin(self, params: Params) -> str:
        """Prepare and evaluate the start."""
        self._start_stage(params)
        self._keep()
        if not np.isfinite(float(self.chunk.measure)):
            return "nonfinite"
        return self._judge() if float(self.chunk.measure) <= self.target or self.max_iter == 0 else ""

    def advance(self) -> str:
        """Run a chunk; the status it ends with, or "" to go on."""
        steps = min(self.steps, CHUNK, self.max_iter - self.n_iter, REVIEW_STEPS - self._stage_iter % REVIEW_STEPS)
        if not self.penalised:
            steps = min(steps, SEPARATION_STEPS - self.n_iter % SEPARATION_STEPS)
        begin_s = time.perf_counter()
        with scope(self.problem.dtype):
            target = self.problem.dtype.type(self.target)
            with one_blas_thread() if self.solver.needs_rows else nullcontext():
                self.chunk = run(self.solver, self.problem, self.chunk, target, np.int32(steps))
                done = int(self.chunk.i)
            objectives = np.asarray(self.chunk.objectives, np.float64)[:done]
        wall_s = time.perf_counter() - begin_s
        self.n_iter += done
        self.history.append(objectives)
        self.steps = 1 if self.problem.rows.is_streamed else next_steps(self.steps, wall_s, done)
        if np.isfinite(float(self.chunk.measure)):
            self._keep()
            status = self._judge() or self._review()
        else:
            status = "nonfinite"
        status = self._hand_over(status) if status in HANDED_OVER else status
        if status == "nonfinite":
            return status
        progress = Progress(self.n_iter, float(self._state.point.objective), self._gap(), self.n_passes)
        if self.callback is not None and self.callback(progress) and not status:
            return "interrupted"
        return status

    def snapshot(self) -> Any:
        """All that the next steps depend on, as tensors and texts."""
        host_state = {"n_iter": self.n_iter, "failed": self.failed, "target": self.target}
        host_state |= {"level": self.level, "n_passes": self.n_passes}
        host_state |= {"stage": self.stage, "stage_start": self.stage_start, "passes_before": self.passes_before}
        host_state["reviewed"] = self.reviewed if np.isfinite(self.reviewed) else None
        host_state["parts"] = self.problem.rows.collectives.count  # over other devices, logits may lie in another order
        tensors = {"history": np.concatenate([*self.history, np.zeros(0)]), **to_tensors("chunk", self.chunk)}
        return tensors, {"host_state": json.dumps(host_state)}

    def resume(self, tensors: dict[str, np.ndarray], texts: dict[str, str]) -> str:
        """Go back to a snapshot, from `begin`; the status is what the end of a chunk of no steps would mean."""
        host_state = json.loads(texts["host_state"])
        self.stage, self.stage_start, self.passes_before = (
            host_state[name] for name in ("stage", "stage_start", "passes_before")
        )
        self.reviewed = np.inf if host_state["reviewed"] is None else host_state["reviewed"]
        if self.stage:
            self.level = host_state["level"]
            self._start_stage(self.latest)
        else:
            while self.level < host_state["level"]:
                self._promote()
        with scope(self.problem.dtype):
            self.chunk, whole = from_tensors("chunk", tensors, self.chunk)
        if not whole or host_state["parts"] != self.problem.rows.collectives.count:
            self._refresh(self.problem)
        self.n_iter, self.failed, self.target = host_state["n_iter"], host_state["failed"], host_state["target"]
        self.history = [tensors["history"]]
        self._keep()
        return self._judge()

    def finish(self, status: str) -> Outcome:
        """Certify what is returned, rounded to the training dtype."""
        if self.proof is None:
            self.proof = self._certify(self.latest)
        params, J, gap = self.proof
        found = Params(*(np.array(p, self.data.dtype) for p in params))
        if params.W.dtype != self.data.dtype:
            with scope(np.float64):
                rounded_J = float(objective_at(self.data.exact, found))
            gap, J = rounded(float(gap), float(J), rounded_J), rounded_J
            status = still(status, gap, self.tol) if self.penalised else status
        if self.scale is not None:
            found = Params((found.W * self.scale[:, None]).astype(self.data.dtype), found.b)
        history = np.concatenate([*self.history, np.zeros(0)])
        used = ", then ".join(precision_of(p.rows.tiles, p.dtype) for p in self.ladder[: self.level + 1])
        return Outcome(found, float(J), float(gap), status, self.n_iter, self.n_passes, history, used)

    @property
    def problem(self) -> Problem:
        """What is iterated on: the first of the ladder, until it leads no closer."""
        return self.ladder[self.level]

    @property
    def solver(self) -> Solver:
        """Of this stage."""
        return self.solvers[self.stage]

    @property
    def _stage_iter(self) -> int:
        """Iterations of this stage."""
        return self.n_iter - self.stage_start

    @property
    def _state(self) -> Any:
        return self.chunk.state

    def _start_stage(self, params: Params) -> None:
        """Prepare the solver, and evaluate `params`."""
        solver, problem = self.solver, self.problem
        start = Params(*(np.asarray(p, problem.dtype) for p in params))
        with scope(problem.dtype):
            self.chunk = begin(solver, problem, solver.prepare(problem), start)

    def _review(self) -> str:
        """Now and then: "slow" where a stage no longer earns its iterations and another solver is there to go on."""
        if self._stage_iter % REVIEW_STEPS:
            return ""
        before, self.reviewed = self.reviewed, float(self.chunk.measure)
        slow = self._stage_iter > 0 and self.reviewed > REVIEW_FALL * before
        return "slow" if slow and self.stage + 1 < len(self.solvers) else ""

    def _hand_over(self, status: str) -> str:
        """Let the next solver go on from the last finite parameters; `status` where there is none, or no use in it."""
        near = self.proof is not None and float(self.proof.gap) <= HOPELESS
        if self.stage + 1 == len(self.solvers) or self.n_iter >= self.max_iter or near:
            return "" if status == "slow" else status  # slow is no end
        self.stage, self.stage_start, self.reviewed = self.stage + 1, self.n_iter, np.inf
        self.level = len(self.ladder) - 1
        self.passes_before = self.n_passes
        self.steps, self.failed, self.target = 1, 0, first_target(self.tol) if self.penalised else self.tol
        self._start_stage(self.latest)
        self._keep()
        return ""

    def _gap(self) -> float:
        return float(self.chunk.measure) if self.penalised else float("inf")

    def _keep(self) -> None:
        """Copy the parameters: what an interrupt returns, while the next chunk uses up the state."""
        with scope(self.problem.dtype):
            self.latest = Params(*copied(tuple(self._state.point.params)))
        self.n_passes = self.passes_before + int(self._state.passes)
        self.proof = None

    def _certify(self, params: Params) -> Any:
        with scope(np.float64):
            return jax.tree.map(np.asarray, certify(self.data.exact, params))

    def _judge(self) -> str:
        """What the end of a chunk means."""
        reached = float(self.chunk.measure) <= self.target
        stuck = int(self.chunk.stalled) >= STALLED_STEPS
        exhausted = self.n_iter >= self.max_iter
        if not self.penalised:
            return self._judge_unpenalised(reached, stuck, exhausted)
        if not (reached or stuck or exhausted):
            return ""
        self.proof = self._certify(self.latest)
        self.failed += reached
        gap = float(self.proof.gap)
        status = verdict(gap, self.tol, stalled=stuck, exhausted=exhausted, failed=self.failed)
        if status == "precision_floor" and self._can_promote():
            return self._promote()
        if not status:
            self.target = next_target(self.target, self.tol, gap)
            self._refresh(self.problem)
        return status

    def _judge_unpenalised(self, reached: bool, stuck: bool, exhausted: bool) -> str:
        """As `_judge` without a penalty: the gradient's norm decides, and separable data are found out."""
        if (reached or stuck) and not exhausted and self._can_promote():
            return self._promote()  # only float64 can tell a small gradient from none
        with scope(self.problem.dtype):
            point = self._state.point
            # not wherever a chunk happens to end, which is a matter of time: the result would depend on it
            judged = reached or stuck or exhausted or self.n_iter % SEPARATION_STEPS == 0
            if judged and bool(separability.is_separated(self.problem, point)):
                return "diverging"
            if reached:  # where a solver is stuck short of that, the optimum may well be a step away
                further = extra_step(self.solver, self.problem, self._state)
                if bool(separability.recedes(self.problem, point, further)):
                    return "diverging"
            if (reached or stuck) and bool(separability.is_flat(self.problem, point)):
                return "diverging"
        if reached:
            return "converged"
        if stuck:
            return "precision_floor"
        return "max_iter" if exhausted else ""

    def _can_promote(self) -> bool:
        return self.level + 1 < len(self.ladder)

    def _promote(self) -> str:
        """Go on from the same state on the next of the ladder."""
        narrow, self.level = self.problem.dtype, self.level + 1
        with scope(self.problem.dtype):
            if self.problem.dtype != narrow:
                self.chunk = to_float64(self.chunk)
            self.steps, self.failed, self.target = 1, 0, first_target(self.tol)
        self._refresh(self.problem)
        return ""

    def _refresh(self, problem: Problem) -> None:
        """Evaluate the point anew: cached Z has gathered the rounding of every step."""
        with scope(problem.dtype):
            point = point_at(problem, self._state.point.params)
            m = measure(problem.penalty, point)
            stalled = jnp.zeros_like(self.chunk.stalled)
            state = self._state._replace(point=point, passes=self._state.passes + 1)
            self.chunk = self.chunk._replace(state=state, measure=m, best=jnp.copy(m), stalled=stalled)


def ladder(data: Data) -> list[Problem]:
    """The same problem in what it is computed in, one after the other as each leads no closer: float64 is the last.

    Args:
      data: the problem in the training dtype, and exactly.
    """
    training, exact = data.training, data.exact
    tiles = training.rows.tiles
    if tiles.products is None or training.dtype == exact.dtype:
        return [exact] if training is exact else [training, exact]
    return [training, training.replaced(rows=training.rows.worked_by(with_products(tiles, FLOAT32))), exact]


def optimise(
    solver: Solver,
    data: Data,
    params: Params,
    *,
    tol: float,
    max_iter: int,
    callback: Callable[[Progress], Any] | None = None,
    session: Saving | None = None,
    fallbacks: Sequence[Solver] = (),
) -> Outcome:
    """Minimise J from `params` until the certified gap is at most `tol`, or say why not.

    Args:
      solver: a record with `prepare`, `init` and `step`.
      data: the problem in the training dtype, and exactly.
      params: start, in the training dtype; W sums to zero over classes.
      tol: nats per sample; for l2 = 0 the norm of the gradient, in the units of `unpenalised`.
      max_iter: most iterations.
      callback: called after each chunk with `Progress`; a true result stops the fit.
      session: where the state is saved between chunks, and found.
      fallbacks: solvers that go on, one after the other, where the one before gets no further.

    Returns:
      Outcome; `status` is one of converged, max_iter, precision_floor, nonfinite, diverging, interrupted.
    """
    driver = _Driver((solver, *fallbacks), data, tol, max_iter, callback)
    params = params if driver.scale is None else Params(params.W / driver.scale[:, None], params.b)
    params = Params(*(np.array(p, driver.problem.dtype) for p in params))
    driver.latest, status = params, ""
    try:
        found = session.load() if session else None
        status = driver.begin(params)
        status = driver.resume(*found) if found else status
        while not status:
            status = driver.advance()
            status = session.after(driver.n_iter, status, driver.snapshot) if session else status
    except KeyboardInterrupt:
        return driver.finish(status or "interrupted")
    try:
        return driver.finish(status)
    except KeyboardInterrupt:  # the fit had ended: what it found is not lost
        return driver.finish(status)
