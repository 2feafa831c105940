"""Each conversion is tested by fitting the other library's own definition, then ours at the converted l2."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from softmax_jax import conventions as conv
from softmax_jax.fitting.single import fit

PARAMETERS = 2e-6  # both optima are found to gradients of 1e-9 in float64; J is l2-strongly convex, l2 >= 1e-2
N, M = 60, 3


def data(k: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(k)
    X = rng.standard_normal((N, M))
    y = np.argmax(X @ rng.standard_normal((M, k)) + 2 * rng.gumbel(size=(N, k)), axis=1)
    assert len(np.unique(y)) == k
    return X, y


def losses(theta: np.ndarray, X: np.ndarray, y: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Cross-entropy of each row, and W; one column and a sigmoid where theta has room for one only."""
    columns = theta.size // (M + 1)
    A = theta.reshape(M + 1, columns)
    Z = X @ A[:M] + A[M]
    if columns == 1:
        assert k == 2
        return np.logaddexp(0, -np.where(y == 1, 1, -1) * Z[:, 0]), A[:M]
    return logsumexp(Z, axis=1) - Z[np.arange(N), y], A[:M]


def minimum(objective, X: np.ndarray, y: np.ndarray, k: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """argmin of objective(losses, ||W||^2) by SciPy alone: (W, b) with a column per class, b summing to 0."""

    def J(theta: np.ndarray) -> float:
        each, W = losses(theta, X, y, k)
        return objective(each, np.sum(W**2))

    def central(theta: np.ndarray) -> np.ndarray:  # fourth-order differences: good to 1e-11
        steps = 1e-3 * np.eye(theta.size)
        return np.array(
            [(8 * (J(theta + h) - J(theta - h)) - (J(theta + 2 * h) - J(theta - 2 * h))) / 12e-3 for h in steps]
        )

    theta = np.zeros((M + 1) * columns)
    for _ in range(2):  # a restart forgets the curvature of the first steps
        theta = minimize(J, theta, jac=central, method="BFGS", options={"gtol": 1e-10, "maxiter": 500}).x
    A = theta.reshape(M + 1, columns)
    A = np.hstack([-A / 2, A / 2]) if columns == 1 else A
    return A[:M], A[M] - A[M].mean()


def ours(X: np.ndarray, y: np.ndarray, l2: float) -> tuple[np.ndarray, np.ndarray]:
    result = fit(X, y, l2=l2, tol=1e-14)
    return result.params.W, result.params.b - result.params.b.mean()


def assert_same(a, b):
    np.testing.assert_allclose(a[0], b[0], rtol=0, atol=PARAMETERS)
    np.testing.assert_allclose(a[1], b[1], rtol=0, atol=PARAMETERS)


# name, the written objective of (losses, ||W||^2), and the conversion, for binomial or a column per class
WRITTEN = {
    "cuml": (
        lambda each, square: np.mean(each) + 1 / (0.7 * N) / 2 * square,
        lambda k, binomial: conv.l2_from_cuml_c(0.7, N, k),
    ),
    "cuml, not normalised": (
        lambda each, square: np.mean(each) + 1 / 8.0 / 2 * square,
        lambda k, binomial: conv.l2_from_cuml_c(8.0, N, k, penalty_normalized=False),
    ),
    "sum": (
        lambda each, square: np.sum(each) + 1.3 / 2 * square,
        lambda k, binomial: conv.l2_from_sum_lambda(1.3, N, binomial=binomial),
    ),
    "sum without the half": (
        lambda each, square: np.sum(each) + 1.3 * square,
        lambda k, binomial: conv.l2_from_unhalved_sum_lambda(1.3, N, binomial=binomial),
    ),
    "mean": (
        lambda each, square: np.mean(each) + 0.05 / 2 * square,
        lambda k, binomial: conv.l2_from_mean_lambda(0.05, binomial=binomial),
    ),
}


CASES = [  # cuML fits two classes with one column only
    (name, k, binomial)
    for name in WRITTEN
    for k, binomial in [(2, True), (2, False), (4, False)]
    if not (name.startswith("cuml") and k == 2 and not binomial)
]


@pytest.mark.parametrize(("name", "k", "binomial"), CASES)
def test_the_optimum_of_the_written_objective_is_ours_at_the_converted_l2(name, k, binomial):
    objective, convert = WRITTEN[name]
    X, y = data(k)
    expected = minimum(objective, X, y, k, columns=1 if binomial else k)
    assert_same(ours(X, y, convert(k, binomial)), expected)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("C", [0.05, 1.5])
def test_scikit_learns_c_gives_scikit_learns_coefficients(k, C):
    X, y = data(k)
    theirs = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X, y)
    W, b = ours(X, y, conv.l2_from_sklearn_c(C, N, k))
    coef, intercept = (W.T, b) if k > 2 else ((W[:, 1] - W[:, 0])[None], (b[1] - b[0])[None])
    np.testing.assert_allclose(coef, theirs.coef_, rtol=0, atol=PARAMETERS)
    shift = theirs.intercept_.mean() if k > 2 else 0
    np.testing.assert_allclose(intercept, theirs.intercept_ - shift, rtol=0, atol=PARAMETERS)


@pytest.mark.parametrize("k", [2, 3])
def test_with_sample_weights_scikit_learns_n_is_their_sum(k):
    X, y = data(k)
    weight = np.random.default_rng(7).uniform(0.1, 5, N)
    theirs = LogisticRegression(C=0.8, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    theirs.fit(X, y, sample_weight=weight)
    l2 = conv.l2_from_sklearn_c(0.8, weight.sum(), k)
    W = fit(X, y, l2=l2, tol=1e-14, sample_weight=weight).params.W
    coef = W.T if k > 2 else (W[:, 1] - W[:, 0])[None]
    np.testing.assert_allclose(coef, theirs.coef_, rtol=0, atol=PARAMETERS)


INVERSES = [
    (lambda v: conv.l2_from_sklearn_c(v, 37, 2), lambda v: conv.sklearn_c_from_l2(v, 37, 2)),
    (lambda v: conv.l2_from_sklearn_c(v, 37, 5), lambda v: conv.sklearn_c_from_l2(v, 37, 5)),
    (lambda v: conv.l2_from_cuml_c(v, 37, 3), lambda v: conv.cuml_c_from_l2(v, 37, 3)),
    (
        lambda v: conv.l2_from_cuml_c(v, 37, 2, penalty_normalized=False),
        lambda v: conv.cuml_c_from_l2(v, 37, 2, penalty_normalized=False),
    ),
    (lambda v: conv.l2_from_sum_lambda(v, 37), lambda v: conv.sum_lambda_from_l2(v, 37)),
    (
        lambda v: conv.l2_from_sum_lambda(v, 37, binomial=True),
        lambda v: conv.sum_lambda_from_l2(v, 37, binomial=True),
    ),
    (lambda v: conv.l2_from_unhalved_sum_lambda(v, 37), lambda v: conv.unhalved_sum_lambda_from_l2(v, 37)),
    (
        lambda v: conv.l2_from_unhalved_sum_lambda(v, 37, binomial=True),
        lambda v: conv.unhalved_sum_lambda_from_l2(v, 37, binomial=True),
    ),
    (conv.l2_from_mean_lambda, conv.mean_lambda_from_l2),
    (
        lambda v: conv.l2_from_mean_lambda(v, binomial=True),
        lambda v: conv.mean_lambda_from_l2(v, binomial=True),
    ),
]


@pytest.mark.parametrize(("there", "back"), INVERSES)
def test_every_conversion_has_an_exact_inverse_on_numbers_and_arrays(there, back):
    values = np.array([1e-6, 0.3, 2.0, 1e5])
    np.testing.assert_allclose(back(there(values)), values, rtol=1e-15)
    one = back(there(0.3))
    assert isinstance(one, float)
    assert one == pytest.approx(0.3, rel=1e-15)


def test_worked_numbers():
    assert conv.l2_from_sklearn_c(1.0, 100, 3) == 0.01
    assert conv.l2_from_sklearn_c(1.0, 100, 2) == 0.02
    assert conv.l2_from_cuml_c(4.0, 100, 3, penalty_normalized=False) == 0.25
    assert conv.l2_from_sum_lambda(10, 100) == 0.1
    assert conv.l2_from_unhalved_sum_lambda(10, 100) == 0.2
    assert conv.l2_from_mean_lambda(0.1, binomial=True) == 0.2


def test_no_penalty_is_no_penalty_in_every_convention():
    assert conv.l2_from_sklearn_c(np.inf, 10, 3) == 0
    assert conv.sklearn_c_from_l2(0, 10, 3) == np.inf
    assert conv.l2_from_sum_lambda(0, 10) == 0


@pytest.mark.parametrize(
    ("convert", "words"),
    [
        (conv.l2_from_decoupled_weight_decay, "minimises no objective"),
        (conv.l2_from_penalised_bias, "column of ones"),
        (conv.l2_from_unsquared_norm, "depends on the solution"),
    ],
)
def test_what_cannot_be_converted_is_refused_with_the_reason(convert, words):
    with pytest.raises(conv.NotConvertibleError, match=words):
        convert(0.1, 100)


def test_a_penalised_bias_is_the_problem_with_a_column_of_ones_as_the_error_says():
    X, y = data(4)
    ones = np.hstack([X, np.ones((N, 1))])
    A = fit(ones, y, l2=0.05, tol=1e-14, fit_intercept=False).params.W

    def J(theta: np.ndarray) -> float:  # the bias counts in the norm
        each, _ = losses(theta, X, y, 4)
        return np.mean(each) + 0.05 / 2 * np.sum(theta**2)

    near = [J(A.ravel() + 1e-4 * step) for step in np.random.default_rng(0).standard_normal((50, A.size))]
    assert J(A.ravel()) < min(near)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: conv.l2_from_sklearn_c(0, 10, 3), "C must be a real number > 0, got 0"),
        (lambda: conv.l2_from_sklearn_c(-1.0, 10, 3), "C must be"),
        (lambda: conv.l2_from_sklearn_c(np.nan, 10, 3), "C must be"),
        (lambda: conv.l2_from_sklearn_c("1", 10, 3), "C must be"),
        (lambda: conv.l2_from_sklearn_c([1.0, 0.0], 10, 3), "C must be"),
        (lambda: conv.l2_from_sklearn_c(1.0, 0, 3), "n_samples must be"),
        (lambda: conv.l2_from_sklearn_c(1.0, np.inf, 3), "n_samples must be"),
        (lambda: conv.l2_from_sklearn_c(1.0, [10, 20], 3), "n_samples must be"),
        (lambda: conv.l2_from_sklearn_c(1.0, 10, 1), "n_classes must be an integer >= 2, got 1"),
        (lambda: conv.l2_from_sklearn_c(1.0, 10, 3.0), "n_classes must be"),
        (lambda: conv.l2_from_sklearn_c(1.0, 10, True), "n_classes must be"),
        (lambda: conv.l2_from_sum_lambda(-0.1, 10), "penalty must be a real number >= 0"),
        (lambda: conv.l2_from_mean_lambda(True), "penalty must be"),
        (lambda: conv.mean_lambda_from_l2(-1), "l2 must be"),
    ],
)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
