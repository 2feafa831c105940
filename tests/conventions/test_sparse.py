"""Each conversion is tested by what the other library fits, or by SciPy's optimum of the other's written objective."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sparse_reference import Sparse
from sparse_reference import minimise as reference
from written_penalties import Written

from softmax_jax import conventions as conv

PARAMETERS = (
    2e-6  # SciPy's optima are found to gradients of 1e-8, the reference's to 1e-10; curvatures are 1e-2 and more
)
N, M = 60, 3


def data(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns of unlike deviations, which a standardising convention would not leave alone."""
    rng = np.random.default_rng(k)
    X = rng.standard_normal((N, M)) * [0.5, 1, 2] + [0, 1, -1]
    y = np.argmax(X @ rng.standard_normal((M, k)) + 2 * rng.gumbel(size=(N, k)), axis=1)
    assert len(np.unique(y)) == k
    return X, y


def assert_same(a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...]) -> None:
    """The same model: what all classes share in a row of W, or in b, changes no prediction."""
    for p, q in zip(a[:2], b[:2], strict=True):
        centred = (v - v.mean(axis=-1, keepdims=True) for v in (p, q))
        np.testing.assert_allclose(*centred, rtol=0, atol=PARAMETERS)


def ours(X: np.ndarray, y: np.ndarray, penalties: tuple[float, float], group=None, s=None):
    l1, l2 = penalties
    return reference(Sparse(X, np.eye(y.max() + 1)[y], l1, l2, group, s))


def with_ratio(l1_ratio: float, **settings) -> LogisticRegression:
    words = {} if tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8) else {"penalty": "elasticnet"}
    settings = {"solver": "saga", "tol": 1e-12, "max_iter": 100_000, "random_state": 0} | words | settings
    return LogisticRegression(l1_ratio=l1_ratio, **settings)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_scikit_learns_c_and_l1_ratio_give_what_it_fits(k, l1_ratio, weighted):
    X, y = data(k)
    s = np.random.default_rng(7).uniform(0.1, 3, N) if weighted else None
    n = N if s is None else s.sum()
    theirs = with_ratio(l1_ratio, C=0.2).fit(X, y, sample_weight=s)
    found = ours(X, y, conv.penalties_from_sklearn_c(0.2, l1_ratio, n, k), s=s)
    W, b = theirs.coef_.T, theirs.intercept_
    assert_same(found, (W, b) if k > 2 else (np.hstack([-W / 2, W / 2]), np.concatenate([-b / 2, b / 2])))
    if l1_ratio == 1:
        assert np.any(W == 0) and (k == 2 or np.array_equal(W == 0, found.W == 0))


# name, the written objective, the conversion; for one column (binomial) or a column per class
CUML = 1 / (0.7 * N)
WRITTEN = {
    "cuml": (
        lambda k, r: Written(1 / N, CUML * r, CUML * (1 - r) / 2),
        lambda k, r, binomial: conv.penalties_from_cuml_c(0.7, r, N, k),
    ),
    "cuml, not normalised": (
        lambda k, r: Written(1 / N, r / 40, (1 - r) / 80),
        lambda k, r, binomial: conv.penalties_from_cuml_c(40.0, r, N, k, penalty_normalized=False),
    ),
    "glmnet": (
        lambda k, r: Written(1 / N, 0.03 * r, 0.03 * (1 - r) / 2),
        lambda k, r, binomial: conv.penalties_from_glmnet_lambda(0.03, r, binomial=binomial),
    ),
}
CASES = [  # cuML fits two classes with one column only
    (name, k, binomial)
    for name in WRITTEN
    for k, binomial in [(2, True), (2, False), (4, False)]
    if not (name.startswith("cuml") and k == 2 and not binomial)
]


@pytest.mark.parametrize(("name", "k", "binomial"), CASES)
@pytest.mark.parametrize("ratio", [0.3, 1.0])
def test_the_optimum_of_the_written_objective_is_ours_at_the_converted_penalties(name, k, binomial, ratio):
    written, convert = WRITTEN[name]
    X, y = data(k)
    expected = written(k, ratio).minimum(X, y, columns=1 if binomial else k)
    assert_same(ours(X, y, convert(k, ratio, binomial)), expected)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_glmnets_grouped_multinomial_has_the_same_numbers_by_rows(k, alpha):
    X, y = data(k)
    found = ours(X, y, conv.penalties_from_glmnet_lambda(0.005, alpha), "features")
    assert_same(found, Written(1 / N, 0.005 * alpha, 0.005 * (1 - alpha) / 2, rows=True).minimum(X, y, k))


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_glmnets_standardised_penalty_is_a_fit_on_standardised_features_and_their_scale(grouped, weighted):
    k, lmbda, alpha = 4, 0.01, 0.6
    X, y = data(k)
    s = np.random.default_rng(3).uniform(0.1, 3, N) if weighted else np.ones(N)
    s /= s.mean()
    deviation = np.sqrt(np.mean(s[:, None] * (X - np.mean(s[:, None] * X, axis=0)) ** 2, axis=0))  # over n, as glmnet's
    written = Written(1 / N, lmbda * alpha, lmbda * (1 - alpha) / 2, scale=deviation, rows=grouped, s=s)

    scaler = StandardScaler().fit(X, sample_weight=s)
    penalties = conv.penalties_from_glmnet_lambda(lmbda, alpha)
    found = ours(scaler.transform(X), y, penalties, "features" if grouped else None, s)
    W = found.W / scaler.scale_[:, None]
    assert_same((W, found.b - scaler.mean_ @ W), written.minimum(X, y, k))


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("alpha", [0.3, 1.0])
@pytest.mark.parametrize("row_weight", [None, 0.5])
def test_adelies_loss_is_divided_by_the_classes_and_its_rows_weigh_the_root_of_their_size(k, alpha, row_weight):
    X, y = data(k)
    lmbda = 0.003
    strength = lmbda * (np.sqrt(k) if row_weight is None else row_weight)
    penalties = conv.penalties_from_adelie_lambda(lmbda, alpha, k, row_weight=row_weight)
    written = Written(1 / N / k, strength * alpha, strength * (1 - alpha) / 2, rows=True)
    assert_same(ours(X, y, penalties, "features"), written.minimum(X, y, k))


def test_by_rows_one_column_of_two_classes_takes_the_root_of_two_as_often():
    X, y = data(2)
    theirs = Written(1 / N, 0.03, 0.01).minimum(X, y, columns=1)
    assert_same(ours(X, y, (0.03 * np.sqrt(2), 2 * 2 * 0.01), "features"), theirs)


INVERSES = {
    "scikit-learn": lambda k: (
        lambda v, r: conv.penalties_from_sklearn_c(v, r, 37, k),
        lambda *p: conv.sklearn_c_from_penalties(*p, 37, k),
    ),
    "cuml": lambda k: (
        lambda v, r: conv.penalties_from_cuml_c(v, r, 37, k, penalty_normalized=False),
        lambda *p: conv.cuml_c_from_penalties(*p, 37, k, penalty_normalized=False),
    ),
    "cuml, normalised": lambda k: (
        lambda v, r: conv.penalties_from_cuml_c(v, r, 37, k),
        lambda *p: conv.cuml_c_from_penalties(*p, 37, k),
    ),
    "glmnet": lambda k: (
        lambda v, r: conv.penalties_from_glmnet_lambda(v, r, binomial=k == 2),
        lambda *p: conv.glmnet_lambda_from_penalties(*p, binomial=k == 2),
    ),
    "adelie": lambda k: (
        lambda v, r: conv.penalties_from_adelie_lambda(v, r, k),
        lambda *p: conv.adelie_lambda_from_penalties(*p, k),
    ),
    "adelie, weighted": lambda k: (
        lambda v, r: conv.penalties_from_adelie_lambda(v, r, k, row_weight=0.1),
        lambda *p: conv.adelie_lambda_from_penalties(*p, k, row_weight=0.1),
    ),
}


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("name", INVERSES)
def test_every_conversion_has_an_inverse_on_numbers_and_arrays(name, k):
    there, back = INVERSES[name](k)
    values, ratios = np.array([1e-6, 0.3, 2.0, 1e5]), np.array([[0.0], [0.1], [0.5], [1.0]])
    for given, found in zip(np.broadcast_arrays(values, ratios), back(*there(values, ratios)), strict=True):
        np.testing.assert_allclose(found, given, rtol=1e-14)
    for one in (there(0.3, 0.25), back(*there(0.3, 0.25))):
        assert all(isinstance(value, float) for value in one)
    assert back(*there(0.3, 0.25)) == pytest.approx((0.3, 0.25), rel=1e-14)


@pytest.mark.parametrize("name", ["scikit-learn", "cuml"])
def test_without_l1_the_conversion_is_that_of_l2(name):
    plain = {"scikit-learn": conv.l2_from_sklearn_c, "cuml": conv.l2_from_cuml_c}[name]
    there, _ = INVERSES["scikit-learn" if name == "scikit-learn" else "cuml, normalised"](2)
    assert there(0.3, 0.0) == (0.0, plain(0.3, 37, 2))


def test_worked_numbers():
    assert conv.penalties_from_sklearn_c(1.0, 1.0, 100, 3) == (0.01, 0.0)
    assert conv.penalties_from_sklearn_c(1.0, 1.0, 100, 2) == (0.01, 0.0)  # |w| is |-w/2| + |w/2|
    assert conv.penalties_from_cuml_c(4.0, 0.5, 100, 3, penalty_normalized=False) == (0.125, 0.125)
    assert conv.penalties_from_glmnet_lambda(0.5, 0.75, binomial=True) == (0.375, 0.25)
    assert conv.penalties_from_adelie_lambda(0.125, 0.5, 4) == (0.5, 0.5)
    assert conv.penalties_from_adelie_lambda(0.125, 0.5, 4, row_weight=1.0) == (0.25, 0.25)


def test_no_penalty_is_no_penalty_in_every_convention():
    assert conv.penalties_from_sklearn_c(np.inf, 0.5, 10, 3) == (0, 0)
    assert conv.sklearn_c_from_penalties(0, 0, 10, 3) == (np.inf, 0)
    assert conv.glmnet_lambda_from_penalties(0, 0) == (0, 1)
    assert conv.adelie_lambda_from_penalties(0, 0, 3) == (0, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: conv.penalties_from_sklearn_c(0, 0.5, 10, 3), "C must be a real number > 0, got 0"),
        (lambda: conv.penalties_from_sklearn_c(1.0, 1.5, 10, 3), "l1_ratio must be a real number from 0 to 1, got 1.5"),
        (lambda: conv.penalties_from_sklearn_c(1.0, None, 10, 3), "l1_ratio must be"),
        (lambda: conv.penalties_from_sklearn_c(1.0, [0.1, np.nan], 10, 3), "l1_ratio must be"),
        (lambda: conv.penalties_from_sklearn_c(1.0, 0.5, 0, 3), "n_samples must be"),
        (lambda: conv.penalties_from_cuml_c(1.0, 0.5, 10, 1), "n_classes must be an integer >= 2, got 1"),
        (lambda: conv.penalties_from_glmnet_lambda(-0.1, 1.0), "penalty must be a real number >= 0"),
        (lambda: conv.penalties_from_glmnet_lambda(0.1, -1.0), "alpha must be a real number from 0 to 1"),
        (lambda: conv.glmnet_lambda_from_penalties(-1, 0), "l1 must be a real number >= 0"),
        (lambda: conv.glmnet_lambda_from_penalties(0, np.inf), "l2 must be finite, got inf"),
        (lambda: conv.sklearn_c_from_penalties(np.nan, 0, 10, 3), "l1 must be"),
        (lambda: conv.penalties_from_adelie_lambda(0.1, 1.0, 1), "n_classes must be"),
        (lambda: conv.penalties_from_adelie_lambda(0.1, 1.0, 3, row_weight=0), "row_weight must be"),
        (lambda: conv.adelie_lambda_from_penalties(0.1, 0, 3, row_weight=[1.0, 2.0]), "row_weight must be"),
    ],
)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
