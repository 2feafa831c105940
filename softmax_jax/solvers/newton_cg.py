"""Newton's method with conjugate gradients on Hessian-vector products, preconditioned by the second moment.

References:
  Nocedal, Wright, Numerical Optimization, 2nd ed. 2006, algorithm 7.1 (line-search Newton-CG).
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from softmax_jax.model import Params
from softmax_jax.problem import Point, Problem
from softmax_jax.solvers.line_search import exact_step
from softmax_jax.solvers.preconditioner import SecondMoment, precondition, second_moment
from softmax_jax.solvers.tree import add_scaled, dot, negative


class NewtonCGState(NamedTuple):
    """The point, the preconditioner and the number of passes over the data so far."""

    point: Point
    prepared: SecondMoment
    passes: Any


@dataclasses.dataclass(frozen=True)
class NewtonCG:
    """Newton-CG.

    Attributes:
      max_products: Hessian-vector products per iteration.
      forcing: relative residual at which the linear solve of an iteration stops.
      gradient: "closed_form" or "autodiff", two sources of the same numbers.
    """

    max_products: int = 50
    forcing: float = 0.1
    gradient: str = "closed_form"

    def prepare(self, problem: Problem) -> SecondMoment:
        """The preconditioner; called once per data, outside jit."""
        return second_moment(problem)

    def init(self, problem: Problem, moment: SecondMoment, params: Params) -> NewtonCGState:
        """The state at `params`."""
        return NewtonCGState(problem.at(params), moment, jnp.ones((), jnp.int32))

    def restart(self, problem: Problem, state: NewtonCGState, point: Point, old_l2: Any) -> NewtonCGState:
        """The state at `point` of a problem that differs in l2 alone."""
        return NewtonCGState(point, state.prepared, jnp.ones_like(state.passes))

    def step(self, problem: Problem, state: NewtonCGState) -> NewtonCGState:
        """One iteration: truncated solve of H d = -g, step length, new point."""
        point = state.point
        direction, products = self._solve(problem, state)
        D = problem.along(direction)
        t = exact_step(problem, point, direction, D, accuracy=0.1)
        new = problem.advance(point, direction, D, t)
        return NewtonCGState(new, state.prepared, state.passes + products + 1)

    def _solve(self, problem: Problem, state: NewtonCGState) -> tuple[Params, Any]:
        """Preconditioned CG for H d = -g, started at zero; every iterate descends. Returns d and the products."""
        point = state.point

        def preconditioned(r: Params) -> Params:
            return precondition(state.prepared, point.curvature, problem, r)

        def unfinished(carry: tuple) -> Any:
            i, _, _, _, rz, _ = carry
            return (i < self.max_products) & (rz > self.forcing**2 * rz0)

        def iterate(carry: tuple) -> tuple:
            i, d, r, p, rz, _ = carry
            Hp = problem.hessian_product(point, p)
            pHp = dot(p, Hp)
            good = (pHp > 0) & jnp.isfinite(pHp)
            a = jnp.where(good, rz / pHp, 0)
            d, r = add_scaled(d, a, p), add_scaled(r, -a, Hp)
            z = preconditioned(r)
            new_rz = jnp.where(good, dot(r, z), 0)
            return i + 1, d, r, add_scaled(z, new_rz / rz, p), new_rz, good

        r0 = negative(point.gradient)
        z0 = preconditioned(r0)
        rz0 = dot(r0, z0)
        zero = jax.tree.map(jnp.zeros_like, r0)
        start = (jnp.zeros((), jnp.int32), zero, r0, z0, rz0, jnp.array(True))
        products, d, *_ = lax.while_loop(unfinished, iterate, start)
        return d, products
