"""The one driver: compiled chunks of steps, and between them callback, certificate, interruption, status.

A chunk ends when the gap estimated in the training dtype is below the target, when progress drowns in rounding, or
after about half a second. Only a float64 certificate makes a fit "converged". Where float32 can get no closer, the
same state goes on in float64, with X stored as it is: few steps remain.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.certificate import certify
from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.problem import Data, Problem, composed
from softmax_jax.resuming import from_tensors, to_tensors
from softmax_jax.saving import Saving
from softmax_jax.solvers import separation
from softmax_jax.solvers.chunks import (
    CHUNK,
    QUIET_STEPS,
    Solver,
    begin,
    extra_step,
    measure,
    objective_at,
    point_at,
    run,
    to_float64,
)

FIRST_CHUNK = 4  # steps, from which the time of a step is known
CHUNK_WALL_S = 0.5
SEPARATION_STEPS = 8  # where l2 = 0, chunks end at multiples, and there data are tested for separation


class Progress(NamedTuple):
    """What a callback sees: iterations and passes so far, J and the estimated gap in nats per sample."""

    n_iter: int
    objective: float
    duality_gap: float
    n_passes: int


class Outcome(NamedTuple):
    """What the driver returns: NumPy parameters in the training dtype, and what is certified about them."""

    params: Params
    objective: float
    duality_gap: float
    status: str
    n_iter: int
    n_passes: int
    history: np.ndarray


class _Driver:
    """One minimisation: the state on the device, and the books about it on the host."""

    def __init__(self, solver: Solver, data: Data, tol: float, max_iter: int, callback: Any) -> None:
        self.solver, self.problem, self.data = solver, data.training, data
        self.tol, self.max_iter, self.callback = tol, max_iter, callback
        self.penalised = float(data.exact.l2) > 0
        self.target = 0.9 * tol if self.penalised else tol
        self.history: list[np.ndarray] = []
        self.n_iter, self.n_passes, self.misses = 0, 0, 0
        self.steps = 1 if self.problem.is_streamed else FIRST_CHUNK
        self.latest: Params
        self.proof: Any = None  # the certificate of `latest`, where there is one

    def begin(self, params: Params) -> str:
        """Prepare and evaluate the start."""
        with scope(self.problem.dtype):
            self.chunk = composed(self.problem, begin)(
                self.solver, self.problem, self.solver.prepare(self.problem), params
            )
        self._keep()
        if not np.isfinite(float(self.chunk.measure)):
            return "nonfinite"
        return self._judge() if float(self.chunk.measure) <= self.target or self.max_iter == 0 else ""

    def advance(self) -> str:
        """Run a chunk; the status it ends with, or "" to go on."""
        steps = min(self.steps, CHUNK, self.max_iter - self.n_iter)
        if not self.penalised:
            steps = min(steps, SEPARATION_STEPS - self.n_iter % SEPARATION_STEPS)
        begin = time.perf_counter()
        with scope(self.problem.dtype):
            target = self.problem.dtype.type(self.target)
            self.chunk = composed(self.problem, run)(self.solver, self.problem, self.chunk, target, np.int32(steps))
            done = int(self.chunk.i)
            objectives = np.asarray(self.chunk.objectives, np.float64)[:done]
        per_step_s = (time.perf_counter() - begin) / max(done, 1)
        self.n_iter += done
        self.history.append(objectives)
        self.steps = 1 if self.problem.is_streamed else int(np.clip(CHUNK_WALL_S / per_step_s, 1, 4 * self.steps))
        if not np.isfinite(float(self.chunk.measure)):
            return "nonfinite"
        self._keep()
        status = self._judge()
        progress = Progress(self.n_iter, float(self._state.point.objective), self._gap(), self.n_passes)
        if self.callback is not None and self.callback(progress) and not status:
            return "interrupted"
        return status

    def snapshot(self) -> Any:
        """All that the next steps depend on, as tensors and texts."""
        books = {"n_iter": self.n_iter, "misses": self.misses, "target": self.target}
        books["wide"] = self.problem is not self.data.training
        books["parts"] = self.problem.peers.count  # logits of as many rows may lie in another order over other devices
        tensors = {"history": np.concatenate([*self.history, np.zeros(0)]), **to_tensors("chunk", self.chunk)}
        return tensors, {"books": json.dumps(books)}

    def resume(self, tensors: dict[str, np.ndarray], texts: dict[str, str]) -> str:
        """Go back to a snapshot, from `begin`; the status is what the end of a chunk of no steps would mean."""
        books = json.loads(texts["books"])
        if books["wide"]:
            self._widen()
        with scope(self.problem.dtype):
            self.chunk, whole = from_tensors("chunk", tensors, self.chunk)
        if not whole or books["parts"] != self.problem.peers.count:
            self._refresh(self.problem)
        self.n_iter, self.misses, self.target = books["n_iter"], books["misses"], books["target"]
        self.history = [tensors["history"]]
        self._keep()
        return self._judge()

    def finish(self, status: str) -> Outcome:
        """Certify what is returned, rounded to the training dtype."""
        if self.proof is None:
            self.proof = self._certify(self.latest)
        params, J, gap = self.proof
        rounded = Params(*(np.array(p, self.data.dtype) for p in params))
        if params.W.dtype != self.data.dtype:
            with scope(np.float64):
                rounded_J = float(composed(self.data.exact, objective_at)(self.data.exact, rounded))
            gap, J = float(gap) + max(rounded_J - float(J), 0.0), rounded_J
            if status == "converged" and self.penalised and gap > self.tol:
                status = "precision_floor"  # rounding the parameters has cost more than tol
        history = np.concatenate([*self.history, np.zeros(0)])
        return Outcome(rounded, float(J), float(gap), status, self.n_iter, self.n_passes, history)

    @property
    def _state(self) -> Any:
        return self.chunk.state

    def _gap(self) -> float:
        return float(self.chunk.measure) if self.penalised else float("inf")

    def _keep(self) -> None:
        """Copy the parameters to the host: what an interrupt returns."""
        self.latest = Params(*(np.array(p) for p in self._state.point.params))
        self.n_passes = int(self._state.passes)
        self.proof = None

    def _certify(self, params: Params) -> Any:
        with scope(np.float64):
            return jax.tree.map(np.asarray, composed(self.data.exact, certify)(self.data.exact, params))

    def _judge(self) -> str:
        """What the end of a chunk means."""
        reached = float(self.chunk.measure) <= self.target
        stuck = int(self.chunk.quiet) >= QUIET_STEPS
        exhausted = self.n_iter >= self.max_iter
        if not self.penalised:
            return self._judge_unpenalised(reached, stuck, exhausted)
        if not (reached or stuck or exhausted):
            return ""
        self.proof = self._certify(self.latest)
        if float(self.proof.gap) <= self.tol:
            return "converged"
        if exhausted:
            return "max_iter"
        self.misses += reached
        if stuck or self.misses > 3:
            return self._widen() if self._can_widen() else "precision_floor"
        self.target *= min(0.5, 0.5 * self.tol / float(self.proof.gap))
        self._refresh(self.problem)
        return ""

    def _judge_unpenalised(self, reached: bool, stuck: bool, exhausted: bool) -> str:
        """As `_judge` without a penalty: the gradient's norm decides, and separable data are found out."""
        with scope(self.problem.dtype):
            point = self._state.point
            # not wherever a chunk happens to end, which is a matter of time: the result would depend on it
            judged = reached or stuck or exhausted or self.n_iter % SEPARATION_STEPS == 0
            if judged and bool(composed(self.problem, separation.is_separated)(self.problem, point)):
                return "diverging"
            if reached or stuck:
                further = composed(self.problem, extra_step)(self.solver, self.problem, self._state)
                if bool(composed(self.problem, separation.recedes)(self.problem, point, further)):
                    return "diverging"
        if reached:
            return "converged"
        if stuck:
            return self._widen() if self._can_widen() else "precision_floor"
        return "max_iter" if exhausted else ""

    def _can_widen(self) -> bool:
        return self.problem.dtype != np.float64 and jax.default_backend() != "tpu"

    def _widen(self) -> str:
        """Go on in float64 from the same state."""
        with scope(np.float64):
            self.problem = self.data.exact
            self.chunk = jax.tree.map(to_float64, self.chunk)
            self.steps, self.misses, self.target = 1, 0, 0.9 * self.tol
        self._refresh(self.problem)
        return ""

    def _refresh(self, problem: Problem) -> None:
        """Evaluate the point anew: cached Z has gathered the rounding of every step."""
        with scope(problem.dtype):
            point = composed(problem, point_at)(problem, self._state.point.params)
            m = measure(problem.penalty, point)
            quiet = jnp.zeros_like(self.chunk.quiet)
            state = self._state._replace(point=point, passes=self._state.passes + 1)
            self.chunk = self.chunk._replace(state=state, measure=m, best=jnp.copy(m), quiet=quiet)


def optimise(
    solver: Solver,
    data: Data,
    params: Params,
    *,
    tol: float,
    max_iter: int,
    callback: Callable[[Progress], Any] | None = None,
    session: Saving | None = None,
) -> Outcome:
    """Minimise J from `params` until the certified gap is at most `tol`, or say why not.

    Args:
      solver: a record with `prepare`, `init` and `step`.
      data: the problem in the training dtype, and exactly.
      params: start, in the training dtype; W sums to zero over classes.
      tol: nats per sample; for l2 = 0 the norm of the gradient.
      max_iter: most iterations.
      callback: called after each chunk with `Progress`; a true result stops the fit.
      session: where the state is saved between chunks, and found.

    Returns:
      Outcome; `status` is one of converged, max_iter, precision_floor, nonfinite, diverging, interrupted.
    """
    driver = _Driver(solver, data, tol, max_iter, callback)
    driver.latest = Params(*(np.array(p) for p in params))
    try:
        found = session.load() if session else None
        status = driver.begin(params)
        status = driver.resume(*found) if found else status
        while not status:
            status = driver.advance()
            status = session.after(driver.n_iter, status, driver.snapshot) if session else status
    except KeyboardInterrupt:
        status = "interrupted"
    return driver.finish(status)
