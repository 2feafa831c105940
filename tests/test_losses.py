"""The objective against plain NumPy in extended precision, hand-worked numbers, optax, and its stability."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest
from cases import DTYPES, SHAPES, TOLERANCE, make_case, reference_objective
from jax.test_util import check_grads

from softmax_jax.losses import cross_entropy, cross_entropy_cost, l2_penalty, objective
from softmax_jax.model import Params, net_input, softmax


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SHAPES)
def test_the_objective_agrees_with_extended_precision(name, dtype):
    case = make_case(dtype=dtype, **SHAPES[name])
    J = objective(*case)
    assert np.asarray(J).dtype == dtype
    assert float(J) == pytest.approx(reference_objective(case), rel=TOLERANCE[dtype], abs=TOLERANCE[dtype])


def test_two_samples_by_hand():
    params = Params(np.array([[np.log(3.0), 0.0]]), np.zeros(2))
    X, T = np.array([[1.0], [0.0]]), np.eye(2)  # outputs (3/4, 1/4) and (1/2, 1/2)
    expected = (np.log(4 / 3) + np.log(2)) / 2
    assert float(cross_entropy(params, X, T)) == pytest.approx(expected, rel=1e-15)
    weighted = float(cross_entropy(params, X, T, np.array([3.0, 1.0])))
    assert weighted == pytest.approx((3 * np.log(4 / 3) + np.log(2)) / 4, rel=1e-15)
    assert float(l2_penalty(params, 0.5)) == pytest.approx(0.25 * np.log(3.0) ** 2, rel=1e-15)


def test_the_textbook_cost_on_probabilities_equals_the_stable_one():
    case = make_case(soft=True)
    cost = float(cross_entropy_cost(case.T, softmax(net_input(case.params, case.X))))
    assert cost == pytest.approx(float(cross_entropy(case.params, case.X, case.T)), rel=1e-14)


def test_the_loss_is_optax_on_the_net_input():
    case = make_case(dtype="float32")
    expected = optax.losses.softmax_cross_entropy(net_input(case.params, case.X), case.T).mean()
    assert float(cross_entropy(case.params, case.X, case.T)) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_huge_logits_give_finite_losses_and_gradients(size, dtype):
    W = np.array([[size, -size, 0.0]], dtype)
    X, T = np.ones((2, 1), dtype), np.eye(3, dtype=dtype)[:2]  # right with certainty, and wrong with certainty
    loss, gradient = jax.value_and_grad(cross_entropy)(Params(W.astype(np.float32), np.zeros(3, np.float32)), X, T)
    assert float(loss) == pytest.approx(size, rel=1e-6)  # the mean of 0 and 2 size
    np.testing.assert_allclose(gradient.W, [[0.5, -0.5, 0]], atol=1e-6)


def test_the_bias_is_not_penalised():
    case = make_case()
    moved = case.params._replace(b=case.params.b + 5)
    assert float(l2_penalty(moved, 1.0)) == float(l2_penalty(case.params, 1.0))


@pytest.mark.parametrize("scale", [1e-310, 1e-3, 1e300])
def test_only_the_proportions_of_weights_matter(scale):
    case = make_case(weighted=True)
    scaled = float(objective(*case[:4], case.sample_weight * scale))
    assert scaled == pytest.approx(float(objective(*case)), rel=1e-6 if scale < 1e-300 else 1e-14)


def test_a_weight_of_two_is_the_row_twice_and_of_zero_the_row_left_out():
    case = make_case(n=3)
    weighted = float(cross_entropy(case.params, case.X, case.T, np.array([2.0, 1.0, 0.0])))
    rows = [0, 0, 1]
    assert weighted == pytest.approx(float(cross_entropy(case.params, case.X[rows], case.T[rows])), rel=1e-14)


def test_derivatives_of_second_order_agree_with_finite_differences():
    case = make_case(dtype="float32", weighted=True)
    check_grads(lambda p: objective(p, *case[1:]), (case.params,), order=2, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize(
    ("T", "weight", "words"),
    [(np.eye(2), None, "T must have shape"), (np.eye(3), np.ones(2), "sample_weight must have shape")],
)
def test_shapes_that_disagree_are_named(T, weight, words):
    params = Params(np.zeros((2, 3)), np.zeros(3))
    with pytest.raises(ValueError, match=words):
        cross_entropy(params, np.zeros((3, 2)), T, weight)
