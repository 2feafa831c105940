"""Columns of two tables are paired by name: the right numbers are those of the table in the order of the other."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from several_processes import free_port
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

import softmax_jax as sj
from softmax_jax.calibration import temperature_scale
from softmax_jax.conventions import l2_from_sklearn_c
from softmax_jax.data import open_rows
from softmax_jax.distributed.fitting import read_shards
from softmax_jax.inputs.pairing import order, paired, table_names
from softmax_jax.model_selection.protocols import clip
from softmax_jax.model_selection.validation import checked_validation, columns_of
from softmax_jax.statistics import laplace_posterior, predictive

NAMES, BACK = list("abcd"), list("dcba")
rng = np.random.default_rng(5)
X = rng.standard_normal((90, 4)) * [1.0, 3.0, 0.3, 1.0]
Y = np.array(["no", "some", "yes"])[np.argmax(X @ rng.standard_normal((4, 3)) + rng.gumbel(size=(90, 3)), axis=1)]
FRAME = pd.DataFrame(X, columns=NAMES)
TRAIN, HELD = FRAME[:60], FRAME[60:]
L2 = np.array([1e-2, 1e-1, 1.0])
SOFT = 0.8 * np.eye(3)[np.unique(Y, return_inverse=True)[1]] + 0.2 / 3

KINDS = {
    "pandas": lambda frame: frame,
    "pandas nullable": lambda frame: frame.astype("Float64"),
    "polars": lambda frame: pl.DataFrame({name: frame[name].to_numpy() for name in frame}),
    "arrow": lambda frame: pa.table({name: frame[name].to_numpy() for name in frame}),
    "float32": lambda frame: frame.astype(np.float32),
    "numbered names": lambda frame: frame.rename(columns={name: 10 * i for i, name in enumerate(NAMES)}),
    "default numbers": lambda frame: frame.rename(columns={name: i for i, name in enumerate(NAMES)}),
    "pairs of names": lambda frame: frame.set_axis(pd.MultiIndex.from_tuples([(0, n) for n in frame]), axis=1),
}


def judged_by_sklearn(l2):
    """Validation losses and accuracies of scikit-learn's optima on the table in order."""
    for strength in l2:
        C = 1 / (strength * 60)
        assert l2_from_sklearn_c(C, 60, 3) == pytest.approx(strength)
        model = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(TRAIN, Y[:60])
        O = model.predict_proba(HELD)
        yield -np.log(O[np.arange(30), np.searchsorted(model.classes_, Y[60:])]).mean(), model.score(HELD, Y[60:])


@pytest.mark.parametrize("retire", [None, "proof", "validation"])
def test_validation_columns_of_a_path_are_paired_by_name(retire):
    path = sj.fit_path(TRAIN, Y[:60], L2, X_val=HELD[BACK], y_val=Y[60:], tol=1e-10, retire=retire)
    loss, accuracy = np.array(list(judged_by_sklearn(L2))).T
    solved = np.array([status == "converged" for status in path.status])
    assert solved.sum() >= (3 if retire is None else 1)
    np.testing.assert_allclose(path.val_loss[solved], loss[solved], rtol=1e-4)
    np.testing.assert_allclose(path.val_accuracy[solved], accuracy[solved])
    equals = np.flatnonzero(accuracy == accuracy.max())
    assert path.best == equals[np.argmin(path.val_loss[equals])]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_is_paired(kind):
    train, held = KINDS[kind](TRAIN), KINDS[kind](HELD[BACK])
    T, classes = np.zeros(60, np.int32), np.unique(Y)
    found = checked_validation(held, Y[60:], 4, classes, columns_of(train, Y[:60], T, classes))
    assert found is not None
    np.testing.assert_allclose(found[0], X[60:], rtol=1e-6)


def test_tables_of_different_libraries_are_paired():
    found = sj.fit_path(KINDS["polars"](TRAIN), Y[:60], L2, X_val=KINDS["arrow"](HELD[BACK]), y_val=Y[60:])
    expected = sj.fit_path(X[:60], Y[:60], L2, X_val=X[60:], y_val=Y[60:])
    np.testing.assert_array_equal(found.val_loss, expected.val_loss)


def test_a_probe_pairs_by_name_when_it_tunes_and_when_it_fits_again():
    protocol = clip()._replace(strengths=np.array([1e-1, 1.0, 10.0]), coarse=())
    found = sj.linear_probe(TRAIN, Y[:60], HELD[BACK], Y[60:], preset=protocol, tol=1e-10)
    expected = sj.linear_probe(X[:60], Y[:60], X[60:], Y[60:], preset=protocol, tol=1e-10)
    np.testing.assert_array_equal(found.path.val_loss, expected.path.val_loss)
    C = 1 / (found.l2 * 90)
    A = (X - X[:60].mean(axis=0)) / X[:60].std(axis=0)
    theirs = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(A, Y)
    np.testing.assert_allclose(found.result.params.W.T, theirs.coef_, atol=1e-4)


def test_a_strength_is_tuned_on_columns_paired_by_name():
    found = sj.tune_l2(TRAIN, Y[:60], HELD[BACK], Y[60:], steps=2, per_feature=True)
    expected = sj.tune_l2(X[:60], Y[:60], X[60:], Y[60:], steps=2, per_feature=True)
    np.testing.assert_array_equal(found.history, expected.history)
    np.testing.assert_array_equal(found.l2, expected.l2)


def test_rows_of_a_parquet_file_meet_a_frame(tmp_path):
    TRAIN.to_parquet(tmp_path / "rows.parquet", index=False)
    source = open_rows(tmp_path / "rows.parquet", columns=["c", "a", "d", "b"])
    found = sj.fit_path(source, Y[:60], L2[1:], X_val=HELD[BACK], y_val=Y[60:], tol=1e-8)
    expected = sj.fit_path(X[:60], Y[:60], L2[1:], X_val=X[60:], y_val=Y[60:], tol=1e-8)
    np.testing.assert_allclose(found.val_loss, expected.val_loss, rtol=1e-4)


def test_predictions_of_a_posterior_are_of_columns_paired_by_name():
    result = sj.fit(TRAIN, Y[:60], l2=0.1, tol=1e-10)
    posterior = laplace_posterior(result.params, TRAIN, 0.1)
    found = predictive(posterior, HELD[BACK], n_draws=20)
    expected = predictive(laplace_posterior(result.params, X[:60], 0.1), X[60:], n_draws=20)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-10)
    O = np.exp(X[60:] @ result.params.W + result.params.b)
    assert np.abs(found.mean - O / O.sum(axis=1, keepdims=True)).max() < 0.1  # of the same rows
    with pytest.raises(ValueError, match="the X of the posterior alone has d, X alone e"):
        predictive(posterior, HELD.rename(columns={"d": "e"}))


def test_soft_targets_are_paired_by_their_names():
    classes = ["no", "some", "yes"]
    soft = pd.DataFrame(SOFT, columns=classes)
    for y in (soft[:60], Y[:60]):  # with the names of soft targets, and with the labels themselves
        found = sj.fit_path(X[:60], y, [0.1], X_val=X[60:], y_val=soft[60:][["yes", "no", "some"]])
        O = np.exp(X[60:] @ found.params.W[0] + found.params.b[0])
        loss = -(SOFT[60:] * np.log(O / O.sum(axis=1, keepdims=True))).sum(axis=1).mean()
        assert found.val_loss[0] == pytest.approx(loss, rel=1e-6)
    with pytest.raises(ValueError, match="y_val must have the columns of y, .* y alone has yes, y_val alone si"):
        sj.fit_path(X[:60], soft[:60], [0.1], X_val=X[60:], y_val=soft[60:].rename(columns={"yes": "si"}))


def test_net_input_and_soft_targets_are_paired_before_calibration():
    Z = pd.DataFrame(3 * X[:, :3], columns=["no", "some", "yes"])
    soft = pd.DataFrame(SOFT, columns=["no", "some", "yes"])
    expected = temperature_scale(3 * X[:, :3], SOFT)
    assert temperature_scale(Z, soft[["yes", "some", "no"]]) == expected
    assert temperature_scale(Z[["some", "no", "yes"]], soft).temperature == pytest.approx(expected.temperature)


@pytest.mark.parametrize("names", [NAMES, [3, 0, 1, 2]])
def test_a_warm_start_gives_each_column_its_own_weights(names):
    frame = pd.DataFrame(X, columns=names)
    back = frame[names[::-1]]
    settings = {"eta": 0.5, "epochs": 3, "l2": 0.1, "warm_start": True, "random_state": 0}
    model, other = sj.SoftmaxRegression(**settings), sj.SoftmaxRegression(**settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(frame, Y).fit(back, Y)
        other.fit(frame, Y).fit(frame, Y)
    np.testing.assert_allclose(model.params_.W[::-1], other.params_.W, rtol=1e-6)
    assert np.abs(model.params_.W - other.params_.W).max() > 0.1
    with pytest.raises(ValueError, match="must have the columns of X"):
        model.fit(frame.rename(columns={names[0]: type(names[0])(9)}), Y)


def test_predictions_of_numbered_columns_are_paired_too():
    frame = pd.DataFrame(X, columns=[0, 1, 2, 3])
    model = sj.SoftmaxRegression(l2=0.1).fit(frame, Y)
    np.testing.assert_array_equal(model.predict_proba(frame[[3, 2, 1, 0]]), model.predict_proba(X))
    named = sj.SoftmaxRegression(l2=0.1).fit(FRAME, Y)
    with pytest.raises(ValueError, match="same order"):  # scikit-learn's rule for names
        named.predict(FRAME[BACK])


def test_shards_whose_columns_are_in_another_order_are_paired_by_name(tmp_path):
    TRAIN[:30].to_parquet(tmp_path / "X_0.parquet", index=False)
    TRAIN[30:][BACK].to_parquet(tmp_path / "X_1.parquet", index=False)
    expected = sj.fit(X[:60], Y[:60], l2=0.1, tol=1e-9).params.W
    for source in (open_rows(tmp_path), open_rows(tmp_path, columns=NAMES)):
        np.testing.assert_allclose(sj.fit(source, Y[:60], l2=0.1, tol=1e-9).params.W, expected, atol=1e-4)


def test_frames_of_several_shards_are_stacked_by_name():
    parts = {"one": TRAIN[:30], "two": TRAIN[30:][BACK]}
    stacked, labels = read_shards(list(parts), lambda path: (parts[path], np.arange(30)))
    np.testing.assert_array_equal(stacked, X[:60])
    assert len(labels) == 60
    parts["two"] = parts["two"].rename(columns={"a": "z"})
    with pytest.raises(ValueError, match="two must have the columns of one"):
        read_shards(list(parts), lambda path: (parts[path], np.arange(30)))


@pytest.mark.parametrize("call", [sj.fit_path, sj.linear_probe, sj.tune_l2])
def test_other_names_are_refused(call):
    first = (TRAIN, Y[:60], L2) if call is sj.fit_path else (TRAIN, Y[:60])
    for held, words in (
        (HELD.rename(columns={"d": "e"}), "X_val must have the columns of X, .* X alone has d, X_val alone e"),
        (HELD.rename(columns={"d": 7}), "X alone has d, X_val alone 7"),
        (HELD.rename(columns=str.upper), "X alone has a, b, c, d, X_val alone A, B, C, D"),
    ):
        with pytest.raises(ValueError, match=words):
            call(*first, X_val=held, y_val=Y[60:])


@pytest.mark.parametrize(
    ("train", "held", "words"),
    [(TRAIN, X[60:], "X has column names, but X_val has none"), (X[:60], HELD, "X_val has column names, but X has")],
)
def test_names_on_one_side_only_are_warned_of_at_the_users_line(train, held, words):
    expected = sj.fit_path(X[:60], Y[:60], [0.1], X_val=X[60:], y_val=Y[60:])
    with pytest.warns(UserWarning, match=words) as caught:
        found = sj.fit_path(train, Y[:60], [0.1], X_val=held, y_val=Y[60:])
    assert [warning.filename for warning in caught] == [__file__]
    np.testing.assert_array_equal(found.val_loss, expected.val_loss)


def test_columns_may_have_any_names():
    names = ["parts", "shape", "columns", "reader"]
    train, held = FRAME[:60].set_axis(names, axis=1), FRAME[60:].set_axis(names, axis=1)[names[::-1]]
    assert table_names(train) == names
    np.testing.assert_array_equal(paired(held.to_numpy(), held, table_names(train), "X_val"), X[60:])


def test_the_order_of_names():
    assert order(NAMES, NAMES, "one", "two") is None
    assert order(["b", "a"], ["a", "b"], "one", "two") == [1, 0]
    assert order([1, 0, 2], [0, 1, 2], "one", "two") == [1, 0, 2]
    assert order([], [5, 6], "one", "two") is None  # numbers are no names beside none
    assert order([0, 1], [5, 6], "one", "two") is None
    with pytest.raises(ValueError, match="two alone has 5, one alone 7"):
        order([6, 7], [5, 6], "one", "two")
    with pytest.raises(ValueError, match=r"two alone has 0, 1, 2, 3, 4, 5, 6, 7 and 92 more, one alone x"):
        order(["x"], [str(i) for i in range(100)], "one", "two")


PROCESS = """
import sys
import numpy as np, pandas as pd
import jax
from softmax_jax.distributed.fitting import fit_distributed, initialise
port, i = sys.argv[1], int(sys.argv[2])
initialise(f"127.0.0.1:{port}", 2, i, shutdown_timeout_s=20)
names = ["a", "b"] if i == 0 else ["b", "a"]
try:
    fit_distributed(pd.DataFrame(np.eye(2), columns=names), [0, 1], l2=0.1)
except ValueError as error:
    print(error, flush=True)
"""


def test_processes_whose_columns_are_in_another_order_all_refuse():
    port = free_port()
    children = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(port), str(i)], stdout=subprocess.PIPE, text=True)
        for i in range(2)
    ]
    try:
        said = [child.communicate(timeout=120)[0] for child in children]
    finally:
        for child in children:
            child.kill()
    assert all("must agree on column names, got a, b on process 0, b, a on process 1" in words for words in said)
