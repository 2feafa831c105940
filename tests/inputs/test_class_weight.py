"""Class weights are sample weights, whichever labels they name; a class without weight takes no part in a fit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

import softmax_jax as sj
from softmax_jax.estimators.regression import DegenerateDataWarning
from softmax_jax.inputs.class_weight import class_weights

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["a", "b", "c"])[Y]


def test_balanced_class_weights_count_weighted_rows():
    labels, weight = np.array([0, 0, 0, 1]), np.array([1.0, 1.0, 2.0, 1.0])
    np.testing.assert_allclose(class_weights("balanced", labels, np.arange(2), None), [2 / 3, 2 / 3, 2 / 3, 2])
    np.testing.assert_allclose(class_weights("balanced", labels, np.arange(2), weight), [5 / 8, 5 / 8, 5 / 8, 5 / 2])


def test_a_class_that_class_weights_leave_out_weighs_one():
    weights = class_weights({"b": 3}, np.array([0, 1, 1]), np.array(["a", "b"]), None)
    assert weights.tolist() == [1, 3, 3]


@pytest.mark.parametrize(
    "class_weight",
    [
        {"a": 3.0, "b": 0.5, "c": 1.0, "z": 9.0},
        {"a": 3.0, "b": 0.5, "c": 0.0},
        {"b": 0.25},
        {np.str_("c"): np.float32(2)},
        {},
        "balanced",
    ],
)
def test_class_weights_are_those_of_scikit_learn(class_weight):
    ours = class_weights(class_weight, Y, np.array(["a", "b", "c"]), None)
    given = class_weight if isinstance(class_weight, str) else {c: class_weight.get(c, 1.0) for c in "abc"}
    np.testing.assert_allclose(ours, compute_sample_weight(given, NAMES), rtol=1e-14)


@pytest.mark.parametrize(
    "class_weight", [{"z": 1.0}, {"a": 1.0, "b": 1.0, "C": 1.0}, {0: 1.0, 1: 1.0, 2: 1.0}, {"a": 2.0, "z": 1.0}]
)
def test_a_label_of_y_that_is_missing_beside_an_unknown_one_is_refused_as_by_scikit_learn(class_weight):
    with pytest.raises(ValueError, match="class_weight must weigh labels of y"):
        class_weights(class_weight, Y, np.array(["a", "b", "c"]), None)
    with pytest.raises(ValueError, match="not in class_weight"):
        LogisticRegression(class_weight=class_weight, max_iter=1000).fit(X, NAMES)


def without_class_2(model):
    """The probabilities of the other classes, once that of class 2 is seen to be near zero."""
    P = model.predict_proba(X)
    assert P[:, 2].max() < 1e-3
    return P[:, :2]


@pytest.mark.parametrize("solver", ["auto", "lbfgs", "newton-cg"])
def test_a_class_of_weight_zero_is_fitted_with_probability_near_zero(solver):
    settings = {"l2": 0.1, "tol": 1e-9, "solver": solver}
    alone = sj.SoftmaxRegression(**settings).fit(X[:100], Y[:100]).predict_proba(X)
    by_class = sj.SoftmaxRegression(class_weight={2: 0}, **settings).fit(X, Y)
    np.testing.assert_allclose(without_class_2(by_class), alone, atol=1e-3)
    assert by_class.converged_ and by_class.classes_.tolist() == [0, 1, 2]
    with pytest.warns(DegenerateDataWarning, match=r"All rows of \[2\] have sample weight zero"):
        by_sample = sj.SoftmaxRegression(**settings).fit(X, Y, sample_weight=(Y != 2) * 0.7)
    np.testing.assert_allclose(without_class_2(by_sample), alone, atol=1e-3)


def test_a_bias_held_at_zero_has_an_optimum_without_the_class_and_nothing_to_remark():
    model = sj.SoftmaxRegression(fit_intercept=False).fit(X, Y, sample_weight=Y != 2)
    assert model.converged_


def test_class_weights_name_classes_that_do_not_occur():
    all_named = {0: 1.0, 1: 2.0, 2: 3.0}
    model = sj.SoftmaxRegression(l2=0.1, class_weight=all_named).fit(X[:100], Y[:100])
    plain = sj.SoftmaxRegression(l2=0.1).fit(X[:100], Y[:100], sample_weight=1.0 + Y[:100])
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-6)


def test_bags_without_a_rare_class_are_fitted():
    rows = np.r_[0:100, 100:102]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)
        bag = BaggingClassifier(sj.SoftmaxRegression(l2=0.1), n_estimators=6, random_state=0).fit(X[rows], Y[rows])
    lacking = [not (Y[rows][drawn] == 2).any() for drawn in bag.estimators_samples_]
    assert any(lacking) and not all(lacking)
    P = bag.predict_proba(X)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert (bag.predict(X[:100]) == Y[:100]).mean() > 0.95


def test_cross_validation_leaves_a_class_of_weight_zero_out_of_the_fits_and_not_of_the_scores():
    model = sj.SoftmaxRegressionCV(l2_values=[0.1], cv=3, class_weight={2: 0}).fit(X, Y)
    assert model.predict_proba(X)[:, 2].max() < 1e-3
    np.testing.assert_allclose(model.scores_[:, 0], 2 / 3, atol=0.05)  # its rows are held out, and wrong
