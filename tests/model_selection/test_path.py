"""Every strength of a path is certified and agrees with a fit of its own, however the path is computed."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import softmax_jax as sj
from softmax_jax.placement import budget
from softmax_jax.solvers import batched_passes

STRENGTHS = [1e-2, 1.0, 1e-5, 10.0, 1e-3]  # in no order
TOL = 1e-9


def data(dtype="float64", n=90, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 4)).astype(dtype)
    return X, np.argmax(X[:, :3] + rng.gumbel(size=(n, 3)), axis=1)


def check_paths_agree(a, b):
    assert a.status == b.status == ["converged"] * len(STRENGTHS)
    assert np.abs(a.objective - b.objective).max() <= 2 * TOL
    for i, l2 in enumerate(a.l2_values):
        gaps = a.duality_gap[i] + b.duality_gap[i]
        assert np.linalg.norm(a.params.W[i] - b.params.W[i]) <= 2 * np.sqrt(2 * gaps / l2) + 1e-6


@pytest.fixture(scope="module")
def path():
    X, y = data()
    return sj.fit_path(X[:60], y[:60], STRENGTHS, tol=TOL, X_val=X[60:], y_val=y[60:])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_entry_agrees_with_an_independent_fit_to_its_gap(dtype):
    X, y = data(dtype)
    path = sj.fit_path(X[:60], y[:60], STRENGTHS, tol=TOL)
    assert path.params.W.dtype == dtype
    assert path.l2_values.tolist() == STRENGTHS
    rounded = ["precision_floor" if gap > TOL else "converged" for gap in path.duality_gap]  # to float32 at the end
    assert path.status == (["converged"] * 5 if dtype == "float64" else rounded)
    assert path.duality_gap.max() <= TOL * (1 if dtype == "float64" else 100)
    T = sj.one_hot_encode(y[:60])
    for i, l2 in enumerate(STRENGTHS):
        alone = sj.fit(X[:60].astype(float), y[:60], l2=l2, tol=1e-12)
        assert abs(path.objective[i] - alone.objective) <= path.duality_gap[i] + 1e-12
        exact = sj.Params(*(p.astype(float) for p in path.at(i)))
        assert sj.duality_gap(exact, X[:60], T, l2) <= path.duality_gap[i] + 1e-8


def test_eight_devices_are_one_device(path):
    X, y = data()
    check_paths_agree(path, sj.fit_path(X[:60], y[:60], STRENGTHS, tol=TOL, devices=8))


@pytest.mark.parametrize("solver", [sj.NewtonCG(), sj.Newton()], ids=lambda s: type(s).__name__)
def test_other_exact_solvers_find_the_same_path(path, solver):
    X, y = data()
    check_paths_agree(path, sj.fit_path(X[:60], y[:60], STRENGTHS, tol=TOL, solver=solver))


def test_sparse_features_soft_targets_and_weights_mean_what_they_mean_in_fit(path):
    X, y = data()
    check_paths_agree(path, sj.fit_path(sp.csr_array(X[:60]), y[:60], STRENGTHS, tol=TOL))
    check_paths_agree(path, sj.fit_path(X[:60], np.eye(3)[y[:60]], STRENGTHS, tol=TOL))
    rows = np.concatenate([np.arange(60), np.arange(20)])
    weighted = sj.fit_path(X[:60], y[:60], [1e-2], tol=TOL, sample_weight=1.0 + (np.arange(60) < 20))
    repeated = sj.fit_path(X[rows], y[rows], [1e-2], tol=TOL)
    np.testing.assert_allclose(weighted.params.W, repeated.params.W, atol=1e-4)


def test_without_intercept_the_bias_stays_zero():
    X, y = data()
    path = sj.fit_path(X, y, [1e-2], fit_intercept=False)
    assert path.status == ["converged"]
    np.testing.assert_array_equal(path.params.b, 0)


def test_validation_scores_are_those_of_the_parameters(path):
    X, y = data()
    for i in range(len(STRENGTHS)):
        loss = float(sj.cross_entropy(path.at(i), X[60:], np.eye(3)[y[60:]]))
        accuracy = float((np.asarray(sj.to_classlabel(sj.net_input(path.at(i), X[60:]))) == y[60:]).mean())
        assert path.val_loss[i] == pytest.approx(loss, abs=1e-12)
        assert path.val_accuracy[i] == accuracy
    assert path.val_accuracy[path.best] == path.val_accuracy.max()
    assert path.val_loss[path.best_by("loss")] == path.val_loss.min()
    equals = path._replace(val_accuracy=np.ones(5))
    assert equals.best == np.argmin(path.val_loss)
    assert equals._replace(val_loss=np.ones(5)).best_l2 == 10.0


def test_a_zero_strength_has_no_certificate_and_is_solved_all_the_same():
    X, y = data()
    path = sj.fit_path(X, y, [0.0, 1e-3])
    assert path.status == ["converged", "converged"]
    assert path.duality_gap[0] == np.inf
    assert path.objective[0] < path.objective[1]


@pytest.mark.optimised
def test_a_second_path_compiles_nothing():
    X, y = data()
    sj.fit_path(X[:60], y[:60], STRENGTHS, tol=TOL)
    compiled = batched_passes.run.count()
    sj.fit_path(X[:60] + 1, y[:60], [3e-2, 5.0, 1e-4], tol=1e-6)
    assert batched_passes.run.count() == compiled


def test_a_path_costs_less_than_its_fits_alone():
    X, y = data(n=300)
    strengths = np.geomspace(1e-5, 1.0, 12)
    path = sj.fit_path(X, y, strengths, tol=1e-8, solver=sj.LBFGS())
    alone = sum(sj.fit(X, y, l2=l2, tol=1e-8, solver=sj.LBFGS()).n_passes for l2 in strengths)
    assert path.n_passes.sum() < alone


def test_a_callback_stops_the_path_and_what_was_not_run_says_so():
    X, y = data()
    seen = []
    path = sj.fit_path(X, y, STRENGTHS, callback=lambda i, _: seen.append(i) or len(seen) == 2)
    assert seen == [3, 1]
    assert [path.status[i] for i in (3, 1)] == ["converged", "converged"]
    assert path.status.count("interrupted") == 3
    assert np.isnan(path.params.W[2]).all() and path.duality_gap[2] == np.inf


def test_ctrl_c_keeps_what_is_solved():
    X, y = data()

    def interrupt(i, result):
        raise KeyboardInterrupt

    path = sj.fit_path(X, y, STRENGTHS, callback=interrupt)
    assert path.status[3] == "converged"
    assert path.status.count("interrupted") == 4


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"l2_values": []}, "l2_values must be a non-empty"),
        ({"l2_values": [1.0, -1.0]}, "l2_values must be >= 0, got -1"),
        ({"l2_values": [1.0, np.nan]}, "l2_values must be >= 0, got nan"),
        ({"l2_values": [1.0, 2.0, 1.0]}, "l2_values must all be different, got 1 more than once"),
        ({"y_val": [0]}, "got no X_val"),
        ({"X_val": np.zeros((1, 4)), "y_val": [7]}, "y_val: y must hold the labels 0, 1, 2, got 7"),
        ({"X_val": np.zeros((1, 3)), "y_val": [0]}, "X_val has 3 features"),
        ({"solver": sj.SGD()}, "solver must be None or an exact solver"),
        ({"solver": "adam"}, "solver must be None or an exact solver"),
        ({"retire": "luck"}, "retire must be one of .* got 'luck'"),
        ({"prune": "luck"}, "prune must be one of .* got 'luck'"),
        ({"prune": "proof", "retire": "validation"}, "prune and retire, its former name, must not differ"),
        ({"retire": "proof"}, "needs X_val and y_val"),
        ({"tol": 0}, "'tol' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
    ],
)
def test_bad_input_is_named(settings, words):
    X, y = data()
    with pytest.raises(ValueError, match=words):
        sj.fit_path(X, y, **{"l2_values": [1.0], **settings})


def test_sweeps_and_folds_by_blocks_of_rows_are_those_with_stored_logits(path, monkeypatch):
    X, y = data()
    whole = sj.cross_validate(X[:60], y[:60], STRENGTHS[:2], tol=TOL, cv=3)
    monkeypatch.setattr(budget, "chosen_rows", lambda *args: 16)
    check_paths_agree(path, sj.fit_path(X[:60], y[:60], STRENGTHS, tol=TOL))
    blocks = sj.cross_validate(X[:60], y[:60], STRENGTHS[:2], tol=TOL, cv=3)
    assert blocks.status == whole.status == [["converged"] * 2] * 3
    assert np.abs(blocks.objective - whole.objective).max() <= 2 * TOL
