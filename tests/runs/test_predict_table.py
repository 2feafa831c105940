"""What the saved model of a run predicts, and the table of it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from softmax_jax.data import load_named
from softmax_jax.data.rows.iterable import rows_of_array
from softmax_jax.data.rows.reading import in_memory
from softmax_jax.fitting.single import fit
from softmax_jax.model_files.files import load, save
from softmax_jax.prediction import host_net_input, host_softmax
from softmax_jax.runs import predict_table
from softmax_jax.runs.artifacts import fitted_model
from softmax_jax.runs.predict_table import Predictions, feature_names, write_predictions
from softmax_jax.runs.training import predict, train

pd = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def runs():
    """Runs on iris, standardised and not; the same shape, so one compilation."""
    data = load_named("iris")
    weights = np.where(data.y == "setosa", 2.0, 1.0)
    return {
        "standardised": train(data, test=0, l2=1e-3),
        "plain": train(data, test=0, standardise=False, l2=1e-3),
        "weighted": train(data._replace(weights=weights), test=0, l2=1e-3),
    }


@pytest.mark.parametrize("kind", ["standardised", "plain", "weighted"])
def test_the_saved_model_applies_the_standardisation_of_the_run(runs, kind, tmp_path):
    run = runs[kind]
    save(fitted_model(run), tmp_path / "m.safetensors")
    model = load(tmp_path / "m.safetensors")
    found = predict_table.predict(model, run.data.X)
    expected = host_softmax(host_net_input(run.result.params, run.split.X_train))
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-9)
    np.testing.assert_array_equal(found.labels, predict(run.result, run.split.X_train))
    assert feature_names(model) == run.data.feature_names


@pytest.fixture(scope="module")
def narrow_runs():
    """A run on iris in float16 in memory, and one on the same rows read by blocks."""
    data, settings = load_named("iris"), {"test": 0, "l2": 1e-3, "tol": 1e-7}
    X = data.X.astype(np.float16)
    return X, [train(data._replace(X=rows), **settings) for rows in (X, rows_of_array(X))]


def test_the_saved_model_predicts_for_rows_of_16_bits_what_the_fit_was_judged_by(narrow_runs):
    X, runs = narrow_runs
    for run in runs:
        expected = host_softmax(host_net_input(run.result.params, in_memory(run.split.X_train)))
        for rows in (X, rows_of_array(X)):
            (found,) = predict_table.predict_blocks(fitted_model(run), rows)
            np.testing.assert_allclose(found.probabilities, expected, atol=2e-6)
            np.testing.assert_array_equal(found.labels, predict(run.result, run.split.X_train))


def test_rows_of_16_bits_are_fitted_alike_in_memory_and_by_blocks(narrow_runs):
    stored, streamed = narrow_runs[1]
    assert stored.split.X_train.dtype == streamed.split.X_train.dtype == np.float32
    np.testing.assert_allclose(stored.split.X_train, in_memory(streamed.split.X_train), atol=1e-6)
    assert abs(stored.summary["cost"] - streamed.summary["cost"]) <= 2e-7
    assert stored.summary["accuracy_train"] == streamed.summary["accuracy_train"]


def test_sample_weights_count_for_the_scaling_and_the_cost(runs):
    run = runs["weighted"]
    rows = np.repeat(np.arange(150), np.where(run.data.y == "setosa", 2, 1))
    np.testing.assert_allclose(run.split.mean, run.data.X[rows].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(run.split.scale, run.data.X[rows].std(axis=0), rtol=1e-12)
    assert run.summary["weighted"]
    assert abs(run.summary["cost"] - runs["standardised"].summary["cost"]) > 1e-3


def test_results_and_params_predict_by_position(runs):
    result = runs["standardised"].result
    X = runs["standardised"].split.X_train
    by_result, by_params = predict_table.predict(result, X), predict_table.predict(result.params, X)
    np.testing.assert_array_equal(by_result.labels, result.classes[by_params.labels])
    assert by_params.classes.tolist() == [0, 1, 2]
    assert feature_names(result) == feature_names(result.params) == ("0", "1", "2", "3")


PREDICTIONS = Predictions(np.array(["a,b", "c"]), np.array(["a,b", "c"]), np.array([[0.9, 0.1], [1 / 3, 2 / 3]]))


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.parquet"])
def test_the_table_holds_what_was_predicted_to_the_last_bit(tmp_path, name):
    path = tmp_path / name
    columns = write_predictions(path, PREDICTIONS, proba=True)
    read = pd.read_parquet if name.endswith("parquet") else pd.read_csv
    frame = read(path, **({"sep": "\t"} if name == "p.tsv" else {}))
    assert columns == list(frame) == ["prediction", "probability_a,b", "probability_c"]
    assert frame["prediction"].tolist() == ["a,b", "c"]
    np.testing.assert_array_equal(frame[columns[1:]], PREDICTIONS.probabilities)


def test_without_proba_there_is_one_column_and_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("old" * 1000)
    assert write_predictions(path, PREDICTIONS) == ["prediction"]
    assert path.read_text() == 'prediction\n"a,b"\nc\n'


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"softmax_jax\[data\]"):
        write_predictions(tmp_path / "p.parquet", PREDICTIONS)
    assert not (tmp_path / "p.parquet").exists()


def test_a_run_that_was_stopped_at_once_is_a_model_too():
    run = train(load_named("iris"), test=0, l2=1e-3, callback=lambda progress: True, tol=1e-14)
    assert run.result.status == "interrupted"
    assert fitted_model(run)[-1].status_ == "interrupted"


def test_the_result_of_the_run_is_that_of_fit(runs):
    split = runs["weighted"].split
    again = fit(split.X_train, split.y_train, l2=1e-3, sample_weight=split.weights)
    np.testing.assert_array_equal(again.params.W, runs["weighted"].result.params.W)
