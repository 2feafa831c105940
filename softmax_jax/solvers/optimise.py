"""The one driver: compiled chunks of steps, and between them callback, certificate, interruption, status.

A chunk ends when the gap estimated in the training dtype is below the target, when progress drowns in rounding, or
after about half a second. Only a float64 certificate makes a fit "converged". Where float32 can get no closer, the
same state goes on in float64, with X stored as it is: few steps remain.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.certificate import certify
from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.problem import Data, Penalty, Point, Problem, composed
from softmax_jax.resuming import from_tensors, to_tensors
from softmax_jax.saving import Saving
from softmax_jax.sharding import over_rows
from softmax_jax.solvers import separation

CHUNK = 64  # most steps in one dispatch
FIRST_CHUNK = 4  # steps, from which the time of a step is known
CHUNK_WALL_S = 0.5
SEPARATION_STEPS = 8  # where l2 = 0, chunks end at multiples, and there data are tested for separation
QUIET_STEPS = 6  # steps without visible progress after which a dtype has given what it can


class Solver(Protocol):
    """What the driver asks of a solver; its state is a NamedTuple with `point`, `prepared` and `passes`."""

    def prepare(self, problem: Problem) -> Any:
        """What is computed once per data, outside jit."""
        ...

    def init(self, problem: Problem, prepared: Any, params: Params) -> Any:
        """The state at `params`."""
        ...

    def step(self, problem: Problem, state: Any) -> Any:
        """The next state."""
        ...

    def restart(self, problem: Problem, state: Any, point: Point, old_l2: Any) -> Any:
        """The state at `point`, with what `state` remembers of a problem that differs in its l2 alone."""
        ...


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


class _Chunk(NamedTuple):
    """The carry of a chunk: state, steps done, J after each, and the signs of stagnation."""

    state: Any
    i: Any
    objectives: Any  # (CHUNK,)
    measure: Any
    best: Any
    quiet: Any


@jax.jit
def measure(penalty: Penalty, point: Point) -> Any:
    """The distance to the optimum as the training dtype sees it: the gap, or the gradient's norm where l2 = 0."""
    dW, db = point.gradient
    square = jnp.vdot(dW, dW)
    bias = jnp.sum(jnp.square(db) / jnp.maximum(point.curvature, jnp.finfo(db.dtype).eps)) / 2
    gap = square / (2 * penalty.l2) + bias
    gap = jnp.where(jnp.isfinite(square), jnp.minimum(gap, jnp.finfo(gap.dtype).max), gap)  # a tiny l2 is no failure
    return jnp.where(penalty.l2 > 0, gap, jnp.sqrt(square + jnp.vdot(db, db)))


def started(problem: Problem, state: Any) -> _Chunk:
    """The chunk that begins at `state`, with no sign of stagnation yet."""
    m = measure(problem.penalty, state.point)
    none = jnp.zeros((), jnp.int32)
    return _Chunk(state, none, jnp.zeros(CHUNK, m.dtype), m, m, none)


@functools.partial(jax.jit, static_argnames="solver")
@over_rows
def begin(solver: Any, problem: Problem, prepared: Any, params: Params) -> _Chunk:
    """The chunk before the first step."""
    return started(problem, solver.init(problem, prepared, params))


@functools.partial(jax.jit, static_argnames="solver", donate_argnames="chunk")
@over_rows
def run(solver: Any, problem: Problem, chunk: _Chunk, target: Any, steps: Any) -> _Chunk:
    """At most `steps` <= CHUNK steps, fewer when `measure` falls to `target` or nothing moves any more."""
    steps = problem.peers.least(steps)  # each process has its own clock

    def unfinished(c: _Chunk) -> Any:
        return (c.i < steps) & (c.measure > target) & (c.quiet < QUIET_STEPS) & jnp.isfinite(c.measure)

    def body(c: _Chunk) -> _Chunk:
        return _noted(problem.penalty, c, solver.step(problem, c.state))

    end = problem.while_loop(unfinished, body, chunk._replace(i=jnp.zeros_like(chunk.i)))
    return end._replace(measure=problem.peers.largest(end.measure), quiet=problem.peers.largest(end.quiet))


@jax.jit
def _noted(penalty: Penalty, c: _Chunk, state: Any) -> _Chunk:
    """The chunk after the step to `state`."""
    m = measure(penalty, state.point)
    old, new = c.state.point.objective, state.point.objective
    still = (m > 0.7 * c.best) & (old - new <= 2 * jnp.finfo(new.dtype).eps * jnp.abs(new))
    quiet = jnp.where(still, c.quiet + 1, 0)
    return _Chunk(state, c.i + 1, c.objectives.at[c.i].set(new), m, jnp.minimum(m, c.best), quiet)


@functools.partial(jax.jit, static_argnames="solver")
@over_rows
def _extra_step(solver: Any, problem: Problem, state: Any) -> Any:
    return solver.step(problem, state).point


@jax.jit
@over_rows
def _point(problem: Problem, params: Params) -> Point:
    return problem.at(params)


@jax.jit
@over_rows
def objective_at(problem: Problem, params: Params) -> Any:
    """J () at `params`, in the dtype of the problem."""
    wide = jax.tree.map(lambda p: p.astype(problem.dtype), params)
    return problem.objective(wide)


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
                further = composed(self.problem, _extra_step)(self.solver, self.problem, self._state)
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
            point = composed(problem, _point)(problem, self._state.point.params)
            m = measure(problem.penalty, point)
            quiet = jnp.zeros_like(self.chunk.quiet)
            state = self._state._replace(point=point, passes=self._state.passes + 1)
            self.chunk = self.chunk._replace(state=state, measure=m, best=jnp.copy(m), quiet=quiet)


def to_float64(x: Any) -> Any:
    """A floating array widened; call it in `scope(float64)`."""
    return x.astype(np.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x


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
