"""Line search: `search` leads from a point along a descent direction to a point where J hardly falls any more.

With cached logits Z is linear in the step, so that J along the line needs no product with X: safeguarded Newton steps
on its derivative, one pass in all. Without, each trial is a whole pass, which brings the gradient there along: the step
1 is tried first, and others, by safeguarded secants, only where the slope there is not small. (A parabola with its
minimum at 1 falls by half its slope. Where J, which is never negative, is less than that, a shorter step comes first.)
Derivatives stay accurate where differences of J have drowned in rounding.

References:
  Dowell, Jarratt, A modified regula falsi method for computing the root of an equation, BIT 1971 (Illinois).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from softmax_jax.model import Params
from softmax_jax.problem.problem import Point, Problem
from softmax_jax.solvers.vectors import add_scaled, dot

MAX_EVALUATIONS = 40
MAX_PASSES = 12  # where an evaluation is a pass
LOOSE = 0.7  # accuracy where an evaluation is a pass: L-BFGS takes 48 passes on digits, and 77 with 0.25
MARGIN = 0.1  # of a bracket's width, by which a secant stays clear of its ends


class Step(NamedTuple):
    """Where a search ended: the new point, the step t, and the passes it took."""

    point: Point
    t: Any
    passes: Any


def search(problem: Problem, point: Point, direction: Params, accuracy: float) -> Step:
    """The step to a point with |dJ/dt| <= accuracy |dJ/dt at 0|; of length 0 where `direction` does not descend.

    Args:
      problem: the passes.
      point: where the line starts.
      direction: Params, a descent direction.
      accuracy: in (0, 1); at least LOOSE where no logits are stored.
    """
    if point.Z is None:
        return _search_by_passes(problem, point, direction, max(accuracy, LOOSE))
    D = problem.along(direction)
    t = exact_step(problem, point, direction, D, accuracy)
    return Step(problem.advance(point, direction, D, t), t, 1)


def exact_step(problem: Problem, point: Point, direction: Params, D: Any, accuracy: float) -> Any:
    """The step t > 0 at which |dJ/dt| <= accuracy |dJ/dt at 0|; 0 where `direction` does not descend.

    Args:
      problem: the passes; only `slope` is used, in a `while_loop`.
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
    _, t, low, _, done = problem.while_loop(unfinished, refine, initial)
    return jnp.where(start < 0, jnp.where(done, t, low), 0 * one)


class _Bracket(NamedTuple):
    """A search by passes: `low` is the best point so far, before the minimiser on the line; `high` lies behind it."""

    passes: Any
    trial: Any  # the step to be tried next
    best: Point
    low: Any
    low_slope: Any
    high: Any  # inf while there is none
    high_slope: Any
    done: Any


def _search_by_passes(problem: Problem, point: Point, direction: Params, accuracy: float) -> Step:
    """As `search`, for a problem that stores no logits."""

    def unfinished(b: _Bracket) -> Any:
        return (b.passes < MAX_PASSES) & ~b.done

    def refine(b: _Bracket) -> _Bracket:
        trial = problem.at(_ahead(point.params, b.trial, direction))
        return _refined(b, trial, direction, point.objective, accuracy * slope)

    slope = _slope(point, direction)
    b = problem.while_loop(unfinished, refine, _first_bracket(point, slope))
    return Step(b.best, b.low, b.passes)


@jax.jit
def _ahead(params: Params, t: Any, direction: Params) -> Params:
    return add_scaled(params, t, direction)


@jax.jit
def _slope(point: Point, direction: Params) -> Any:
    return dot(point.gradient, direction)


@jax.jit
def _first_bracket(point: Point, slope: Any) -> _Bracket:
    one, none = jnp.ones_like(slope), jnp.zeros((), jnp.int32)
    first = jnp.minimum(one, -2 * point.objective / slope)
    return _Bracket(none, first, point, 0 * one, slope, jnp.inf * one, 0 * one, ~(slope < 0))


@jax.jit
def _refined(b: _Bracket, trial: Point, direction: Params, start: Any, small: Any) -> _Bracket:
    """The bracket after a trial; `start` is J at the start of the line, and -`small` the slope at which to stop."""
    t, slope = b.trial, dot(trial.gradient, direction)
    bad = ~(jnp.isfinite(slope) & jnp.isfinite(trial.objective))
    risen = trial.objective > start + 4 * jnp.finfo(start.dtype).eps * jnp.abs(start)
    done = (jnp.abs(slope) <= -small) & ~risen & ~bad
    above = bad | ((slope > 0) & ~done) | (risen & ~done)
    best = jax.tree.map(lambda old, new: jnp.where(above, old, new), b.best, trial)
    half = jnp.where(jnp.isinf(b.high), 1, 0.5).astype(slope.dtype)  # of the slope at an end that stays: Illinois
    low, low_slope = jnp.where(above, b.low, t), jnp.where(above, half * b.low_slope, slope)
    high = jnp.where(above, t, b.high)
    high_slope = jnp.where(above, jnp.where(bad | (slope <= 0), jnp.nan, slope), half * b.high_slope)
    inner = low - low_slope * (high - low) / (high_slope - low_slope)
    width = high - low
    inner = jnp.where(jnp.isfinite(inner), inner, (low + high) / 2)
    inner = jnp.clip(inner, low + MARGIN * width, high - MARGIN * width)
    outer = low - low_slope * (low - b.low) / (low_slope - b.low_slope)
    outer = jnp.clip(jnp.where(jnp.isfinite(outer) & (outer > low), outer, 4 * low), 1.5 * low, 10 * low)
    return _Bracket(
        b.passes + 1, jnp.where(jnp.isinf(high), outer, inner), best, low, low_slope, high, high_slope, done
    )
