"""Newton's method with conjugate gradients on Hessian-vector products, preconditioned by the second moment.

References:
  Nocedal, Wright, Numerical Optimization, 2nd ed. 2006, algorithm 7.1 (line-search Newton-CG).
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from softmax_jax.model import Params
from softmax_jax.problem.problem import Penalty, Point, Problem
from softmax_jax.solvers.line_search import search
from softmax_jax.solvers.preconditioner import SecondMoment, precondition, second_moment, traced_second_moment
from softmax_jax.solvers.vectors import add_scaled, dot, negative


class NewtonCGState(NamedTuple):
    """The point, the preconditioner and the number of passes over the data so far."""

    point: Point
    preconditioner: SecondMoment
    passes: Any


@dataclasses.dataclass(frozen=True)
class NewtonCG:
    """Newton-CG.

    Attributes:
      max_products: Hessian-vector products per iteration.
      forcing: how exactly the linear system of each iteration is solved: its residual falls to this part of what it was
        at first, so that 0.1 leaves a tenth.
      gradient: "closed_form" or "autodiff", two sources of the same numbers.
      precision: of products in float32: "float32", "tf32x3", "bf16x6", "bf16x3", or "auto" for the fastest of the
        platform that comes near it (see `placement/platforms`). Where a fit can get no closer it goes on in float32.

    Example:
        >>> from softmax_jax.fitting.single import fit
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["a", "b", "a", "b"]
        >>> fit(X, y, l2=0.1, solver=NewtonCG(), tol=1e-12).duality_gap <= 1e-12
        True
    """

    max_products: int = 50
    forcing: float = 0.1
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

    def init(self, problem: Problem, preconditioner: SecondMoment, params: Params) -> NewtonCGState:
        """The state at `params`.

        Args:
          problem: in the dtype of `params`.
          preconditioner: what `prepare` gave.
          params: W (m, k) and b (k,).
        """
        return NewtonCGState(problem.at(params), preconditioner, jnp.ones((), jnp.int32))

    def restart(self, problem: Problem, state: NewtonCGState, point: Point, old_l2: Any) -> NewtonCGState:
        """The state at `point` of a problem that differs in l2 alone.

        Args:
          problem: with the new l2.
          state: of the problem with the old one.
          point: of `problem`.
          old_l2: not used, because nothing but the preconditioner is kept.
        """
        return NewtonCGState(point, state.preconditioner, jnp.ones_like(state.passes))

    def accurate_step(self, problem: Problem, state: NewtonCGState) -> Point:
        """The point a step further, its linear system solved to `accurate_point`'s precision.

        Args:
          problem: with the l2 that `state` belongs to.
          state: at any point.
        """
        return accurate_point(problem, state.point, state.preconditioner)

    def step(self, problem: Problem, state: NewtonCGState) -> NewtonCGState:
        """One iteration: truncated solve of H d = -g, step length, new point.

        Args:
          problem: with the l2 that `state` belongs to.
          state: what `init`, `restart` or `step` gave.
        """
        point = state.point
        direction, products = self._solve(problem, state)
        new = search(problem, point, direction, accuracy=0.1)
        return NewtonCGState(new.point, state.preconditioner, state.passes + products + new.passes)

    def _solve(self, problem: Problem, state: NewtonCGState) -> tuple[Params, Any]:
        """Preconditioned CG for H d = -g, started at zero; every iterate descends. Returns d and the products."""

        def unfinished(c: _Carry) -> Any:
            return (c.i < self.max_products) & (c.rz > self.forcing**2 * rz0)

        def iterate(c: _Carry) -> _Carry:
            return _iterated(problem.penalty, state, c, problem.hessian_product(state.point, c.p))

        start = _started(problem.penalty, state)
        rz0 = start.rz
        end = problem.while_loop(unfinished, iterate, start)
        return end.d, end.i


def accurate_point(problem: Problem, point: Point, moment: SecondMoment) -> Point:
    """The point a Newton step further than `point`, its linear system solved to a relative residual of 1e-6.

    Args:
      problem: asked for Hessian-vector products, up to 300 passes.
      point: of `problem`, where the system is solved.
      moment: of the problem's features, from `second_moment` or `traced_second_moment`.
    """
    state = NewtonCGState(point, moment, jnp.zeros((), jnp.int32))
    return NewtonCG(max_products=300, forcing=1e-6).step(problem, state).point


class _Carry(NamedTuple):
    """Conjugate gradients: products so far, solution d, residual r, direction p, and r . M r."""

    i: Any
    d: Params
    r: Params
    p: Params
    rz: Any


@jax.jit
def _started(penalty: Penalty, state: NewtonCGState) -> _Carry:
    r0 = negative(state.point.gradient)
    z0 = precondition(state.preconditioner, state.point.curvature, penalty, r0)
    return _Carry(jnp.zeros((), jnp.int32), jax.tree.map(jnp.zeros_like, r0), r0, z0, dot(r0, z0))


@jax.jit
def _iterated(penalty: Penalty, state: NewtonCGState, c: _Carry, Hp: Params) -> _Carry:
    """One iteration, given the Hessian times c.p; a direction without curvature ends the loop by rz = 0."""
    pHp = dot(c.p, Hp)
    good = (pHp > 0) & jnp.isfinite(pHp)
    a = jnp.where(good, c.rz / pHp, 0)
    d, r = add_scaled(c.d, a, c.p), add_scaled(c.r, -a, Hp)
    z = precondition(state.preconditioner, state.point.curvature, penalty, r)
    rz = jnp.where(good, dot(r, z), 0)
    return _Carry(c.i + 1, d, r, add_scaled(z, rz / c.rz, c.p), rz)
