"""L-BFGS, started from the second-moment preconditioner, with an exact line search that refits the bias on its way.

References:
  Nocedal, Wright, Numerical Optimization, 2nd ed. 2006, algorithm 7.4 (two-loop recursion).
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from softmax_jax.model import Params
from softmax_jax.problem.problem import Penalty, Point, Problem
from softmax_jax.solvers.line_search import Step, search
from softmax_jax.solvers.newton_cg import accurate_point
from softmax_jax.solvers.preconditioner import SecondMoment, precondition, second_moment, traced_second_moment
from softmax_jax.solvers.vectors import add_scaled, dot, negative

LONGEST_TRIAL = 2.0  # with steps beside the bias the best one is about 1.5, time after time


class LBFGSState(NamedTuple):
    """The point and the last `memory` changes of parameters S and of gradient Y, in slots that are reused in turn."""

    point: Point
    preconditioner: SecondMoment
    S: Params  # leaves (memory, ...)
    Y: Params
    rho: Any  # (memory,), 1 / s^T y, or 0 where there is no pair
    oldest: Any  # () uint32, the slot to be overwritten next
    trial: Any  # () the step that a search tries first
    passes: Any  # () passes over the data so far


@dataclasses.dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS.

    Attributes:
      memory: number of pairs kept.
      gradient: "closed_form" or "autodiff", two sources of the same numbers.
      precision: of products in float32: "float32", "tf32x3", "bf16x6", "bf16x3", or "auto" for the fastest of the
        platform that comes near it (see `placement/platforms`). Where a fit can get no closer it goes on in float32.

    Example:
        >>> from softmax_jax.fitting.single import fit
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["a", "b", "a", "b"]
        >>> fit(X, y, l2=0.1, solver=LBFGS(memory=10)).status
        'converged'
    """

    memory: int = 20
    gradient: str = "closed_form"
    precision: str = "auto"

    is_exact: ClassVar[bool] = True
    needs_rows: ClassVar[bool] = False
    always_float64: ClassVar[bool] = False

    def prepare(self, problem: Problem) -> SecondMoment:
        """The preconditioner; called once per data, outside jit."""
        return second_moment(problem)

    def prepare_in_jit(self, problem: Problem) -> SecondMoment:
        """As `prepare`, inside jit: for many problems with features of their own."""
        return traced_second_moment(problem)

    def init(self, problem: Problem, preconditioner: SecondMoment, params: Params) -> LBFGSState:
        """The state at `params`, with an empty memory.

        Args:
          problem: in the dtype of `params`.
          preconditioner: what `prepare` gave.
          params: W (m, k) and b (k,).
        """
        empty = jax.tree.map(lambda p: jnp.zeros((self.memory, *p.shape), p.dtype), params)
        rho = jnp.zeros(self.memory, problem.dtype)
        oldest, one = jnp.zeros((), jnp.uint32), jnp.ones((), jnp.int32)
        trial = jnp.ones((), problem.dtype)
        return LBFGSState(problem.at(params), preconditioner, empty, empty, rho, oldest, trial, one)

    def restart(self, problem: Problem, state: LBFGSState, point: Point, old_l2: Any) -> LBFGSState:
        """The state at `point` of a problem that differs in l2 alone: each y is moved by the change of l2 times s.

        Args:
          problem: with the new l2.
          state: of the problem with `old_l2`.
          point: of `problem`.
          old_l2: () strength.
        """
        Y = Params(state.Y.W + (problem.l2 - old_l2) * state.S.W, state.Y.b)
        curvature = jax.vmap(dot)(state.S, Y)
        kept = (state.rho > 0) & (curvature > jnp.finfo(problem.dtype).eps * jax.vmap(dot)(Y, Y))
        rho = jnp.where(kept, 1 / curvature, 0)
        return state._replace(point=point, Y=Y, rho=rho, passes=jnp.ones_like(state.passes))

    def accurate_step(self, problem: Problem, state: LBFGSState) -> Point:
        """The point a Newton step further.

        Args:
          problem: with the l2 that `state` belongs to.
          state: at any point; its memory is not used.
        """
        return accurate_point(problem, state.point, state.preconditioner)

    def step(self, problem: Problem, state: LBFGSState) -> LBFGSState:
        """One iteration: direction, step length, new point, memory; one pass over the data.

        Args:
          problem: with the l2 that `state` belongs to.
          state: what `init`, `restart` or `step` gave.
        """
        direction = _direction(problem.penalty, state)
        penalised = problem.columns is None  # the refit is for the certificate, of which there is none without
        step = search(problem, state.point, direction, accuracy=0.25, first=state.trial, refit=penalised)
        return _remembered(state, direction, step)


@jax.jit
def _remembered(state: LBFGSState, direction: Params, step: Step) -> LBFGSState:
    """The state after a step, its pair in the memory."""
    s = Params(step.t * direction.W, step.t * direction.b + step.shift)
    y = add_scaled(step.point.gradient, -1, state.point.gradient)
    curvature = dot(s, y)
    kept = curvature > jnp.finfo(curvature.dtype).eps * dot(y, y)
    i = state.oldest
    return LBFGSState(
        step.point,
        state.preconditioner,
        _put(state.S, i, s),
        _put(state.Y, i, y),
        _put(state.rho, i, jnp.where(kept, 1 / curvature, 0)),
        (i + np.uint32(1)) % np.uint32(len(state.rho)),
        jnp.clip(step.t, 1, LONGEST_TRIAL),
        state.passes + step.passes,
    )


def _slot(memory: Any, i: Any) -> Any:
    """What is in a slot; `i` is unsigned, which saves the program the check that indexing would make."""
    return jax.tree.map(lambda a: lax.squeeze(lax.dynamic_slice_in_dim(a, i, 1), (0,)), memory)


def _put(memory: Any, i: Any, new: Any) -> Any:
    return jax.tree.map(lambda a, x: lax.dynamic_update_slice_in_dim(a, x[None], i, 0), memory, new)


@jax.jit
def _direction(penalty: Penalty, state: LBFGSState) -> Params:
    """The two-loop recursion, from the preconditioner at the current curvature, scaled to the last pair; negative."""
    memory = np.uint32(len(state.rho))

    def preconditioned(r: Params) -> Params:
        return precondition(state.preconditioner, state.point.curvature, penalty, r)

    def backward(j: Any, carry: tuple) -> tuple:
        i = (state.oldest + (memory - 1) - j) % memory
        r, alpha = carry
        a = _slot(state.rho, i) * dot(_slot(state.S, i), r)
        return add_scaled(r, -a, _slot(state.Y, i)), _put(alpha, i, a)

    def forward(j: Any, r: Params) -> Params:
        i = (state.oldest + j) % memory
        change = _slot(alpha, i) - _slot(state.rho, i) * dot(_slot(state.Y, i), r)
        return add_scaled(r, change, _slot(state.S, i))

    start = (state.point.gradient, jnp.zeros_like(state.rho))
    r, alpha = lax.fori_loop(np.uint32(0), memory, backward, start)
    last = (state.oldest + (memory - 1)) % memory
    y, rho = _slot(state.Y, last), _slot(state.rho, last)
    scale = 1 / (rho * dot(y, preconditioned(y)))  # s.y / y.P y
    scale = jnp.where(rho > 0, jnp.minimum(scale, 1), 1)
    r = jax.tree.map(lambda a: scale * a, preconditioned(r))
    return negative(lax.fori_loop(np.uint32(0), memory, forward, r))
