"""SoftmaxRegressionCV chooses what cross_validate finds best, and behaves as a scikit-learn classifier."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import softmax_jax as sj

STRENGTHS = [1.0, 1e-3, 1e-1]


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def model(iris):
    return sj.SoftmaxRegressionCV(l2_values=STRENGTHS, cv=3).fit(*iris)


def test_the_winner_is_refitted_on_all_rows(iris, model):
    X, y = iris
    found = sj.cross_validate(X, y, STRENGTHS, cv=3)
    assert model.l2_ == found.best_l2
    np.testing.assert_array_equal(model.scores_, found.scores)
    alone = sj.SoftmaxRegression(l2=model.l2_).fit(X, y)
    np.testing.assert_allclose(model.coef_, alone.coef_, atol=1e-12)
    assert model.converged_ and model.duality_gap_ <= 1e-6
    assert model.score(X, y) == alone.score(X, y)


def test_without_refit_the_folds_are_averaged(iris, model):
    mean = sj.SoftmaxRegressionCV(l2_values=STRENGTHS, cv=3, refit=False).fit(*iris)
    np.testing.assert_allclose(mean.params_.W, mean.path_.params.W[:, mean.path_.best].mean(axis=0))
    assert mean.l2_ == model.l2_
    assert np.linalg.norm(mean.coef_ - model.coef_) < 0.3 * np.linalg.norm(model.coef_)


def test_it_is_cloned_pickled_and_piped(iris, model):
    X, y = iris
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    piped = make_pipeline(StandardScaler(), sj.SoftmaxRegressionCV(l2_values=STRENGTHS, cv=3)).fit(X, y)
    assert piped.score(X, y) > 0.95


def test_class_weights_are_sample_weights(iris):
    X, y = iris
    keep = np.concatenate([np.arange(50), np.arange(50, 80), np.arange(100, 120)])
    X, y = X[keep], y[keep]
    of_class = {0: 1.0, 1: 2.0, 2: 3.0}
    one = sj.SoftmaxRegressionCV(l2_values=[1e-2], cv=3, class_weight=of_class).fit(X, y)
    other = sj.SoftmaxRegressionCV(l2_values=[1e-2], cv=3).fit(X, y, sample_weight=[of_class[c] for c in y])
    np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-6)


def test_gradient_descent_is_refused(iris):
    with pytest.raises(ValueError, match="solver must be exact"):
        sj.SoftmaxRegressionCV(solver=sj.SGD()).fit(*iris)


def test_a_fold_without_a_class_warns(iris):
    X, y = iris
    rows = np.r_[0:50, 50:100, 100:103]
    splits = [(np.r_[0:40, 50:90], np.r_[40:50, 90:103]), (np.r_[0:40, 50:103], np.r_[40:50])]
    with pytest.warns(UserWarning, match=r"No row to train on in fold 0 is of \[2\]"):
        sj.SoftmaxRegressionCV(l2_values=[1e-1], cv=splits).fit(X[rows], y[rows])
