"""The step length of proximal Newton: 1, unless J rises there; then shorter, by its derivative along the line.

Derivatives stay accurate where differences of J have drowned in rounding. With cached logits a trial needs no product
with X; without, each is a pass that brings the gradient along.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from softmax_jax.model import Params
from softmax_jax.problem.problem import Penalty, Point, Problem
from softmax_jax.solvers.vectors import add_scaled, dot

ACCURACY = 0.3  # of the expected slope, that may be left at the end
MOST_TRIALS = 12
MARGIN = 0.1  # of a bracket, by which a secant stays clear of its ends


class _Line(NamedTuple):
    """The next trial, the bracket with the slopes at its ends, and whether the last trial will do."""

    t: Any
    low: Any
    low_slope: Any
    high: Any
    done: Any
    trials: Any


def search(problem: Problem, point: Point, direction: Params, slope: Any) -> tuple[Point, Any]:
    """The point at a step t in (0, 1] where J hardly falls any more, or 1 where it still falls; and the passes.

    Args:
      problem: the passes.
      point: where the line starts.
      direction: Params, to the minimum of a model.
      slope: () the expected derivative of J at 0, negative; at 0 or above the step is 0.
    """
    if point.Z is None:
        return _by_passes(problem, point, direction, slope)
    D = problem.along(direction)
    none = jnp.zeros_like(point.params.b)

    def refine(line: _Line) -> _Line:
        smooth = problem.slope(point, direction, D, line.t, none).first
        return _refined(problem.penalty, line, smooth, point.params, direction, slope)

    line = problem.while_loop(_unfinished, refine, _first(slope))
    return problem.advance(point, direction, D, _found(line), none), jnp.ones((), jnp.int32)


def _by_passes(problem: Problem, point: Point, direction: Params, slope: Any) -> tuple[Point, Any]:
    def unfinished(carry: tuple[_Line, Point]) -> Any:
        return _unfinished(carry[0])

    def refine(carry: tuple[_Line, Point]) -> tuple[_Line, Point]:
        trial = problem.at(add_scaled(point.params, carry[0].t, direction))
        smooth = dot(trial.gradient, direction)
        return _refined(problem.penalty, carry[0], smooth, point.params, direction, slope), trial

    line, trial = problem.while_loop(unfinished, refine, (_first(slope), point))
    return jax.tree.map(lambda old, new: jnp.where(line.done & (slope < 0), new, old), point, trial), line.trials


def _unfinished(line: _Line) -> Any:
    return ~line.done & (line.trials < MOST_TRIALS)


@jax.jit
def _first(slope: Any) -> _Line:
    zero = jnp.zeros_like(slope)
    return _Line(zero + 1, zero, slope, zero + 1, ~(slope < 0), jnp.zeros((), jnp.int32))


@jax.jit
def _refined(penalty: Penalty, line: _Line, smooth: Any, params: Params, direction: Params, slope: Any) -> _Line:
    """The line after the trial at line.t, with the derivative `smooth` of the smooth part there."""
    at = smooth + penalty.sparsity.slope(params.W + line.t * direction.W, direction.W)
    rises = ~(at <= 0)
    done = ~(at > -ACCURACY * slope) & (~(at < ACCURACY * slope) | (line.t == 1))
    done &= jnp.isfinite(at)
    low, low_slope = jnp.where(rises, line.low, line.t), jnp.where(rises, line.low_slope, at)
    high = jnp.where(rises, line.t, line.high)
    secant = low + (high - low) * low_slope / (low_slope - jnp.where(rises, at, -slope))
    width = high - low
    secant = jnp.clip(jnp.where(jnp.isfinite(secant), secant, low), low + MARGIN * width, high - MARGIN * width)
    return _Line(jnp.where(done, line.t, secant), low, low_slope, high, done, line.trials + 1)


@jax.jit
def _found(line: _Line) -> Any:
    """The step; the last at which J was still falling where trials ran out."""
    return jnp.where(line.done & (line.low_slope < 0) & (line.trials > 0), line.t, line.low)
