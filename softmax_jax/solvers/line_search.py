"""Exact line search: because Z is linear in the parameters, J along a line needs no product with X.

The minimiser of the convex J(t) is found by safeguarded Newton steps on its derivative, to a fraction of the slope
at 0. Derivatives stay accurate where differences of J have drowned in rounding.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from softmax_jax.model import Params
from softmax_jax.problem import Point, Problem
from softmax_jax.solvers.tree import dot

MAX_EVALUATIONS = 40


def exact_step(problem: Problem, point: Point, direction: Params, D: Any, accuracy: float) -> Any:
    """The step t > 0 at which |dJ/dt| <= accuracy |dJ/dt at 0|; 0 where `direction` does not descend.

    Args:
      problem: the passes; only `slope` is used.
      point: where the line starts.
      direction: Params, a descent direction.
      D: (k, N), the change of Z along it.
      accuracy: in (0, 1).

    Returns:
      () scalar step.
    """
    start = dot(point.gradient, direction)

    def unfinished(state: tuple) -> Any:
        i, _, _, _, done = state
        return (i < MAX_EVALUATIONS) & ~done

    def refine(state: tuple) -> tuple:
        i, t, low, high, _ = state
        slope = problem.slope(point, direction, D, t)
        bad = ~jnp.isfinite(slope.first)
        done = jnp.abs(slope.first) <= -accuracy * start
        above = bad | (slope.first > 0)
        low, high = jnp.where(above, low, t), jnp.where(above, t, high)
        newton = t - slope.first / slope.second
        bisect = jnp.where(jnp.isinf(high), 4 * t, (low + high) / 2)
        inside = (newton > low) & (newton < jnp.minimum(high, 10 * t)) & ~bad
        return i + 1, jnp.where(done, t, jnp.where(inside, newton, bisect)), low, high, done

    one = jnp.ones((), problem.dtype)
    initial = (0, one, 0 * one, jnp.inf * one, ~(start < 0))
    _, t, low, _, done = lax.while_loop(unfinished, refine, initial)
    return jnp.where(start < 0, jnp.where(done, t, low), 0 * one)
