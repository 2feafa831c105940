"""SoftmaxRegression among scikit-learn's tools: layout, agreement, selection, copies, data frames and JAX arrays."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading

import jax
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from softmax_jax import LBFGS, SoftmaxRegression, fit, objective, one_hot_encode

X, Y = load_iris(return_X_y=True)
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]
DATA = {2: (X[50:], Y[50:]), 3: (X, Y)}


@pytest.mark.parametrize("solver", ["auto", "lbfgs", "newton-cg"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("k", [2, 3])
def test_coefficients_agree_with_logistic_regression(k, fit_intercept, solver):
    X, y = DATA[k]
    C = 0.7
    theirs = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, fit_intercept=fit_intercept).fit(X, y)
    l2 = (2 if k == 2 else 1) / (C * len(y))
    ours = SoftmaxRegression(l2=l2, tol=1e-13, solver=solver, fit_intercept=fit_intercept).fit(X, y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_predictions_follow_from_the_coefficients_as_in_scikit_learn(k):
    X, y = DATA[k]
    model = SoftmaxRegression().fit(X, y)
    Z = X @ model.coef_.T + model.intercept_
    if k == 2:
        assert model.coef_.shape == (1, 4) and model.intercept_.shape == (1,)
        P = np.column_stack([1 / (1 + np.exp(Z)), 1 / (1 + np.exp(-Z))])
        labels, Z = model.classes_[(Z[:, 0] > 0).astype(int)], Z[:, 0]
    else:
        assert model.coef_.shape == (3, 4) and model.intercept_.shape == (3,)
        P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
        labels = model.classes_[Z.argmax(axis=1)]
    np.testing.assert_allclose(model.decision_function(X), Z, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.predict_proba(X), P, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(P), rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(model.predict(X), labels)
    assert model.score(X, y) == (labels == y).mean()


def test_the_fitted_attributes_state_the_objective_and_its_proof():
    model = SoftmaxRegression(l2=1e-3, tol=1e-8).fit(X, Y)
    J = float(objective(model.params_, X, np.asarray(one_hot_encode(Y), np.float64), 1e-3))
    assert model.objective_ == pytest.approx(J, abs=1e-12)
    assert 0 <= model.duality_gap_ <= 1e-8
    assert model.converged_ and model.status_ == "converged"
    assert len(model.history_) == model.n_iter_ > 0
    assert model.n_features_in_ == 4


def test_a_pipeline_is_tuned_by_grid_search():
    pipeline = make_pipeline(StandardScaler(), SoftmaxRegression())
    search = GridSearchCV(pipeline, {"softmaxregression__l2": [1.0, 1e-3]}, cv=3, error_score="raise").fit(X, Y)
    assert search.best_params_ == {"softmaxregression__l2": 1e-3}
    assert search.score(X, Y) > 0.95


def test_a_transformer_before_it_hands_feature_names_on():
    pipeline = make_pipeline(StandardScaler(), SoftmaxRegression()).set_output(transform="pandas")
    pipeline.fit(pd.DataFrame(X, columns=NAMES), Y)
    assert pipeline[-1].feature_names_in_.tolist() == NAMES


def test_worker_processes_compute_the_same_scores():
    estimator = SoftmaxRegression(l2=1e-2)
    np.testing.assert_array_equal(
        cross_val_score(estimator, X, Y, cv=4, n_jobs=2), cross_val_score(estimator, X, Y, cv=4)
    )


def test_it_is_calibrated_without_retraining_the_labels():
    calibrated = CalibratedClassifierCV(SoftmaxRegression(l2=1.0), cv=3).fit(X, Y)
    P = calibrated.predict_proba(X)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert (calibrated.predict(X) == Y).mean() > 0.9


def test_a_fold_that_lacks_a_class_predicts_the_classes_it_saw():
    with pytest.warns(RuntimeWarning, match="Number of classes in training fold"):
        P = cross_val_predict(SoftmaxRegression(), X, Y, cv=KFold(3), method="predict_proba")
    assert (P[np.arange(150), Y] == 0).all()  # each third of the rows is a class, unseen by its model
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert cross_val_score(SoftmaxRegression(), X, Y, cv=KFold(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_predicts_the_same_and_stays_float64(copied):
    model = SoftmaxRegression().fit(X, Y)
    other = copied(model)
    assert other.coef_.dtype == np.float64
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    other.params_.W[:] = 0
    assert model.coef_.any()


def test_a_clone_has_the_parameters_and_not_the_fit():
    model = SoftmaxRegression(l2=0.5, eta=0.1, epochs=3, class_weight={0: 2.0}, random_state=4)
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    with pytest.raises(Exception, match="not fitted"):
        check_is_fitted(twin)


def test_sample_weight_is_routed_by_metadata():
    weight = np.where(Y == 0, 5.0, 1.0)
    folds = KFold(3, shuffle=True, random_state=0)
    with config_context(enable_metadata_routing=True):
        estimator = SoftmaxRegression(l2=0.1).set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        routed = cross_validate(estimator, X, Y, cv=folds, params={"sample_weight": weight}, return_estimator=True)
    for model, (train, _) in zip(routed["estimator"], folds.split(X), strict=True):
        expected = SoftmaxRegression(l2=0.1).fit(X[train], Y[train], weight[train])
        np.testing.assert_array_equal(model.coef_, expected.coef_)
        assert np.abs(model.coef_ - SoftmaxRegression(l2=0.1).fit(X[train], Y[train]).coef_).max() > 1e-3


FRAMES = {
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "pandas nullable": lambda X: pd.DataFrame(X, columns=NAMES).convert_dtypes(),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
    "arrow": lambda X: pl.DataFrame(X, schema=NAMES).to_arrow(),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_data_frame_gives_the_same_model_and_its_column_names(frame):
    model = SoftmaxRegression().fit(frame(X), Y)
    plain = SoftmaxRegression().fit(X, Y)
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    np.testing.assert_array_equal(model.predict_proba(frame(X)), plain.predict_proba(X))
    assert model.feature_names_in_.tolist() == NAMES
    assert model.feature_names_in_.dtype == object


@pytest.mark.parametrize("series", [pd.Series, pl.Series, list, np.asarray])
def test_labels_and_weights_may_be_any_series(series):
    weight = 1.0 + Y
    model = SoftmaxRegression().fit(X, series(Y.tolist()), sample_weight=series(weight.tolist()))
    np.testing.assert_array_equal(model.coef_, SoftmaxRegression().fit(X, Y, weight).coef_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_jax_array_is_never_copied_to_the_host(dtype, monkeypatch):
    X, y = np.tile(load_iris().data, (8, 1)), np.tile(Y, 8)  # of more rows than the spread of columns is told from
    with jax.enable_x64(True):
        X_jax = jax.block_until_ready(jax.numpy.asarray(X, dtype))
    expected = SoftmaxRegression().fit(X.astype(dtype), y)
    expected_P = expected.predict_proba(X.astype(dtype))
    to_host = []

    def spy(convert):
        def spied(value, *args, **kwargs):
            if isinstance(value, jax.Array) and value.size >= X.size:
                to_host.append(value.shape)
            return convert(value, *args, **kwargs)

        return spied

    for owner, name in ((np, "asarray"), (np, "array"), (np, "ascontiguousarray"), (jax, "device_get")):
        monkeypatch.setattr(owner, name, spy(getattr(owner, name)))
    np.asarray(X_jax)
    assert to_host == [X.shape]  # the spy sees what it should
    to_host.clear()
    model = SoftmaxRegression().fit(X_jax, y)
    P = model.predict_proba(X_jax)
    assert to_host == []
    monkeypatch.undo()
    assert model.coef_.dtype == dtype
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    np.testing.assert_allclose(P, expected_P, rtol=0, atol=10 * np.finfo(dtype).eps)


def test_a_jax_array_stays_on_its_device():
    device = jax.devices()[3]
    X_jax = jax.device_put(np.tile(X, 4)[:, :13].astype(np.float32), device)
    seen = set()

    def look(_):
        seen.update(*(array.devices() for array in jax.live_arrays() if array.ndim == 2 and 13 in array.shape))

    result = fit(X_jax, Y, solver=LBFGS(), callback=look)
    assert seen == {device}
    np.testing.assert_array_equal(result.params.W, fit(np.asarray(X_jax), Y, solver=LBFGS()).params.W)
    assert SoftmaxRegression(solver="lbfgs").fit(X_jax, Y).score(X_jax, Y) > 0.95


def test_rows_sharded_over_devices_give_the_same_model():
    mesh = jax.make_mesh((8,), ("rows",))  # Explicit axes: the default
    rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("rows"))
    X_jax = jax.device_put(X[:144].astype(np.float32), rows)
    model = SoftmaxRegression(solver="lbfgs", l2=1e-2, tol=1e-10).fit(X_jax, Y[:144])
    alone = SoftmaxRegression(solver="lbfgs", l2=1e-2, tol=1e-10).fit(X[:144].astype(np.float32), Y[:144])
    np.testing.assert_allclose(model.coef_, alone.coef_, atol=1e-4)


@pytest.mark.parametrize(
    "setting",
    [
        lambda: jax.numpy_dtype_promotion("strict"),
        lambda: jax.transfer_guard("disallow"),
        lambda: jax.debug_nans(True),
        lambda: jax.enable_x64(True),
    ],
    ids=["strict promotion", "transfer guard", "debug nans", "x64"],
)
def test_a_users_own_jax_settings_change_nothing(setting):
    X_jax = jax.numpy.asarray(X, np.float32)
    expected = SoftmaxRegression(solver="lbfgs").fit(X_jax, Y)
    with setting():
        model = SoftmaxRegression(solver="lbfgs").fit(X_jax, Y)
        P = model.predict_proba(X_jax)
        SoftmaxRegression().fit(X, Y)
        SoftmaxRegression(eta=0.1, epochs=500, tol=1.0).fit(X, Y)
    assert model.coef_.dtype == np.float32
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    np.testing.assert_allclose(P, expected.predict_proba(X_jax), atol=1e-6)


def test_forty_threads_fit_what_one_fits():
    expected = {dtype: SoftmaxRegression().fit(X.astype(dtype), Y).coef_ for dtype in (np.float32, np.float64)}
    same = []

    def work(dtype):
        same.append(np.array_equal(SoftmaxRegression().fit(X.astype(dtype), Y).coef_, expected[dtype]))

    threads = [threading.Thread(target=work, args=(dtype,)) for dtype in 20 * (np.float32, np.float64)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert same == 40 * [True]


def test_a_forked_process_is_told_to_start_otherwise():
    script = """
import os
import numpy as np
from softmax_jax import SoftmaxRegression
model = SoftmaxRegression().fit(np.eye(4), [0, 1, 0, 1])
if os.fork() == 0:
    print(model.predict(np.eye(4)).tolist(), flush=True)
    try:
        SoftmaxRegression().fit(np.eye(4), [0, 1, 0, 1])
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
print(os.wait()[1], flush=True)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=120)
    prediction, message, status = done.stdout.splitlines()
    assert (prediction, status) == ("[0, 1, 0, 1]", "0")
    assert "forked" in message and "'spawn', 'forkserver'" in message
