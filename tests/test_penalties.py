"""The penalties with corners: their proximal operators, subgradients, and what never changes an output."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.penalties import Entries, Features, dual_norm, growth, largest_strength, sparsity

T = 0.3
kinds = pytest.mark.parametrize("kind", [Entries(0.7), Features(0.7)], ids=["entries", "features"])


@pytest.fixture(autouse=True)
def _wide():
    with scope(np.float64):
        yield


def matrices(seed=0, m=6, k=4):
    rng = np.random.default_rng(seed)
    W, V = rng.standard_normal((2, m, k))
    W[1], W[2, 1:] = 0, 0
    return W, V


def omega(kind, W):
    return float(np.abs(W).sum() if isinstance(kind, Entries) else np.linalg.norm(W, axis=1).sum())


@kinds
def test_the_proximal_operator_minimises_what_it_says(kind):
    _, V = matrices()
    found = np.asarray(kind.prox(V, T))

    def value(W):
        return T * omega(kind, W) + np.sum((W - V) ** 2) / 2

    rng = np.random.default_rng(1)
    nearby = [value(found + 10**p * rng.standard_normal(V.shape)) for p in (-1, -3, -5) for _ in range(20)]
    assert value(found) < min(nearby)


@kinds
def test_a_vector_is_its_proximal_point_and_its_projection_on_the_dual_ball(kind):
    _, V = matrices()
    inside = V - np.asarray(kind.prox(V, T))
    assert float(dual_norm(kind, inside)) <= T * (1 + 1e-15)
    nearest = inside  # a projection is nearer to V than any other point of the ball
    rng = np.random.default_rng(2)
    for _ in range(50):
        other = nearest + 0.1 * rng.standard_normal(V.shape)
        other *= min(1, T / float(dual_norm(kind, other)))
        assert np.linalg.norm(V - nearest) <= np.linalg.norm(V - other)


@kinds
def test_the_subgradient_is_zero_where_the_proximal_step_stays_and_bounds_all_directions(kind):
    W, g = matrices()
    s = np.asarray(kind.subgradient(W, g))
    rng = np.random.default_rng(3)
    for _ in range(30):  # along d, J grows at a rate of at least <s, d> for the shortest s
        d = rng.standard_normal(W.shape)
        rate = np.sum(g * d) + (0.7 * omega(kind, W + 1e-7 * d) - 0.7 * omega(kind, W)) / 1e-7
        assert rate >= np.sum(s * d) - 1e-5
    still = np.asarray(kind.prox(W - 0.1 * (g - s), 0.1 * 0.7))  # with s taken off, W is optimal
    np.testing.assert_allclose(still, W, atol=1e-12)


@kinds
def test_fenchel_young_never_cancels_to_below_zero_and_vanishes_on_the_subdifferential(kind):
    W, V = matrices()
    V = V * min(1, 0.7 / float(dual_norm(kind, V)))
    misfit = float(kind.misfit(W, V))
    assert misfit == pytest.approx(0.7 * omega(kind, W) - np.sum(W * V), rel=1e-12) and misfit > 0
    unit = np.sign(W) if isinstance(kind, Entries) else W / np.maximum(np.linalg.norm(W, axis=1, keepdims=True), 1e-300)
    assert 0 <= float(kind.misfit(W, 0.7 * unit)) < 1e-15 * omega(kind, W)  # a rounding of l1, not of <W, V>


@kinds
def test_the_growth_is_the_difference_where_that_does_not_cancel(kind):
    W, D = matrices()
    assert float(growth(kind, W, D)) == pytest.approx(0.7 * (omega(kind, W + D) - omega(kind, W)), rel=1e-12)
    tiny = 1e-13 * D
    slope = np.sum((np.sign(W) if isinstance(kind, Entries) else W / np.maximum(kind.sizes(W), 1e-300)) * D)
    at_zero = np.abs(D)[W == 0].sum() if isinstance(kind, Entries) else np.linalg.norm(D[1])
    assert float(growth(kind, W, tiny)) == pytest.approx(0.7e-13 * (slope + at_zero), rel=1e-6)


@kinds
@pytest.mark.parametrize("l2", [0.0, 1e-3, 0.5, 20.0])
@pytest.mark.parametrize("k", [2, 3, 4, 7])
def test_the_shift_of_all_classes_is_the_cheapest(kind, l2, k):
    W = np.random.default_rng(4).standard_normal((9, k))
    W[0] = 0
    best = W + np.asarray(kind.shift(W, l2))
    scale = float(np.abs(W).max())

    def cost(A):
        size = np.abs(A).sum(axis=1) if isinstance(kind, Entries) else np.linalg.norm(A, axis=1)
        return 0.7 * size + l2 / 2 * (A**2).sum(axis=1)

    for c in np.linspace(-2 * scale, 2 * scale, 801):
        assert (cost(best) <= cost(W + c) + 1e-12).all()
    assert (best[0] == 0).all()
    if isinstance(kind, Entries) and l2 == 0:
        assert (best == 0).any(axis=1).all()  # and a weight of each feature is exactly zero


@kinds
def test_slope_and_curvature_are_those_of_autodiff_within_a_piece(kind):
    W, D = matrices(5)
    W = np.where(W == 0, 0.5, W)

    def value(t):
        return kind.l1 * jax.numpy.sum(kind.sizes(W + t * D))

    assert float(kind.slope(W, D)) == pytest.approx(float(jax.grad(value)(0.0)), rel=1e-12)
    assert np.sum(D * kind.curvature(W, D)) == pytest.approx(
        float(jax.grad(jax.grad(value))(0.0)), rel=1e-10, abs=1e-14
    )


def test_penalty_is_the_sum_of_both_in_the_dtype_of_the_weights():
    W = np.array([[3.0, -4.0], [0.0, 0.0]])
    assert float(sj.penalty(Params(W, np.zeros(2)), 0.1, 0.2)) == pytest.approx(0.7 + 2.5)
    assert float(sj.penalty(Params(W, np.zeros(2)), 0.1, 0.2, "features")) == pytest.approx(0.5 + 2.5)
    assert sj.penalty(Params(W.astype(np.float16), np.zeros(2)), 0.1, 0.2).dtype == np.float32
    gradient = jax.grad(lambda W: sj.penalty(Params(W, np.zeros(2)), 0.1, 0.2))(jax.numpy.asarray(W))
    np.testing.assert_allclose(gradient[0], [0.1 + 0.6, -0.1 - 0.8])


@pytest.mark.parametrize("group", ["rows", 1, True, ""])
def test_another_group_is_refused_by_name(group):
    with pytest.raises(ValueError, match='group must be None or "features"'):
        sj.penalty(Params(np.ones((2, 2)), np.zeros(2)), 0.1, 0.2, group)


def test_the_strength_at_which_all_is_zero_is_the_dual_norm():
    G = np.array([[3.0, -4.0], [1.0, 1.0]])
    assert (largest_strength(G, None), largest_strength(G, "features")) == (4.0, 5.0)
    assert isinstance(sparsity(0.1, None), Entries) and isinstance(sparsity(0.1, "features"), Features)


def test_the_two_are_never_taken_for_each_other_by_a_cache_of_programs():
    one, other = (jax.tree.structure(kind(0.5)) for kind in (Entries, Features))
    assert one != other  # JAX compares the static fields of dataclasses, not their classes
