"""Paths along l1: each strength certified, counted, ended where it began, and resumed to the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from sparse_reference import Sparse, minimise

import softmax_jax as sj
from softmax_jax.placement import columns
from softmax_jax.solvers import working_sets

N, M, K = 60, 40, 3
groups = pytest.mark.parametrize("group", [None, "features"])


@pytest.fixture(autouse=True)
def _small_sets(monkeypatch):
    monkeypatch.setattr(working_sets, "FEW", 8)
    monkeypatch.setattr(working_sets, "LEAST", 4)
    monkeypatch.setattr(columns, "LEAST_WIDTH", 8)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, M))
    return X, np.argmax(2 * X[:, :3] + rng.gumbel(size=(N, K)), axis=1)


@groups
def test_each_strength_is_certified_and_its_features_are_those_of_an_independent_solver(group, data):
    X, y = data
    path = sj.fit_path(X, y, n_l1=7, group=group, tol=1e-8)
    assert path.status == ["converged"] * 7 and path.duality_gap.max() <= 1e-8
    np.testing.assert_allclose(path.l1_values, np.geomspace(1, 0.01, 7) * sj.l1_max(X, y, group=group), rtol=1e-12)
    for i in (1, 3, 5):
        best = minimise(Sparse(X, np.eye(K)[y], path.l1_values[i], 0.0, group), tol=1e-9)
        np.testing.assert_array_equal(path.params.W[i] != 0, best.W != 0)
        assert -1e-12 <= path.objective[i] - best.objective <= path.duality_gap[i] + 1e-9
        assert path.n_nonzero[i] == np.count_nonzero(best.W)
        assert path.n_features[i] == np.count_nonzero(best.W.any(axis=1))
    assert path.n_features[0] == 0 < path.n_features[-1] and (path.l2_values == 0).all()


def test_an_elastic_net_keeps_the_ratio_of_both_penalties(data):
    X, y = data
    path = sj.fit_path(X, y, l1_values=[0.02, 0.08], l1_ratio=0.4, tol=1e-8)
    np.testing.assert_allclose(path.l1_values / (path.l1_values + path.l2_values), 0.4)
    for i in range(2):
        alone = sj.fit(X, y, l1=path.l1_values[i], l2=path.l2_values[i], tol=1e-8)
        np.testing.assert_allclose(path.params.W[i], alone.params.W, atol=1e-4)
    fixed = sj.fit_path(X, y, l1_values=[0.02, 0.08], l2=0.5, tol=1e-8)
    assert (fixed.l2_values == 0.5).all() and fixed.n_nonzero[0] > fixed.n_nonzero[1]


def test_scores_choose_a_strength_and_a_callback_sees_them_from_strong_to_weak(data):
    X, y = data
    seen = []
    path = sj.fit_path(X, y, n_l1=4, X_val=X, y_val=y, callback=lambda i, found: seen.append(found.l1_values[i]))
    assert seen == sorted(seen, reverse=True) and len(seen) == 4
    assert path.val_accuracy[-1] > path.val_accuracy[0]
    assert "l1=4 from" in repr(path)


def test_a_path_that_was_stopped_goes_on_to_the_same_bits(data, tmp_path):
    X, y = data
    whole = sj.fit_path(X, y, n_l1=6, tol=1e-8)
    half = sj.fit_path(X, y, n_l1=6, tol=1e-8, checkpoint=tmp_path / "path", callback=lambda i, _: i == 3)
    assert half.status[4:] == ["interrupted"] * 2
    resumed = sj.fit_path(X, y, n_l1=6, tol=1e-8, checkpoint=tmp_path / "path")
    np.testing.assert_array_equal(resumed.params.W, whole.params.W)
    np.testing.assert_array_equal(resumed.params.b, whole.params.b)
    np.testing.assert_array_equal(resumed.n_passes, whole.n_passes)


def test_a_strength_takes_fewer_passes_after_others_than_alone(data):
    X, y = data
    path = sj.fit_path(X, y, n_l1=12, tol=1e-8)
    alone = sj.fit(X, y, l1=path.l1_values[-1], l2=0.0, tol=1e-8)
    assert path.n_passes[-1] < alone.n_passes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "l2_values"),
        ({"l1_values": [0.1], "n_l1": 3}, "not both"),
        ({"l1_values": []}, "non-empty"),
        ({"l1_values": [0.1, 0.0]}, "> 0"),
        ({"l1_values": [0.1, np.nan]}, "> 0"),
        ({"l1_values": [0.1, 0.1]}, "more than once"),
        ({"l1_values": ["a"]}, "numbers"),
        ({"l1_values": [0.1], "l1_ratio": 0.0}, "l1_ratio"),
        ({"l1_values": [0.1], "l1_ratio": 1.5}, "l1_ratio"),
        ({"l1_values": [0.1], "l1_ratio": 0.5, "l2": 0.1}, "l2 must be 0"),
        ({"n_l1": 0}, "n_l1"),
        ({"l1_values": [0.1], "group": "rows"}, "group"),
        ({"l1_values": [0.1], "solver": sj.LBFGS()}, "ProximalNewton"),
        ({"l1_values": [0.1], "l2_values": [0.1]}, "l2_values"),
        ({"l2_values": [0.1], "l1_ratio": 0.5}, "l1_ratio"),
        ({"l2_values": [0.1], "group": "features"}, "group"),
        ({"l1_values": [0.1], "prune": "proof", "X_val": np.ones((3, M)), "y_val": [0, 1, 2]}, "proof"),
    ],
)
def test_arguments_that_say_no_path_are_refused_by_name(arguments, words, data):
    X, y = data
    with pytest.raises((ValueError, TypeError), match=words):
        sj.fit_path(X, y, **arguments)


def test_a_path_where_no_feature_tells_classes_apart_says_so():
    with pytest.raises(ValueError, match="no l1 > 0"):
        sj.fit_path(np.ones((4, 2)), [0, 1, 0, 1], n_l1=3)
