"""A probe of rows that are read by blocks is the probe in memory, whatever is asked of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from streamed_cases import Case

import softmax_jax as sj
from softmax_jax.data import open_rows
from softmax_jax.data.rows.reading import some_rows
from softmax_jax.probing.rows import rows_of
from softmax_jax.probing.streamed_rows import streamed_rows_of

CASE = Case(np.float64)
SETTINGS = {"l2_values": [1e-2, 1.0], "tol": 1e-9}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("probe") / "X.npy"
    np.save(path, CASE.X)
    return open_rows(path)


def check_alike(streamed, stored):
    assert streamed.status == stored.status == "converged"
    assert (streamed.best, streamed.n_val, streamed.l2) == (stored.best, stored.n_val, stored.l2)
    np.testing.assert_allclose(streamed.path.val_loss, stored.path.val_loss, atol=1e-4)
    np.testing.assert_array_equal(streamed.path.val_accuracy, stored.path.val_accuracy)
    np.testing.assert_allclose(streamed.train_loss, stored.train_loss, atol=1e-4)
    assert abs(streamed.result.objective - stored.result.objective) <= 2e-9


@pytest.mark.parametrize("more", [{}, {"normalise": True, "seed": 3}, {"standardise": False}])
def test_the_probe_is_that_in_memory(source, more):
    check_alike(*(sj.linear_probe(X, CASE.y, **SETTINGS, **more) for X in (source, CASE.X)))


def test_folds_of_streamed_rows_are_those_in_memory(source):
    check_alike(*(sj.linear_probe(X, CASE.y, folds=2, **SETTINGS) for X in (source, CASE.X)))


@pytest.mark.parametrize("standardise", [True, False])
def test_folds_of_rows_that_a_split_drew_are_those_in_memory(source, standardise):
    rows = np.random.default_rng(1).permutation(len(CASE.y))
    how = {"folds": 2, "standardise": standardise, **SETTINGS}
    streamed = sj.linear_probe(some_rows(source, rows), CASE.y, **how)
    check_alike(streamed, sj.linear_probe(CASE.X[rows], CASE.y[rows], **how))


@pytest.mark.parametrize("streamed", ["X", "X_val", "both"])
def test_validation_rows_may_be_streamed_or_not(source, streamed):
    X, X_val = (source if streamed in (name, "both") else CASE.X for name in ("X", "X_val"))
    found = sj.linear_probe(X, CASE.y, X_val, CASE.y, **SETTINGS)
    check_alike(found, sj.linear_probe(CASE.X, CASE.y, CASE.X, CASE.y, **SETTINGS))
    np.testing.assert_allclose(found.predict_proba(source), found.predict_proba(CASE.X), rtol=1e-12)
    assert found.score(source, CASE.y) == found.score(CASE.X, CASE.y)


def test_rows_and_scaling_are_those_of_the_same_seed(source):
    how = {"held_out": 0.1, "seed": 5, "standardise": True, "normalise": False}
    stored = rows_of(CASE.X, CASE.y, None, None, **how)
    streamed = streamed_rows_of(source, None, (source, CASE.y), (None, None), **how)
    np.testing.assert_allclose(streamed.preparation.scaling.mean, stored.preparation.scaling.mean, rtol=1e-12)
    for rows, whole in ((streamed.train.X, stored.train.X), (streamed.X_val, stored.X_val)):
        found = np.empty(rows.shape)
        with rows.reader(50) as fill:
            fill(found)
        np.testing.assert_allclose(found[np.lexsort(found.T)], whole[np.lexsort(whole.T)], rtol=1e-10)


def test_labels_among_the_features_of_a_parquet_file_are_refused(tmp_path):
    table = {f"x{j}": CASE.X[:, j] for j in range(3)} | {"leak": CASE.y * 0.5 + 0.25}
    pq.write_table(pa.table(table), tmp_path / "X.parquet")
    with pytest.raises(ValueError, match="leak"):
        sj.linear_probe(open_rows(tmp_path / "X.parquet"), CASE.y, **SETTINGS)
    chosen = open_rows(tmp_path / "X.parquet", columns=["x0", "x1", "x2", "leak"])
    assert sj.linear_probe(chosen, CASE.y, **SETTINGS).status == "converged"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"y": CASE.y[:5]}, r"y must hold one label per row of X, got shape \(5,\) for 300 rows"),
        ({"X_val": CASE.X}, "X_val and y_val must be given together"),
        ({"X_val": CASE.X, "y_val": CASE.y[:5]}, "y_val must hold one label per row of X_val"),
        ({"X_val": CASE.X[:, :2], "y_val": CASE.y}, "X_val has 2 features, but the rows trained on have 4"),
        ({"X_val": CASE.X, "y_val": CASE.y + 1}, "got 3 in y_val alone"),
        ({"prune": "proof"}, "prune='proof' needs X in memory"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(source, arguments, words):
    with pytest.raises(ValueError, match=words):
        sj.linear_probe(**{"X": source, "y": CASE.y, **arguments}, **SETTINGS)


def test_sparse_rows_beside_streamed_ones_are_refused(source):
    with pytest.raises(TypeError, match="X_val must be dense, or a source of rows"):
        sj.linear_probe(source, CASE.y, sp.csr_array(CASE.X), CASE.y, **SETTINGS)
