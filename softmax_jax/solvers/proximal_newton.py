"""Proximal Newton: J = f + l1 Omega, the smooth part f replaced by a quadratic model, whose minimum is the next trial.

References:
  Lee, Sun, Saunders, Proximal Newton-type methods for minimizing composite functions, SIAM J. Optim. 2014.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from softmax_jax.model import PRECISION, Params
from softmax_jax.problem.problem import Point, Problem, Spread
from softmax_jax.solvers.proximal_model import minimised
from softmax_jax.solvers.proximal_search import search


class ProximalNewtonState(NamedTuple):
    """The point, the spread of the features, how cautious proximal steps are, and the passes so far."""

    point: Point
    preconditioner: Spread
    caution: Any  # () by how much the curvature of the model may exceed its diagonal along a step
    passes: Any


@dataclasses.dataclass(frozen=True)
class ProximalNewton:
    """Proximal Newton, for penalties with l1; it works on the features that have weights, see `fitting/sparse`.

    Attributes:
      max_products: Hessian-vector products per iteration.
      forcing: part of its first optimality violation that an iteration leaves of the model's.
      gradient: "closed_form" or "autodiff", two sources of the same numbers.
      precision: of products in float32, as of LBFGS.
    """

    max_products: int = 60
    forcing: float = 0.3
    gradient: str = "closed_form"
    precision: str = "auto"

    is_exact: ClassVar[bool] = True
    needs_rows: ClassVar[bool] = False
    always_float64: ClassVar[bool] = False

    def prepare(self, problem: Problem) -> Spread:
        """The spread of the features."""
        return problem.variances()

    def prepare_in_jit(self, problem: Problem) -> Spread:
        """As `prepare`."""
        return problem.variances()

    def init(self, problem: Problem, preconditioner: Spread, params: Params) -> ProximalNewtonState:
        """The state at `params`.

        Args:
          problem: with l1 Omega.
          preconditioner: what `prepare` gave.
          params: W (m, k) and b (k,), in the dtype of the problem.
        """
        W = params.W + problem.sparsity.shift(params.W, problem.l2)
        one = jnp.ones((), problem.dtype)
        return ProximalNewtonState(problem.at(Params(W, params.b)), preconditioner, one, jnp.ones((), jnp.int32))

    def restart(self, problem: Problem, state: ProximalNewtonState, point: Point, old_l2: Any) -> ProximalNewtonState:
        """The state at `point` of a problem that differs in strengths alone.

        Args:
          problem: with the new ones.
          state: of the problem with the old ones.
          point: of `problem`.
          old_l2: not used.
        """
        return state._replace(point=point, passes=jnp.ones_like(state.passes))

    def accurate_step(self, problem: Problem, state: ProximalNewtonState) -> Point:
        """The point a step further.

        Args:
          problem: that of `state`.
          state: at any point.
        """
        return self.step(problem, state).point

    def step(self, problem: Problem, state: ProximalNewtonState) -> ProximalNewtonState:
        """One iteration: minimum of the model, step length, new point.

        Args:
          problem: that of `state`.
          state: what `init`, `restart` or `step` gave.
        """
        point, (mean, variance) = state.point, state.preconditioner
        found = minimised(problem, point, mean, variance, state.caution, self.max_products, self.forcing)
        direction = _direction(point, found.W, found.b, mean)
        new, passes = search(problem, point, direction, found.decrease)
        return ProximalNewtonState(new, state.preconditioner, found.caution, state.passes + found.products + passes)


@jax.jit
def _direction(point: Point, W: Any, b: Any, mean: Any) -> Params:
    """To the model's minimum, whose bias is that for columns less their mean."""
    D = W - point.params.W
    return Params(D, b - jnp.matmul(mean, D, precision=PRECISION))
