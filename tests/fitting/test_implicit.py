"""Derivatives of the optimum against central finite differences of independent fits, in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from softmax_jax.fitting.implicit import solve_implicit
from softmax_jax.fitting.single import fit
from softmax_jax.losses import cross_entropy
from softmax_jax.model import one_hot_encode

RNG = np.random.default_rng(0)
N, M, K = 40, 3, 4
X = RNG.standard_normal((N, M)) * [0.5, 1, 2] + [0, 1, -1]
Y = np.arange(N) % K
T = np.asarray(one_hot_encode(Y), np.float64)
S = RNG.uniform(0.5, 2, N)
X_VAL = RNG.standard_normal((15, M))
T_VAL = np.eye(K)[np.arange(15) % K]
L2 = 0.03
VALIDATION32 = X_VAL.astype(np.float32), T_VAL.astype(np.float32)
RTOL = 1e-5


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def validation_loss(X=X, T=T, l2=L2, sample_weight=S, **options):
    return cross_entropy(solve_implicit(X, T, l2, sample_weight, **options), X_VAL, T_VAL)


def finite_difference(function, at, direction, h=1e-4):
    f = [function(at + step * h * direction) for step in (-2, -1, 1, 2)]
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l2", [L2, np.array([0.01, 0.1, 0.03])], ids=["one strength", "a strength per feature"])
def test_the_gradient_of_a_validation_loss_equals_finite_differences(l2, fit_intercept):
    """With respect to all sources at once, in one program; each is then looked at alone."""

    def loss(sources):
        return validation_loss(**sources, fit_intercept=fit_intercept)

    at = {name: jnp.asarray(value) for name, value in {"l2": l2, "sample_weight": S, "X": X, "T": T}.items()}
    gradient = jax.grad(loss)(at)
    for name, value in at.items():
        direction = RNG.standard_normal(value.shape) * (0.1 * np.abs(value) if name == "l2" else 1)
        if name == "T":
            direction -= direction.mean(axis=1, keepdims=True)
        expected = finite_difference(lambda value, name=name: loss({**at, name: value}), value, direction)
        np.testing.assert_allclose(jnp.vdot(gradient[name], direction), expected, rtol=RTOL, err_msg=name)
        along = {**jax.tree.map(jnp.zeros_like, at), name: jnp.asarray(direction)}
        np.testing.assert_allclose(jax.jvp(loss, (at,), (along,))[1], expected, rtol=RTOL, err_msg=name)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_optimum_is_that_of_fit(fit_intercept):
    params = solve_implicit(X, T, L2, S, fit_intercept=fit_intercept)
    best = fit(X, T, l2=L2, sample_weight=S, tol=1e-13, fit_intercept=fit_intercept).params
    np.testing.assert_allclose(params.W, best.W, atol=1e-6)
    np.testing.assert_allclose(params.b, best.b - best.b.mean(), atol=1e-6)


def test_a_strength_per_feature_is_the_strength_of_scaled_features():
    l2 = np.array([0.01, 0.1, 0.03])
    params, scaled = solve_implicit(X, T, l2), solve_implicit(X / np.sqrt(l2), T, 1.0)
    np.testing.assert_allclose(params.W * np.sqrt(l2)[:, None], scaled.W, atol=1e-9)


def test_functions_that_see_the_shift_of_all_classes_have_the_right_derivative():
    """The optimum sums to zero over classes; a single weight is no invariant of softmax."""

    def weight(l2):
        params = solve_implicit(X, T, l2)
        return params.W[1, 2] + params.b[0] ** 2

    expected = finite_difference(weight, L2, 0.1 * L2) / (0.1 * L2)
    np.testing.assert_allclose(jax.grad(weight)(L2), expected, rtol=RTOL)


def test_second_derivatives():
    slope = jax.grad(lambda l2: validation_loss(l2=l2))
    expected = finite_difference(slope, L2, 0.1 * L2) / (0.1 * L2)
    np.testing.assert_allclose(jax.grad(slope)(L2), expected, rtol=RTOL)


def test_jit_and_vmap_go_through():
    strengths = jnp.array([0.01, 0.1, 1.0])
    slopes = jax.jit(jax.vmap(jax.grad(lambda l2: validation_loss(l2=l2))))(strengths)
    for l2, slope in zip(strengths, slopes, strict=True):
        np.testing.assert_allclose(slope, jax.grad(lambda l2: validation_loss(l2=l2))(l2), rtol=1e-8)


def test_a_start_nearby_changes_nothing_but_the_time():
    near = solve_implicit(X, T, 2 * L2)
    slopes = [jax.grad(lambda l2, init=init: validation_loss(l2=l2, init=init))(L2) for init in (None, near)]
    np.testing.assert_allclose(*slopes, rtol=1e-8)


def test_float32_data_give_float32_derivatives():
    with jax.enable_x64(False):
        narrow = [np.asarray(a, np.float32) for a in (X, T, S)]
        slope = jax.grad(lambda l2: cross_entropy(solve_implicit(*narrow[:2], l2, narrow[2]), *VALIDATION32))(L2)
    assert slope.dtype == np.float32
    np.testing.assert_allclose(slope, jax.grad(lambda l2: validation_loss(l2=l2))(L2), rtol=1e-3)


def test_numpy_float64_needs_no_switch():
    with jax.enable_x64(False):
        params = solve_implicit(X, T, L2)
    assert params.W.dtype == np.float64
    assert fit(X, T, l2=L2, init=params, max_iter=1).duality_gap < 1e-13


@pytest.mark.parametrize("case", [{"l2": 0.0}, {"l2": -1.0}, {"max_iter": 1}])
def test_no_optimum_is_nan_and_so_is_its_derivative(case):
    l2 = case.pop("l2", 1e-6)
    assert np.isnan(validation_loss(l2=l2, **case))
    assert np.isnan(jax.grad(lambda l2: validation_loss(l2=l2, **case))(l2))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"l2": np.ones(2)}, r"l2 must be a number or have shape \(3,\)"),
        ({"T": Y}, r"T \(n, k\)"),
        ({"T": T[:-1]}, "a row per sample"),
        ({"X": X[0]}, r"X must have shape \(n, m\)"),
        ({"sample_weight": -S}, "sample_weight must be finite, >= 0"),
    ],
)
def test_bad_input_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        validation_loss(**change)


def test_derivatives_are_right_where_there_are_fewer_rows_than_features():
    rng = np.random.default_rng(0)
    X, T = rng.standard_normal((12, 40)), np.eye(3)[np.arange(12) % 3]

    def size(l2):
        params = solve_implicit(X, T, l2)
        return jnp.sum(params.W**2) + jnp.sum(params.b**2)

    found = fit(X, np.argmax(T, axis=1), l2=0.01, tol=1e-12)
    np.testing.assert_allclose(np.asarray(solve_implicit(X, T, 0.01).W), found.params.W, atol=1e-5)
    difference = float(finite_difference(size, 0.01, 1, h=1e-5))
    assert float(jax.grad(size)(0.01)) == pytest.approx(difference, rel=1e-6)


def test_l1_is_refused():
    with pytest.raises(ValueError, match=r"solve_implicit needs l1=0, got l1=0.1"):
        solve_implicit(X, T, L2, l1=0.1)
