"""Presets are what their sources say; a probe tunes, counts its peaks and fits the winner again."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

import softmax_jax as sj
from softmax_jax.display.user_warnings import NotConvergedWarning, SpreadWarning
from softmax_jax.model_selection.protocols import PRESETS, clip, dinov2, simclr
from softmax_jax.runs.stratified import stratified_rows


def data(n=120, m=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, m))
    return X, np.argmax(1.5 * X[:, :3] + rng.gumbel(size=(n, 3)), axis=1)


def test_presets_have_the_strengths_of_their_sources():
    assert len(clip().strengths) == 97
    np.testing.assert_allclose(clip().strengths[list(clip().coarse)], [1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6])
    np.testing.assert_allclose(dinov2().strengths, 10 ** np.linspace(-6, 5, 45))
    np.testing.assert_allclose(simclr().strengths[[0, -1]], [1e-6, 1e5])
    assert len(simclr().strengths) == 45
    assert all(preset().refit_on_all and preset().source for preset in PRESETS.values())


def test_presets_convert_to_the_optimum_of_their_convention():
    X, y = data()
    j, n = 44 // 2, len(y)
    C = dinov2().strengths[j]
    theirs = LogisticRegression(C=C, tol=1e-10, max_iter=5000).fit(X, y)
    ours = sj.fit(X, y, l2=float(dinov2().l2(n, 3)[j]), tol=1e-12)
    np.testing.assert_allclose(ours.params.W.T, theirs.coef_, atol=1e-5)
    assert clip().l2(n, 3)[48] == pytest.approx(1 / n)  # lambda = 1 on a sum of n losses
    assert simclr().l2(n, 3)[0] == pytest.approx(2e-6 / n)  # without the half


FEW = dinov2()._replace(strengths=np.logspace(-3, 1, 3))


@pytest.fixture(scope="module")
def probed():
    X, y = data()
    X_val, y_val = data(seed=1)
    return sj.linear_probe(X, y, X_val, y_val, preset="clip")


def test_a_peak_search_ends_at_a_peak_of_the_finest_grid(probed):
    # 7 coarse points, then at most 2 for each of the steps 8, 4, 2, 1
    assert len(probed.path.l2_values) <= 7 + 2 * 4
    assert set(probed.path.status) == {"converged"}
    i = int(np.flatnonzero(clip().strengths == probed.strengths[probed.best])[0])
    tried = np.flatnonzero(np.isin(clip().strengths, probed.strengths))
    assert {max(i - 1, 0), min(i + 1, 96)} <= set(tried)
    assert probed.best in probed.peaks
    assert probed.n_fits == len(probed.path.l2_values) + 1


def test_the_winner_is_fitted_on_training_and_validation_rows(probed):
    X, y = data()
    X_val, y_val = data(seed=1)
    l2 = probed.strengths[probed.best] / 240  # the same lambda, twice the samples
    both = np.vstack([X, X_val])
    alone = sj.fit((both - X.mean(axis=0)) / X.std(axis=0), np.concatenate([y, y_val]), l2=l2)
    assert probed.result.status == "converged"
    assert probed.l2 == pytest.approx(l2)
    assert abs(alone.objective - probed.result.objective) <= 2e-6


def test_columns_are_standardised_unless_they_are_not_to_be():
    X, y = data()
    scales = np.array([1, 1e-3, 1e3, 1, 1, 1e4])
    plain, scaled = (sj.linear_probe(A, y, preset=FEW) for A in (X, X * scales))
    np.testing.assert_allclose(scaled.path.val_loss, plain.path.val_loss, atol=1e-5)
    assert scaled.score(X * scales, y) == plain.score(X, y)
    assert "clip itself takes them as they are" in str(plain._replace(protocol=clip()))
    with pytest.warns(SpreadWarning, match="standardise=True"):
        left = sj.linear_probe(X * scales, y, preset=FEW, standardise=False)
    assert left.preparation.scaling is None and "features as they are" in str(left)


def test_equal_accuracies_are_told_apart_by_the_loss_and_the_rows_are_counted():
    X, y = data()
    rows = [np.flatnonzero(y == label)[:3] for label in range(3)]
    held = np.concatenate(rows)
    probe = sj.linear_probe(X, y, X[held], y[held], l2_values=np.logspace(-3, 1, 5))
    equal = np.flatnonzero(probe.path.val_accuracy == probe.path.val_accuracy.max())
    assert len(equal) > 1
    assert probe.best == equal[np.argmin(probe.path.val_loss[equal])]
    assert probe.n_val == 9 and 0.05 < probe.standard_error < 0.2
    assert f"({9} rows)" in str(probe) and "the least validation loss decides" in str(probe)
    assert probe.n_within >= len(equal)


def test_a_strength_that_did_not_converge_is_warned_of():
    X, y = data()
    with pytest.warns(NotConvergedWarning, match="fits did not converge"):
        assert sj.linear_probe(X, y, preset=FEW, max_iter=1, tol=1e-12).status == "max_iter"


def test_without_validation_rows_a_tenth_is_held_out():
    X, y = data()
    told = []
    probe = sj.linear_probe(X, y, preset=FEW, callback=told.append)
    assert [(p.n_fits, p.most, p.val_accuracy) for p in told] == [
        (i + 1, 3, accuracy) for i, accuracy in enumerate(probe.path.val_accuracy)
    ]
    assert [p.strength for p in told] == probe.strengths.tolist()
    assert [p.status for p in told] == ["converged"] * 3 and told[0].is_best
    assert all(p.left_s >= 0 for p in told)
    assert len(probe.path.l2_values) == 3
    np.testing.assert_allclose(probe.path.l2_values, FEW.l2(108, 3))  # ascending C: strong to weak
    assert probe.result.params.W.shape == (6, 3)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(probe.train_accuracy, probe.path.val_accuracy)
    train, _ = stratified_rows(y, 12, 0)
    A = probe.preparation.apply(X[train])
    last = probe.path.at(2)
    assert probe.train_accuracy[2] == ((A @ last.W + last.b).argmax(axis=1) == y[train]).mean()


def test_folds_score_every_row_once_and_agree_with_cross_validation():
    X, y = data()
    l2_values = [1e-1, 1e-2, 1e-3]
    probe = sj.linear_probe(X, y, l2_values=l2_values, folds=3, seed=1)
    A = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = sj.cross_validate(A, y, l2_values, cv=StratifiedKFold(3, shuffle=True, random_state=1))
    np.testing.assert_allclose(probe.path.val_accuracy, expected.mean_scores)
    assert probe.path.status == ["converged"] * 3 and (probe.path.duality_gap <= 1e-6).all()
    assert (probe.n_val, probe.folds, probe.n_fits) == (120, 3, 4)
    alone = sj.fit(A, y, l2=probe.l2)
    assert abs(alone.objective - probe.result.objective) <= 2e-6


@pytest.mark.parametrize("folds", [None, 3])
def test_what_was_done_before_an_interruption_is_kept(folds):
    X, y = data()

    def stop(progress):
        if progress.n_fits == 2:
            raise KeyboardInterrupt

    probe = sj.linear_probe(X, y, l2_values=[1e-1, 1e-2, 1e-3], folds=folds, seed=1, callback=stop)
    assert probe.stopped and probe.status == "interrupted" and "interrupted after 2 penalties" in probe.note
    assert len(probe.strengths) == probe.n_fits == 2
    assert probe.predict(X).shape == (120,)
    if folds is None:
        assert probe.result.status == "converged" and probe.l2 == probe.path.l2_values[probe.best]
    else:
        assert probe.result.duality_gap == np.inf

    def at_once(progress):
        return True

    assert sj.linear_probe(X, y, l2_values=[1e-1, 1e-2], callback=at_once).n_fits == 1


@pytest.mark.parametrize("folds", [None, 3])
def test_a_checkpoint_goes_on_where_the_search_was_stopped(folds, tmp_path):
    X, y = data()
    settings = {"l2_values": [1e-1, 1e-2, 1e-3], "folds": folds, "seed": 1}
    whole = sj.linear_probe(X, y, **settings)
    sj.linear_probe(X, y, **settings, checkpoint=tmp_path, callback=lambda p: p.n_fits == 2)
    told = []
    again = sj.linear_probe(X, y, **settings, checkpoint=tmp_path, callback=told.append)
    np.testing.assert_array_equal(again.path.params.W, whole.path.params.W)
    np.testing.assert_array_equal(again.result.params.W, whole.result.params.W)
    assert sorted(p.strength for p in told) == [1e-3, 1e-2, 1e-1]


def test_strengths_that_cannot_win_are_given_up():
    X, y = data()
    probe = sj.linear_probe(X, y, *data(seed=1), l2_values=np.logspace(-8, 1, 10), prune="validation")
    assert "dropped" in probe.path.status and probe.status == "converged"
    assert probe.best < probe.path.status.index("dropped")
    assert str(probe).count("dropped") == probe.path.status.count("dropped")


def test_sparse_features_have_the_optimum_of_dense_ones():
    X, y = data()
    X = np.where(np.abs(X) > 0.5, X, 0)
    settings = {"l2_values": [1e-2], "seed": 0, "tol": 1e-8}
    dense, sparse = (sj.linear_probe(A, y, **settings) for A in (X, sp.csr_matrix(X)))
    assert abs(dense.result.objective - sparse.result.objective) < 1e-7
    np.testing.assert_allclose(sparse.predict_proba(sp.csr_matrix(X)), dense.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"preset": "imagenet"}, "preset must be one of"),
        ({"X_val": np.zeros((2, 6))}, "given together"),
        ({"X_val": np.zeros((2, 6)), "y_val": [0, 9]}, "y_val: y must hold the labels"),
        ({"folds": 1}, "'folds' parameter must be an integer >= 2"),
        ({"folds": 2, "X_val": np.zeros((2, 6)), "y_val": [0, 1]}, "not both"),
        ({"folds": 2, "prune": "proof"}, "needs validation rows"),
        ({"prune": "never"}, "prune must be one of"),
        ({"l2_values": [0.0, 1.0]}, "l2_values must be finite numbers above 0"),
        ({"folds": 100}, "need 100 rows of each class"),
    ],
)
def test_bad_input_is_named(settings, words):
    X, y = data()
    with pytest.raises(ValueError, match=words):
        sj.linear_probe(X, y, **settings)
