"""Line search: `search` leads from a point along a descent direction to a point where J hardly falls any more.

With cached logits Z is linear in the step, so that J along the line needs no product with X: safeguarded Newton steps
on its derivative, one pass in all. What is read there for the slope tells the derivatives in the bias as well: once the
slope is small, a few more trials bring bias and step to their optimum together. The gradient then is that of
min_b J(W, b), whose norm is what the certificate will see.

Without, each trial is a whole pass, which brings the gradient there along: the step
1 is tried first, and others, by safeguarded secants, only where the slope there is not small. (A parabola with its
minimum at 1 falls by half its slope. Where J, which is never negative, is less than that, a shorter step comes first.)
Derivatives stay accurate where differences of J have drowned in rounding.

References:
  Dowell, Jarratt, A modified regula falsi method for computing the root of an equation, BIT 1971 (Illinois).
  Golub, Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate,
  SIAM J. Numer. Anal. 1973 (variable projection).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from softmax_jax.model import Params
from softmax_jax.problem.logits import Slope
from softmax_jax.problem.problem import Point, Problem
from softmax_jax.solvers.vectors import add_scaled, centred, dot

MAX_EVALUATIONS = 40
MAX_PASSES = 12  # where an evaluation is a pass
LOOSE = 0.7  # accuracy where an evaluation is a pass: L-BFGS takes 48 passes on digits, and 77 with 0.25
BIAS_STEPS = (0.5, 1.0)  # of Newton's with the diagonal, whose error they take times (1 - x / 2) (1 - x), x in [0, 2]
LONGEST_SHIFT = 1.0  # nats that a bias is moved by at a time
CORRECTION = 0.8  # of the step, or its inverse, by which it is changed at most once the slope is small
MARGIN = 0.1  # of a bracket's width, by which a secant stays clear of its ends


class Step(NamedTuple):
    """Where a search ended: the new point, how it got there, and the passes that took."""

    point: Point
    t: Any  # () along the direction
    shift: Any  # (k,) of the bias beside it
    passes: Any


def search(
    problem: Problem, point: Point, direction: Params, accuracy: float, *, first: Any = 1.0, refit: bool = False
) -> Step:
    """The step to a point with |dJ/dt| <= accuracy |dJ/dt at 0|; of length 0 where `direction` does not descend.

    Args:
      problem: the passes.
      point: where the line starts.
      direction: Params, a descent direction.
      accuracy: in (0, 1); at least LOOSE where no logits are stored.
      first: () step to be tried first; not where no logits are stored.
      refit: whether to improve the bias on the way; not where no logits are stored.
    """
    if point.Z is None:
        return _search_by_passes(problem, point, direction, max(accuracy, LOOSE))
    D = problem.along(direction)
    t, shift = exact_step(problem, point, direction, D, accuracy, first=first, refit=refit)
    return Step(problem.advance(point, direction, D, t, shift), t, shift, 1)


class _Line(NamedTuple):
    """A search on stored logits: what is to be tried next, the bracket, and at how many trials the slope was small."""

    trials: Any
    reached: Any
    t: Any
    shift: Any
    low: Any
    high: Any  # inf while there is none


def exact_step(
    problem: Problem,
    point: Point,
    direction: Params,
    D: Any,
    accuracy: float,
    *,
    first: Any = 1.0,
    refit: bool = False,
) -> tuple[Any, Any]:
    """The step t > 0 at which |dJ/dt| <= accuracy |dJ/dt at 0|, and the shift of the bias; 0 without a descent.

    Args:
      problem: the passes; only `slope` is used, in a `while_loop`.
      point: where the line starts.
      direction: Params, a descent direction.
      D: (k, N), the change of Z along it.
      accuracy: in (0, 1).
      first: () step to be tried first.
      refit: whether to go on from there to the optimum in t and the bias, by len(BIAS_STEPS) trials in all.

    Returns:
      () scalar step, and (k,) shift, zero without `refit`.
    """
    start = dot(point.gradient, direction)
    wanted = len(BIAS_STEPS) if refit else 1

    def unfinished(line: _Line) -> Any:
        return (line.trials < MAX_EVALUATIONS) & (line.reached < wanted) & (start < 0)

    def refine(line: _Line) -> _Line:
        t = line.t
        slope = problem.slope(point, direction, D, t, line.shift)
        bad = ~jnp.isfinite(slope.first)
        small = (jnp.abs(slope.first) <= -accuracy * start) | (line.reached > 0)
        above = bad | (slope.first > 0)
        low, high = jnp.where(above, line.low, t), jnp.where(above, t, line.high)
        newton = t - slope.first / slope.second
        bisect = jnp.where(jnp.isinf(high), 4 * t, (low + high) / 2)
        inside = (newton > low) & (newton < jnp.minimum(high, 10 * t)) & ~bad
        t = jnp.where(small, _corrected(t, newton) if refit else t, jnp.where(inside, newton, bisect))
        shift = line.shift + jnp.where(small, _shift(problem, slope, line.reached), 0) if refit else line.shift
        return _Line(line.trials + 1, line.reached + small.astype(jnp.int32), t, shift, low, high)

    one, none = jnp.ones((), problem.dtype), jnp.zeros((), jnp.int32)
    initial = _Line(none, none, first * one, jnp.zeros_like(point.params.b), 0 * one, jnp.inf * one)
    end = problem.while_loop(unfinished, refine, initial)
    return jnp.where(start < 0, jnp.where(end.reached > 0, end.t, end.low), 0 * one), end.shift


def _corrected(t: Any, newton: Any) -> Any:
    """Newton's step from t, at which the slope is small already, or a little of it."""
    return jnp.where(jnp.isfinite(newton), jnp.clip(newton, CORRECTION * t, t / CORRECTION), t)


def _shift(problem: Problem, slope: Slope, i: Any) -> Any:
    """What the bias (k,) is to be moved by in the i-th of BIAS_STEPS; its mean, which changes nothing, is zero."""
    curvature = jnp.maximum(slope.curvature, jnp.finfo(slope.curvature.dtype).eps)
    step = -jnp.array(BIAS_STEPS, problem.dtype)[i] * slope.bias / curvature
    step = problem.intercept * jnp.clip(jnp.nan_to_num(step), -LONGEST_SHIFT, LONGEST_SHIFT)
    return centred(step, problem.classes)


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
    return Step(b.best, b.low, jnp.zeros_like(point.params.b), b.passes)


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
