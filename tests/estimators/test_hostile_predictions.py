"""Predictions from odd input, and what predictions and warm starts refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import NotFittedError

from softmax_jax import Params, SoftmaxRegression, closed_form_gradient, cross_entropy, net_input, softmax

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 3))
Y = RNG.integers(0, 3, 60)
PLAIN = SoftmaxRegression().fit(X, Y)


def test_no_rows_have_no_predictions_and_one_class_has_no_loss():
    params = Params(np.ones((3, 2)), np.zeros(2))
    assert np.shape(softmax(net_input(params, np.zeros((0, 3))))) == (0, 2)
    single = Params(np.ones((3, 1)), np.ones(1))
    assert float(cross_entropy(single, X, np.ones((60, 1)))) == 0
    assert not any(np.any(part) for part in closed_form_gradient(single, X, np.ones((60, 1)), 0.0))
    assert (np.asarray(softmax(net_input(single, X))) == 1).all()


@pytest.mark.parametrize("scale", [1e4, 1e38, 1e150, 1e300, 1.7e308])
@pytest.mark.parametrize("coefficient", [1.0, 1e10])
def test_probabilities_of_huge_logits_sum_to_one(scale, coefficient):
    model = SoftmaxRegression().fit(X, Y)
    model.params_ = Params(coefficient * model.params_.W, model.params_.b)
    rows = scale * (X / np.abs(X).max())
    P, L = model.predict_proba(rows), model.predict_log_proba(rows)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
    assert not np.isnan(L).any() and (L <= 0).all()
    assert not np.isnan(model.decision_function(rows)).any()
    np.testing.assert_array_equal(model.predict(rows), model.classes_[P.argmax(axis=1)])


FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
PREDICT = {
    "permuted columns": (FRAME[["b", "a", "c"]], ValueError, "Feature names must be in the same order"),
    "permuted polars columns": (pl.DataFrame(FRAME[["b", "a", "c"]].to_dict("list")), ValueError, "in the same order"),
    "renamed column": (FRAME.rename(columns={"a": "z"}), ValueError, "Feature names unseen at fit time:\n- z"),
    "missing column": (FRAME[["a", "b"]], ValueError, "Feature names seen at fit time, yet now missing:\n- c"),
    "extra column": (FRAME.assign(d=0.0), ValueError, "Feature names unseen at fit time:\n- d"),
    "array after a frame": (X, UserWarning, "X does not have valid feature names"),
    "NaN": (FRAME.replace(FRAME.iloc[0, 0], np.nan), ValueError, "Input X contains NaN, first in row 0, column 0"),
    "no rows": (FRAME[:0], ValueError, r"0 sample\(s\)"),
    "one dimension": (X[0], ValueError, "Expected 2D array, got 1D array"),
}


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
@pytest.mark.parametrize(("rows", "error", "words"), PREDICT.values(), ids=PREDICT)
def test_predictions_refuse_other_features_than_the_fit_had(rows, error, words, method):
    model = SoftmaxRegression().fit(FRAME, Y)
    with pytest.raises(error, match=words):
        getattr(model, method)(rows)
    with pytest.raises(NotFittedError):
        getattr(SoftmaxRegression(), method)(rows)


def test_another_number_of_features_is_refused():
    for rows in (X[:, :2], np.c_[X, X]):
        words = f"X has {rows.shape[1]} features, but SoftmaxRegression is expecting 3 features as input"
        with pytest.raises(ValueError, match=words):
            PLAIN.predict(rows)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X": X[:, :2]}, "same number of features: 3 in the last fit, 2 now"),
        ({"y": Y + 1}, r"same classes: \[0, 1, 2\] in the last fit, \[1, 2, 3\] now"),
        ({"y": np.where(Y == 2, 3, Y)}, r"same classes: \[0, 1, 2\] in the last fit, \[0, 1, 3\] now"),
        ({"y": np.r_[Y[:59], 7]}, r"same classes: \[0, 1, 2\] in the last fit, \[0, 1, 2, 7\] now"),
        ({"X": X.astype(np.float32)}, "same dtype: float64 in the last fit, float32 now"),
    ],
)
def test_a_warm_start_on_other_data_is_refused(change, words):
    model = SoftmaxRegression(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=words):
        model.fit(**{"X": X, "y": Y} | change)
    np.testing.assert_array_equal(model.coef_, PLAIN.coef_)
