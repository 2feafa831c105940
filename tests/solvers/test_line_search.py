"""The line search: what it accepts, how few passes it takes, and how near the optimum it leaves the bias."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.placement.place import place
from softmax_jax.problem.problem import Point
from softmax_jax.solvers import LBFGS
from softmax_jax.solvers.line_search import LOOSE, search
from softmax_jax.solvers.vectors import dot


class Line(NamedTuple):
    """A problem of one unknown, for each J given as a function, that stores no logits."""

    J: Any

    def at(self, params):
        J, gradient = jax.value_and_grad(self.J)(params)
        return Point(params, None, J, gradient, None)

    def while_loop(self, unfinished, body, carry):
        while unfinished(carry):
            carry = body(carry)
        return carry


def found(J, W=0.0, direction=1.0):
    with scope(np.float64):
        line = Line(lambda params: J(params.W[0, 0]))
        point = line.at(Params(jnp.array([[W]]), jnp.zeros(1)))
        step = search(line, point, Params(jnp.array([[direction]]), jnp.zeros(1)), 0.25)
        slopes = [float(each.gradient.W[0, 0]) * direction for each in (point, step.point)]
        return float(step.t), int(step.passes), float(step.point.objective), slopes


@pytest.mark.parametrize(
    ("J", "passes"),
    [
        (lambda w: 1 + (w - 1) ** 2, 1),  # a Newton direction
        (lambda w: 1 + (w - 0.8) ** 2, 1),  # nearly one
        (lambda w: 1 + (w - 30) ** 2 / 1000, 4),  # too short
        (lambda w: 1 + 400 * w**2 + jnp.exp(-2600 * w), 6),  # much too long, and steep only at the start
        (lambda w: jnp.logaddexp(0, -1000 * w) + 0.1 * w**2, 6),  # nothing to gain beyond a thousandth
    ],
)
def test_it_stops_where_the_slope_is_small_and_J_lower(J, passes):
    t, taken, objective, (first, last) = found(J)
    assert t > 0 and taken <= passes
    assert abs(last) <= LOOSE * abs(first)
    assert objective < float(J(0.0))


def test_a_direction_that_does_not_descend_costs_nothing():
    t, taken, objective, _ = found(lambda w: 1 + w**2, W=1.0)
    assert (t, taken, objective) == (0.0, 0, 2.0)


def test_a_step_that_overflows_is_shortened():
    t, _, objective, _ = found(lambda w: jnp.where(w > 0.3, jnp.inf, 1 + (w - 0.2) ** 2))
    assert 0 < t < 0.3 and objective < 1.04


def with_stored_logits(k, *, fit_intercept=True, refit=True):
    """Slopes along the line and norms of the bias gradient before and after, and the step."""
    rng = np.random.default_rng(k)
    X = 1 + rng.standard_normal((400, 6))
    y = np.argmax(X @ rng.standard_normal((6, k)) + rng.gumbel(size=(400, k)), axis=1).astype(np.int32)
    problem = place(X, y, None, 1e-2, fit_intercept, LBFGS()).training
    W = np.asarray(rng.standard_normal((6, k)) * 0.3)
    with scope(np.float64):
        point = problem.at(Params(jnp.array(W), jnp.zeros(k)))
        V = -3 * point.gradient.W
        direction = Params(V, fit_intercept * -(X.mean(axis=0) @ V))  # as a solver's, W about the mean of the columns
        step = jax.jit(lambda: search(problem, point, direction, 0.25, refit=refit))()
        slopes = [abs(float(dot(each.gradient, direction))) for each in (point, step.point)]
        biases = [float(jnp.linalg.norm(each.gradient.b)) for each in (point, step.point)]
        again = problem.at(step.point.params)
        np.testing.assert_allclose(step.point.objective, again.objective, rtol=1e-12)
        moved = np.asarray(point.params.b + step.t * direction.b + step.shift)
        np.testing.assert_allclose(step.point.params.b, moved, atol=1e-15)
        return slopes, biases, np.asarray(step.shift)


@pytest.mark.parametrize(("k", "left"), [(2, 0.05), (3, 0.25), (10, 0.25)])
def test_step_and_bias_are_near_their_optimum_together(k, left):
    slopes, biases, shift = with_stored_logits(k)
    assert slopes[1] <= 0.25 * slopes[0]
    assert biases[1] <= left * biases[0]
    assert abs(shift.sum()) < 1e-12


def test_a_bias_that_is_not_free_stays():
    slopes, _, shift = with_stored_logits(3, fit_intercept=False)
    assert not shift.any() and slopes[1] <= 0.25 * slopes[0]


def test_without_refit_the_bias_stays_on_the_line():
    slopes, _, shift = with_stored_logits(3, refit=False)
    assert not shift.any() and slopes[1] <= 0.25 * slopes[0]
