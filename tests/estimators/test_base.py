"""Coefficients that are assigned are those of the model, what would be lost is refused; enum labels are scored."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

import softmax_jax as sj

X, Y = load_iris(return_X_y=True)
DATA = {2: (X[50:], Y[50:]), 3: (X, Y)}


@pytest.fixture(params=[2, 3])
def k(request):
    return request.param


def reference(k, coef, intercept):
    """scikit-learn's model with these coefficients."""
    model = LogisticRegression()
    model.classes_, model.coef_, model.intercept_ = np.unique(DATA[k][1]), np.array(coef), np.array(intercept)
    return model


def assigned(k, order=("coef_", "intercept_"), dtype=np.float64):
    rng = np.random.default_rng(k)
    rows = 1 if k == 2 else k
    values = {"coef_": rng.standard_normal((rows, 4)).astype(dtype), "intercept_": rng.standard_normal(rows)}
    values["intercept_"] = values["intercept_"].astype(dtype)
    model = sj.SoftmaxRegression(warm_start=True)
    for name in order:
        setattr(model, name, values[name])
    model.classes_ = np.unique(DATA[k][1])
    return model, values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", [("coef_", "intercept_"), ("intercept_", "coef_")])
def test_coefficients_assigned_before_any_fit_predict_as_scikit_learns(k, order, dtype):
    model, values = assigned(k, order, dtype)
    theirs = reference(k, *values.values())
    for name, value in values.items():
        assert getattr(model, name).dtype == dtype
        np.testing.assert_array_equal(getattr(model, name), value)
    Z, (data, labels) = np.exp(theirs.decision_function(DATA[k][0])), DATA[k]
    P = np.c_[1 / (1 + Z), Z / (1 + Z)] if k == 2 else Z / Z.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(data), P, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(data), theirs.predict(data))
    np.testing.assert_allclose(model.decision_function(data), theirs.decision_function(data), rtol=1e-4, atol=1e-5)
    assert model.score(data, labels) == theirs.score(data, labels)
    assert model.n_features_in_ == 4


def test_params_follow_the_coefficients_and_are_centred(k):
    model, values = assigned(k)
    W, b = model.params_
    assert W.shape == (4, k) and b.shape == (k,)
    if k == 2:
        np.testing.assert_array_equal(W[:, 1] - W[:, 0], values["coef_"][0])
        np.testing.assert_array_equal(W.sum(axis=1), 0)
    else:
        np.testing.assert_array_equal(W.T, values["coef_"])
        np.testing.assert_array_equal(b, values["intercept_"])


def test_what_was_proven_of_other_parameters_is_gone(k):
    model = sj.SoftmaxRegression().fit(*DATA[k])
    assert model.converged_
    model.coef_ = 2 * model.coef_
    assert (model.status_, model.converged_, model.duality_gap_, model.n_iter_) == ("assigned", False, np.inf, 0)
    assert np.isnan(model.objective_) and len(model.history_) == 0


def test_rounds_of_federated_averaging_reach_the_common_optimum():
    """Warm starts from averages of what the clients fitted: with equal clients the fixed point is the fit itself."""
    clients = [sj.SoftmaxRegression(warm_start=True, l2=0.1, tol=1e-12) for _ in range(2)]
    coef, intercept = np.zeros((3, 4)), np.zeros(3)
    for _ in range(2):
        for client in clients:
            client.coef_, client.intercept_ = coef, intercept
            client.fit(X, Y)
        coef = np.mean([client.coef_ for client in clients], axis=0)
        intercept = np.mean([client.intercept_ for client in clients], axis=0)
    theirs = LogisticRegression(C=1 / (0.1 * 150), tol=1e-12, max_iter=10_000).fit(X, Y)
    np.testing.assert_allclose(coef, theirs.coef_, atol=1e-5)
    assert clients[0].converged_ and clients[0].n_iter_ == 0  # the second round starts where the first has ended


def test_writing_into_the_coefficients_fails_and_changes_nothing(k):
    model, values = assigned(k)
    for name in ("coef_", "intercept_"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(model, name)[:] = 0
        with pytest.raises(ValueError, match="read-only"):
            exec(f"model.{name} *= 2")
        np.testing.assert_array_equal(getattr(model, name), values[name])
    model.params_.W[:] = 0  # the parameters themselves may be written to, and both show it
    assert not model.coef_.any()
    copied = model.intercept_.copy()
    copied[:] = 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("coef_", np.zeros((2, 4)), "coef_ must have length 1 for two classes"),
        ("coef_", np.zeros((1, 4)), r"coef_ must have shape \(3, 4\) .* got \(1, 4\)"),
        ("coef_", np.zeros((4, 4)), r"coef_ must have shape \(3, 4\) .* got \(4, 4\)"),
        ("coef_", np.zeros((3, 5)), r"coef_ must have shape \(3, 4\) .* got \(3, 5\)"),
        ("coef_", np.zeros(4), "coef_: Expected 2D array"),
        ("coef_", np.full((3, 4), np.nan), "Input coef_ contains NaN"),
        ("coef_", [["a"] * 4] * 3, "coef_ must hold numbers"),
        ("intercept_", np.zeros(2), "intercept_ must have length 1 for two classes"),
        ("intercept_", 0.5, r"intercept_ must have shape \(3,\) .* got \(\)"),
        ("intercept_", np.zeros((3, 1)), r"intercept_ must have shape \(3,\) .* got \(3, 1\)"),
        ("intercept_", [0, np.inf, 0], "Input intercept_ contains infinity"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(name, value, words):
    model, values = assigned(3)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=words):
        setattr(model, name, value)
    assert all(vars(model)[key] is before[key] for key in before)
    np.testing.assert_array_equal(model.coef_, values["coef_"])


def test_a_number_is_the_intercept_of_two_classes():
    model, _ = assigned(2)
    model.intercept_ = -0.5
    assert model.intercept_.tolist() == [-0.5]


def test_labels_are_needed_and_fit_the_columns():
    model = sj.SoftmaxRegression()
    model.coef_ = np.zeros((3, 4))
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.classes_ = np.arange(4)
    with pytest.raises(ValueError, match="classes_ holds 4 labels for 3 columns"):
        model.predict_proba(X)


def test_an_assigned_model_is_saved_as_such(tmp_path):
    model, values = assigned(3)
    sj.save(model, tmp_path / "model")
    back: Any = sj.load(tmp_path / "model")
    np.testing.assert_array_equal(back.coef_, values["coef_"])
    assert back.status_ == "assigned" and np.isnan(back.objective_)


def test_the_estimator_with_cross_validation_takes_coefficients_too():
    model = sj.SoftmaxRegressionCV()
    model.coef_, model.classes_ = np.eye(3, 4), np.arange(3)
    assert model.predict(np.eye(4)[:3]).tolist() == [0, 1, 2]
    assert model.status_ == "assigned"


Letter: Any = enum.Enum("Letter", {"LIGHT": "a", "LINEN": "b", "LONG": "a longer one"}, type=str)
Number = enum.IntEnum("Number", {"ONE": 5, "TWO": 7, "TEN": 70})


@pytest.mark.parametrize("members", [list(Letter), list(Number)], ids=["str", "int"])
@pytest.mark.parametrize("kind", [list, tuple, lambda labels: np.array(labels, object)], ids=["list", "tuple", "array"])
def test_members_of_an_enum_are_the_values_that_they_equal(members, kind):
    """NumPy would make the str members "L", "L" and "Letter.LONG" of a list: two classes of three."""
    labels = kind([members[i] for i in Y])
    model = sj.SoftmaxRegression().fit(X, labels)
    assert model.classes_.tolist() == sorted(member.value for member in members)
    assert (model.predict(X) == np.array([members[i].value for i in Y], object)).mean() > 0.95
    assert model.score(X, labels) > 0.95
