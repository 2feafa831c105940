"""What the driver dispatches: a chunk of steps of any solver, with the signs of stagnation that end it.

A chunk ends when the gap estimated in the training dtype is below the target, when progress drowns in rounding, or
after a number of steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.losses import ridge
from softmax_jax.model import Params
from softmax_jax.penalties import dual_norm
from softmax_jax.placement.compilation import LOOPS
from softmax_jax.placement.sharding import compiled
from softmax_jax.problem.problem import Penalty, Point, Problem
from softmax_jax.solvers.protocol import Solver
from softmax_jax.solvers.stopping import CHUNK, STALLED_STEPS


class Chunk(NamedTuple):
    """The carry of a chunk: state, steps done, J after each, and the signs of stagnation."""

    state: Any
    i: Any
    objectives: Any  # (CHUNK,)
    measure: Any
    best: Any
    stalled: Any


@jax.jit
def measure(penalty: Penalty, point: Point) -> Any:
    """The distance to the optimum as the training dtype sees it: the gap, or the gradient's norm where l2 = 0.

    Args:
      penalty: of the problem; its `columns` are there where l2 = 0, and nowhere else.
      point: of the problem.
    """
    dW, db = point.gradient
    if penalty.sparsity is not None:
        return sparse_measure(penalty, point)
    if penalty.columns is not None:
        mean, unit = penalty.columns
        dW = (dW - mean[:, None] * db[None]) * unit[:, None]
    square = jnp.vdot(dW, dW)
    if penalty.columns is not None:
        return jnp.sqrt(square + jnp.vdot(db, db))
    gap = square / (2 * penalty.l2) + _bias_gap(point)
    return jnp.where(jnp.isfinite(square), jnp.minimum(gap, jnp.finfo(gap.dtype).max), gap)  # a tiny l2 is no failure


def sparse_measure(penalty: Penalty, point: Point) -> Any:
    """`measure` with l1 Omega: about what the certificate will find.

    Args:
      penalty: with its l1 Omega.
      point: of the problem.
    """
    kind, l2, W = penalty.sparsity, penalty.l2, point.params.W
    u = l2 * W - point.gradient.W
    s = kind.prox(u, kind.l1)
    beyond = jnp.sum(jnp.square(s - l2 * W)) / (2 * jnp.where(l2 > 0, l2, 1)) + kind.misfit(W, u - s)
    c = jnp.minimum(1, kind.l1 / dual_norm(kind, u))
    within = kind.misfit(W, c * u) + ridge(W, l2) + jnp.square(1 - c) * point.objective
    gap = jnp.where(l2 > 0, jnp.minimum(beyond, within), within)
    return gap + _bias_gap(point)


def _bias_gap(point: Point) -> Any:
    """What the bias is from its optimum, by the diagonal of its Hessian."""
    db = point.gradient.b
    return jnp.sum(jnp.square(db) / jnp.maximum(point.curvature, jnp.finfo(db.dtype).eps)) / 2


def started(problem: Problem, state: Any) -> Chunk:
    """The chunk that begins at `state`, with no sign of stagnation yet.

    Args:
      problem: in the training dtype.
      state: of a solver, at a point of `problem`.
    """
    m = measure(problem.penalty, state.point)
    none = jnp.zeros((), jnp.int32)
    return Chunk(state, none, jnp.zeros(CHUNK, m.dtype), m, m, none)


@compiled(static="solver")
def begin(solver: Solver, problem: Problem, preconditioner: Any, params: Params) -> Chunk:
    """The chunk before the first step.

    Args:
      solver: a record with `init`.
      problem: in the training dtype.
      preconditioner: what the solver prepared.
      params: W (m, k) and b (k,), in the training dtype.
    """
    return started(problem, solver.init(problem, preconditioner, params))


def _passes(solver: Solver, problem: Problem, *_: Any) -> int:
    """A dense Hessian is made of as many numbers of each row as there are unknowns; a model takes many products."""
    return LOOPS * (1 + problem.shape[1] if solver.needs_rows else getattr(solver, "max_products", 1))


@compiled(static="solver", donate="chunk", passes=_passes)
def run(solver: Solver, problem: Problem, chunk: Chunk, target: Any, steps: Any) -> Chunk:
    """At most `steps` <= CHUNK steps, fewer when `measure` falls to `target` or nothing moves any more.

    Args:
      solver: a record with `step`.
      problem: that of `chunk`.
      chunk: to go on from; used up.
      target: () measure, nats per sample, or the gradient's norm where l2 = 0.
      steps: () int32; where devices differ, the least of theirs counts.
    """
    steps = problem.rows.collectives.least(steps)  # each process has its own clock

    def unfinished(c: Chunk) -> Any:
        return (c.i < steps) & (c.measure > target) & (c.stalled < STALLED_STEPS) & jnp.isfinite(c.measure)

    def body(c: Chunk) -> Chunk:
        return _noted(problem.penalty, c, solver.step(problem, c.state))

    end = problem.while_loop(unfinished, body, chunk._replace(i=jnp.zeros_like(chunk.i)))
    return end._replace(
        measure=problem.rows.collectives.largest(end.measure), stalled=problem.rows.collectives.largest(end.stalled)
    )


@jax.jit
def _noted(penalty: Penalty, c: Chunk, state: Any) -> Chunk:
    """The chunk after the step to `state`."""
    m = measure(penalty, state.point)
    old, new = c.state.point.objective, state.point.objective
    still = (m > 0.7 * c.best) & (old - new <= 2 * jnp.finfo(new.dtype).eps * jnp.abs(new))
    stalled = jnp.where(still, c.stalled + 1, 0)
    return Chunk(state, c.i + 1, c.objectives.at[c.i].set(new), m, jnp.minimum(m, c.best), stalled)


@compiled(static="solver")
def extra_step(solver: Solver, problem: Problem, state: Any) -> Any:
    """The point one accurate Newton step further.

    Args:
      solver: a record with `accurate_step`.
      problem: that of `state`.
      state: of the solver.
    """
    return solver.accurate_step(problem, state)


@compiled()
def point_at(problem: Problem, params: Params) -> Point:
    """The point at `params`, evaluated anew.

    Args:
      problem: its dtype is that of the result.
      params: W (m, k) and b (k,), in that dtype.
    """
    return problem.at(params)


@compiled()
def objective_at(problem: Problem, params: Params) -> Any:
    """J () at `params`, in the dtype of the problem.

    Args:
      problem: the exact one, in `scope(float64)`, for a J that is certified.
      params: W (m, k) and b (k,), of any floating dtype.
    """
    wide = jax.tree.map(lambda p: p.astype(problem.dtype), params)
    return problem.objective(wide)


@jax.jit
def to_float64(tree: Any) -> Any:
    """The tree with its floating arrays promoted; call it in `scope(float64)`."""
    return jax.tree.map(lambda x: x.astype(np.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)
