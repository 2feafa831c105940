"""Every pass of the Problem equals the pure functions; padding and blocks change nothing."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from cases import with_tiles

from softmax_jax.dtypes import scope
from softmax_jax.gradients import closed_form_gradient, closed_form_hvp
from softmax_jax.losses import objective
from softmax_jax.model import Params
from softmax_jax.placement.place import place
from softmax_jax.problem.hessian import dense_hessian, hessian_blocks
from softmax_jax.problem.problem import padded_rows
from softmax_jax.problem.tiles import CACHED, FUSED
from softmax_jax.solvers import LBFGS

TOLERANCE = 1e-12


@pytest.mark.optimised
@pytest.mark.parametrize("tiles", [CACHED, FUSED], ids=["cached", "fused"])
@pytest.mark.parametrize("gradient", ["closed_form", "autodiff"])
@pytest.mark.parametrize(("n", "k", "soft"), [(30, 3, False), (5000, 7, True), (4096, 200, False)])
def test_passes_equal_the_pure_functions(n, k, soft, gradient, tiles, rng):
    X, l2 = rng.standard_normal((n, 4)), 0.1
    labels = rng.integers(0, k, n).astype(np.int32)
    T = rng.dirichlet(np.ones(k), n) if soft else np.eye(k)[labels]
    params, V = (Params(rng.standard_normal((4, k)), rng.standard_normal(k)) for _ in range(2))
    weight = rng.uniform(0, 1, n)
    problem = place(X, T if soft else labels, weight, l2, True, LBFGS(gradient=gradient)).training
    problem = with_tiles(problem, tiles)
    with scope(np.float64):
        point = jax.jit(problem.at)(params)
        product = jax.tree.map(np.asarray, jax.jit(problem.hessian_product)(point, V))
        D = jax.jit(problem.along)(V)
        none, shift, slope_at = np.zeros(k), np.linspace(-1, 1, k), jax.jit(problem.slope)
        slope = slope_at(point, V, D, 0.0, none)
        first, second = float(slope.first), float(slope.second)
        shifted = jax.tree.map(np.asarray, slope_at(point, V, D, 0.5, shift))
        moved = jax.jit(problem.advance)(point, V, D, 0.5, shift)
        moved_J, (moved, point) = float(moved.objective), jax.tree.map(np.asarray, (moved, point))
    expected = closed_form_gradient(params, X, T, l2, weight)
    expected_product = closed_form_hvp(params, X, T, l2, V, weight)
    inner = sum(float(np.vdot(a, b)) for a, b in zip(expected, V, strict=True))
    inner_2 = sum(float(np.vdot(a, b)) for a, b in zip(expected_product, V, strict=True))
    ahead = Params(params.W + 0.5 * V.W, params.b + 0.5 * V.b + shift)
    at_shift = closed_form_gradient(ahead, X, T, l2, weight)
    assert point.objective == pytest.approx(float(objective(params, X, T, l2, weight)), rel=TOLERANCE)
    np.testing.assert_allclose(point.gradient.W, expected.W, atol=TOLERANCE)
    np.testing.assert_allclose(point.gradient.b, expected.b, atol=TOLERANCE)
    np.testing.assert_allclose(product.W, expected_product.W, atol=TOLERANCE)
    assert first == pytest.approx(inner, rel=1e-10)
    assert second == pytest.approx(inner_2, rel=1e-10)
    assert shifted.first == pytest.approx(sum(np.vdot(a, b) for a, b in zip(at_shift, V, strict=True)), rel=1e-10)
    np.testing.assert_allclose(shifted.bias, at_shift.b, atol=TOLERANCE)
    np.testing.assert_allclose(shifted.curvature, moved.curvature, atol=TOLERANCE)
    assert moved_J == pytest.approx(float(objective(ahead, X, T, l2, weight)), rel=TOLERANCE)


@pytest.mark.optimised
def test_the_dense_hessian_times_a_vector_is_the_hessian_vector_product(rng):
    n, m, k = 50, 3, 4
    X, labels = rng.standard_normal((n, m)), rng.integers(0, k, n).astype(np.int32)
    params, V = (Params(rng.standard_normal((m, k)), rng.standard_normal(k)) for _ in range(2))
    problem = place(X, labels, None, 0.2, True, LBFGS()).training
    with scope(np.float64):
        blocks = hessian_blocks(problem)
        H = np.asarray(jax.jit(lambda params: dense_hessian(problem, problem.at(params), blocks))(params))
    vector = np.vstack([V.W, V.b]).T.ravel()
    expected = closed_form_hvp(params, X, np.eye(k)[labels], 0.2, V)
    np.testing.assert_allclose((H @ vector).reshape(k, m + 1).T, np.vstack([expected.W, expected.b]), atol=TOLERANCE)


def test_few_padded_sizes_occur_and_they_are_never_much_larger():
    assert len({padded_rows(n) for n in range(1000, 2001)}) <= 3
    for n in (1, 16, 17, 150, 10_000, 70_001, 1_281_167):
        assert n <= padded_rows(n) <= max(16, 1.5 * n)
    assert padded_rows(1_281_167) < 1.016 * 1_281_167
