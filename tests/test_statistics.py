"""Against dense matrices in plain NumPy, statsmodels' parametrisation, and odds ratios worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as statsmodels

from softmax_jax.fitting.single import fit
from softmax_jax.model import Params
from softmax_jax.statistics import (
    covariance,
    every_coefficient,
    laplace_posterior,
    predictive,
    sample_parameters,
    standard_errors,
)

RTOL = 1e-9  # float64; one solve is good to 1e-14 relative, the references are inverses of condition 1e4


def data(n: int = 80, m: int = 3, k: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Params]:
    """Features of different scale, labels, and arbitrary parameters: the Hessian needs no optimum."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, m)) * np.array([1.0, 5.0, 0.2])[:m] + rng.standard_normal(m)
    y = rng.integers(0, k, n)
    return X, y, Params(rng.standard_normal((m, k)) * 0.5, rng.standard_normal(k))


def outputs(params: Params, X: np.ndarray) -> np.ndarray:
    Z = X @ params.W + params.b
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def precision(params: Params, X: np.ndarray, l2: float, weight: np.ndarray, bias: bool = True) -> np.ndarray:
    """P = sum_i w_i x_i x_i^T kron (diag(o_i) - o_i o_i^T) + N l2 I_W, in the order of W.ravel(), b."""
    m, k = params.W.shape
    A = np.hstack([X, np.ones((len(X), 1))]) if bias else X
    total = np.zeros((A.shape[1] * k, A.shape[1] * k))
    for a, o, w in zip(A, outputs(params, X), weight, strict=True):
        total += w * np.kron(np.outer(a, a), np.diag(o) - np.outer(o, o))
    penalised = np.repeat(np.arange(A.shape[1]) < m, k)
    return total + weight.sum() * l2 * np.diag(penalised)


def sum_to_zero(size: int, k: int) -> np.ndarray:
    """The projection that takes the mean over classes out of every row of W, and of b."""
    return np.kron(np.eye(size // k), np.eye(k) - 1 / k)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("l2", [0.0, 0.03])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_covariance_is_the_inverse_of_the_dense_precision_up_to_the_shift(k, l2, bias, weighted):
    X, _, params = data(k=k)
    params = params if bias else Params(params.W, np.zeros(k))
    weight = np.random.default_rng(1).uniform(0, 3, len(X)) if weighted else np.ones(len(X))
    coefficients = every_coefficient(params)[: None if bias else -k]
    posterior = laplace_posterior(params, X, l2, weight if weighted else None, fit_intercept=bias)
    C = sum_to_zero(len(coefficients), k)
    expected = C @ np.linalg.pinv(precision(params, X, l2, weight, bias), hermitian=True) @ C
    actual = covariance(posterior, coefficients)
    np.testing.assert_allclose(actual, expected, rtol=RTOL, atol=RTOL * np.abs(expected).max())
    errors = standard_errors(posterior, coefficients)
    np.testing.assert_allclose(errors, np.sqrt(np.diag(expected)), rtol=RTOL)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("reference", [0, 1])
def test_with_a_reference_class_they_are_those_of_the_reduced_model(k, reference):
    """statsmodels' MNLogit fits the other k - 1 columns only, and inverts their Hessian."""
    X, _, params = data(k=k)
    coefficients = every_coefficient(params)
    other = np.array([c != reference for _, c in coefficients])
    reduced = precision(params, X, 0.0, np.ones(len(X)))[np.ix_(other, other)]
    posterior = laplace_posterior(params, X, 0.0)
    actual = standard_errors(posterior, coefficients, reference=reference)
    np.testing.assert_allclose(actual[other], np.sqrt(np.diag(np.linalg.inv(reduced))), rtol=RTOL)
    assert (actual[~other] == 0).all()


def test_statsmodels_gives_the_same_table():
    X, _, _ = data()
    rng = np.random.default_rng(3)
    y = np.argmax(X @ rng.standard_normal((3, 3)) * 0.3 + rng.gumbel(size=(len(X), 3)), axis=1)
    table = statsmodels.MNLogit(y, statsmodels.add_constant(X)).fit(disp=0, tol=1e-12, maxiter=100)
    params = fit(X, y, l2=0.0, tol=1e-10).params
    posterior = laplace_posterior(params, X, 0.0)
    rows = [(feature, c) for feature in (None, 0, 1, 2) for c in (1, 2)]
    actual = standard_errors(posterior, rows, reference=0).reshape(4, 2)
    np.testing.assert_allclose(actual, table.bse, rtol=1e-6)


def test_the_error_of_a_log_odds_ratio_is_woolfs():
    """A 2 x 2 table with counts a, b, c, d: log(ad / bc) has variance 1/a + 1/b + 1/c + 1/d."""
    counts = {(0, 0): 12, (0, 1): 7, (1, 0): 5, (1, 1): 21}
    X = np.repeat([[x] for x, _ in counts], list(counts.values()), axis=0).astype(float)
    y = np.repeat([c for _, c in counts], list(counts.values()))
    params = fit(X, y, l2=0.0, tol=1e-11).params
    assert params.W[0, 1] - params.W[0, 0] == pytest.approx(np.log(12 * 21 / (7 * 5)), rel=1e-8)
    error = standard_errors(laplace_posterior(params, X, 0.0), [(0, 1), (None, 1)], reference=0)
    assert error[0] == pytest.approx(np.sqrt(1 / 12 + 1 / 7 + 1 / 5 + 1 / 21), rel=1e-8)
    assert error[1] == pytest.approx(np.sqrt(1 / 12 + 1 / 7), rel=1e-8)


def test_a_weight_of_two_is_the_row_twice():
    X, _, params = data()
    weight = np.random.default_rng(5).integers(1, 4, len(X))
    coefficients = every_coefficient(params)
    weighted = standard_errors(laplace_posterior(params, X, 0.01, weight), coefficients)
    repeated = standard_errors(laplace_posterior(params, np.repeat(X, weight, axis=0), 0.01), coefficients)
    np.testing.assert_allclose(weighted, repeated, rtol=RTOL)


def test_columns_of_very_different_scale_are_solved():
    X, _, params = data()
    scale = np.array([1e-4, 1.0, 1e6])
    coefficients = every_coefficient(params)
    plain = standard_errors(laplace_posterior(params, X, 0.0), coefficients)
    scaled = Params(params.W / scale[:, None], params.b)
    actual = standard_errors(laplace_posterior(scaled, X * scale, 0.0), coefficients)
    factor = np.append(np.repeat(1 / scale, 4), np.ones(4))
    np.testing.assert_allclose(actual, plain * factor, rtol=1e-6)


def test_float32_features_are_computed_in_float64():
    X, _, params = data()
    X = X.astype(np.float32)
    narrow = standard_errors(laplace_posterior(Params(*params), X, 0.01), every_coefficient(params))
    wide = standard_errors(laplace_posterior(params, X.astype(np.float64), 0.01), every_coefficient(params))
    np.testing.assert_allclose(narrow, wide, rtol=1e-12)


def test_posterior_draws_have_the_posterior_covariance():
    X, _, params = data(m=2, k=3)
    posterior = laplace_posterior(params, X[:, :2], 0.02)
    draws = sample_parameters(posterior, 2000, seed=2)
    flat = np.hstack([draws.W.reshape(2000, -1), draws.b])
    C = covariance(posterior, every_coefficient(params))
    centre = np.append(params.W - params.W.mean(axis=1, keepdims=True), params.b - params.b.mean())
    spread = np.sqrt(np.diag(C))
    # five standard errors of a mean, and of a covariance (sqrt(C_ii C_jj + C_ij^2) / sqrt(draws))
    assert (np.abs(flat.mean(axis=0) - centre) < 5 * spread / np.sqrt(2000)).all()
    bound = 5 * np.sqrt(np.outer(spread, spread) ** 2 + C**2) / np.sqrt(2000)
    assert (np.abs(np.cov(flat.T) - C) < bound).all()
    np.testing.assert_allclose(draws.W.sum(axis=2), 0, atol=1e-12)


def test_predictive_deviation_agrees_with_the_delta_method_where_the_posterior_is_narrow():
    X, _, params = data(n=2000, m=2, k=3)
    X = X[:, :2]
    posterior = laplace_posterior(params, X, 0.02)
    new = np.random.default_rng(8).standard_normal((6, 2))
    result = predictive(posterior, new, n_draws=800, seed=3)
    C = covariance(posterior, every_coefficient(params))
    for x, o, mean, deviation in zip(new, outputs(params, new), *result, strict=True):
        jacobian = np.kron(np.append(x, 1), np.diag(o) - np.outer(o, o))  # d o / d (W.ravel(), b)
        expected = np.sqrt(np.diag(jacobian @ C @ jacobian.T))
        np.testing.assert_allclose(deviation, expected, rtol=0.15)  # 5 / sqrt(2 * 800) = 0.125, and curvature
        np.testing.assert_allclose(mean, o, atol=5 * expected.max() / np.sqrt(800) + expected.max() ** 2)


def test_predictive_is_less_certain_far_from_the_data_and_sums_to_one():
    X, y, _ = data()
    params = fit(X, y % 2, l2=0.01).params
    posterior = laplace_posterior(params, X, 0.01)
    near, far = predictive(posterior, np.vstack([X.mean(axis=0), 30 * np.ones(3)]), n_draws=60).deviation
    assert far.max() > 2 * near.max()
    mean = predictive(posterior, X[:5], n_draws=10).mean
    np.testing.assert_allclose(mean.sum(axis=1), 1, rtol=1e-12)


def test_the_same_seed_gives_the_same_draws():
    X, _, params = data()
    posterior = laplace_posterior(params, X, 0.1)
    a, b, c = (sample_parameters(posterior, 2, seed).W for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert (a != c).all()


def test_features_that_the_data_do_not_identify_are_refused_without_a_penalty():
    X, _, params = data()
    for third in (X[:, 0] * 2 - X[:, 1], np.full(len(X), 3.0)):
        bad = np.column_stack([X[:, :2], third])
        with pytest.raises(ValueError, match="collinear"):
            laplace_posterior(params, bad, 0.0)
        errors = standard_errors(laplace_posterior(params, bad, 0.1), every_coefficient(params))
        assert np.isfinite(errors).all() and (errors > 0).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: standard_errors(p, [(3, 0)]), r"feature in \[0, 3\)"),
        (lambda p: standard_errors(p, [(-1, 0)]), "coefficients must be"),
        (lambda p: standard_errors(p, [(0, 4)]), r"class in \[0, 4\)"),
        (lambda p: standard_errors(p, [(0, 0)], reference=4), "reference must be"),
        (lambda p: sample_parameters(p, 0), "n_draws"),
        (lambda p: predictive(p, np.ones((2, 2))), "X"),
        (lambda p: predictive(p, np.ones((2, 3)), n_draws=1), "n_draws"),
    ],
)
def test_a_wrong_argument_is_named(call, words):
    X, _, params = data()
    with pytest.raises(ValueError, match=words):
        call(laplace_posterior(params, X, 0.1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"l2": -1.0}, "l2"),
        ({"l2": np.nan}, "l2"),
        ({"params": Params(np.full((3, 4), np.nan), np.zeros(4))}, "params must be finite"),
        ({"params": Params(np.zeros((2, 4)), np.zeros(4))}, "same m"),
        ({"sample_weight": np.ones(3)}, "sample_weight"),
    ],
)
def test_wrong_input_to_the_posterior_is_named(change, words):
    X, _, params = data()
    with pytest.raises(ValueError, match=words):
        laplace_posterior(**({"params": params, "X": X, "l2": 0.1} | change))


def test_the_bias_cannot_be_asked_for_where_it_was_not_fitted():
    X, _, params = data()
    posterior = laplace_posterior(Params(params.W, np.zeros(4)), X, 0.1, fit_intercept=False)
    with pytest.raises(ValueError, match="bias"):
        standard_errors(posterior, [(None, 0)])


def test_separated_classes_have_no_standard_errors():
    rng = np.random.default_rng(5)
    flag = np.r_[np.zeros(60), np.ones(20)]  # that one class alone has
    X = np.c_[rng.standard_normal(80), flag]
    y = np.r_[rng.random(60) < 0.5, np.ones(20)].astype(int)
    far = Params(np.array([[0.0, 0.0], [-20.0, 20.0]]), np.zeros(2))
    with pytest.raises(ValueError, match="separated"):
        laplace_posterior(far, X, 0.0)
    laplace_posterior(fit(X, y, l2=1e-3).params, X, 1e-3)


def test_fits_with_l1_are_refused_in_a_line_that_says_what_to_do():
    X, _, params = data()
    with pytest.raises(ValueError, match=r"A Laplace posterior needs l1=0, got l1=0.1: fit the features"):
        laplace_posterior(params, X, 0.1, l1=0.1)
