"""SoftmaxRegression with l1: the optimum of an independent solver, exact zeros, sparsify, starts, weights, words."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sparse_reference import Sparse, minimise

from softmax_jax import SoftmaxRegression, conventions, load, save
from softmax_jax.estimators.regression import DegenerateDataWarning

N, M, K = 60, 8, 3
STRENGTH: dict[str, Any] = {"l1": 0.04, "l2": 0.01, "tol": 1e-9}
GROUPS = [None, "features"]


def make_data(k=K):
    """Features of which two tell the classes apart."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((N, M)), np.arange(N) % k
    X[:, 0] += 2 * y
    X[:, 3] -= 1.5 * (y == 1)
    return X, y


X, Y = make_data()


def fitted(**parameters) -> Any:
    return SoftmaxRegression(**STRENGTH | parameters).fit(X, Y)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("class_weight", [None, {0: 3.0, 2: 0.5}], ids=["plain", "weighted"])
def test_it_finds_the_optimum_of_an_independent_solver(group, class_weight):
    model = fitted(group=group, class_weight=class_weight)
    weight = None if class_weight is None else np.array([3.0, 1.0, 0.5])[Y]
    optimum = minimise(Sparse(X, np.eye(K)[Y], 0.04, 0.01, group, weight))
    assert model.converged_ and model.duality_gap_ <= 1e-9
    assert model.objective_ - optimum.objective <= 1e-9
    np.testing.assert_array_equal(model.params_.W != 0, optimum.W != 0)
    np.testing.assert_allclose(model.params_.W, optimum.W, atol=1e-3)


@pytest.mark.parametrize("k", [2, 3])
def test_it_agrees_with_scikit_learns_l1(k):
    X, y = make_data(k)
    C = 0.2
    penalties = conventions.penalties_from_sklearn_c(C, 1.0, N, k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's saga never says that it is done, and of its arguments
        theirs = LogisticRegression(C=C, l1_ratio=1.0, solver="saga", tol=1e-10, max_iter=50_000, random_state=0)
        theirs.fit(X, y)
    ours = SoftmaxRegression(l1=float(penalties[0]), l2=float(penalties[1]), tol=1e-10).fit(X, y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert np.count_nonzero(ours.coef_ == 0) > 0
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


def test_whole_features_are_zero_with_groups():
    model = fitted(l1=0.1, group="features")
    kept = (model.coef_ != 0).any(axis=0)
    assert 0 < kept.sum() < M
    assert (model.coef_[:, kept] != 0).all()


def test_coefficients_are_sparsified_and_densified_in_scikit_learns_manner():
    model = fitted()
    dense, O = model.coef_, model.predict_proba(X)
    assert model.sparsify() is model
    assert sp.issparse(model.coef_) and model.coef_.format == "csr"
    assert model.coef_.nnz == np.count_nonzero(dense) < dense.size
    np.testing.assert_array_equal(model.coef_.toarray(), dense)
    np.testing.assert_array_equal(model.predict_proba(X), O)
    copy = pickle.loads(pickle.dumps(model))
    assert sp.issparse(copy.coef_)
    assert isinstance(model.densify().coef_, np.ndarray)
    assert isinstance(copy.fit(X, Y).coef_, np.ndarray)


def test_sparse_coefficients_can_be_assigned():
    model, other = fitted(), fitted()
    model.coef_ = sp.csr_array(other.coef_)
    assert sp.issparse(model.coef_) and model.status_ == "assigned"
    np.testing.assert_array_equal(model.predict(X), other.predict(X))


def test_only_a_fitted_model_is_sparsified():
    for method in (SoftmaxRegression().sparsify, SoftmaxRegression().densify):
        with pytest.raises(NotFittedError, match="must be fitted before"):
            method()


def test_a_warm_start_needs_no_iteration_at_the_optimum_and_goes_on_along_l1():
    model = fitted(warm_start=True)
    again = pickle.loads(pickle.dumps(model)).fit(X, Y)
    assert again.n_iter_ == 0
    np.testing.assert_array_equal(again.coef_, model.coef_)
    model.set_params(l1=0.02).fit(X, Y)
    np.testing.assert_allclose(model.coef_, fitted(l1=0.02).coef_, atol=1e-3)


def test_a_strong_l1_leaves_the_frequencies():
    model = fitted(l1=10.0)
    assert (model.coef_ == 0).all()
    np.testing.assert_allclose(model.predict_proba(X), 1 / K, atol=1e-6)


def test_without_l2_the_gap_is_finite_and_nothing_is_said_of_dependent_columns():
    doubled = np.hstack([X[:, :4], X[:, :4]])
    model = SoftmaxRegression(l1=0.04, l2=0.0).fit(doubled, Y)  # warnings are errors here
    assert model.converged_ and model.duality_gap_ <= 1e-6
    with pytest.warns(DegenerateDataWarning, match="not unique"):
        SoftmaxRegression(l2=0.0).fit(np.hstack([X[:, 1:3], X[:, 1:3]]), Y)


def test_what_ends_early_names_the_gap_and_l1():
    with pytest.warns(ConvergenceWarning, match=r"1 iterations \(duality gap .*raise l1 or l2 or tol"):
        SoftmaxRegression(l1=0.02, l2=0.0, max_iter=1, tol=1e-12).fit(X, Y)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"l1": -1.0}, "'l1' parameter"),
        ({"l1": float("nan")}, "'l1' parameter"),
        ({"group": "rows"}, "'group' parameter"),
        ({"l1": 0.1, "solver": "lbfgs"}, "solver must be 'auto' or 'proximal-newton' where l1 > 0, got 'lbfgs'"),
        ({"l1": 0.1, "eta": 0.1}, "eta select gradient descent"),
        ({"solver": "proximal-newton"}, "is for l1 > 0"),
    ],
)
def test_what_cannot_be_is_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        SoftmaxRegression(**parameters).fit(X, Y)


@pytest.mark.parametrize("group", GROUPS)
def test_it_is_stored_with_its_penalty(group, tmp_path):
    model = fitted(group=group, solver="proximal-newton")
    save(model, tmp_path / "model.safetensors")
    back: Any = load(tmp_path / "model.safetensors")
    assert back.get_params() == model.get_params()
    np.testing.assert_array_equal(back.coef_, model.coef_)
    again: Any = clone(back)
    np.testing.assert_array_equal(again.fit(X, Y).coef_, model.coef_)


def test_a_model_without_l1_is_stored_as_before(tmp_path):
    for l1, version in ((0.0, b'"format_version":"1"'), (0.04, b'"format_version":"4"')):
        save(fitted(l1=l1), tmp_path / "model.safetensors")
        content = (tmp_path / "model.safetensors").read_bytes().replace(b" ", b"")
        assert version in content
        assert (b'\\"l1\\"' in content) == (l1 > 0)
