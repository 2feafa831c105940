"""Presets are what their sources say; a probe tunes, counts its peaks and fits the winner again."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import softmax_jax as sj
from softmax_jax.model_selection.protocols import PRESETS, clip, dinov2, simclr


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
    alone = sj.fit(np.vstack([X, X_val]), np.concatenate([y, y_val]), l2=l2)
    assert probed.result.status == "converged"
    assert probed.l2 == pytest.approx(l2)
    assert abs(alone.objective - probed.result.objective) <= 2e-6


def test_what_is_printed_is_one_line_without_arrays(probed):
    for shown in (repr(probed), repr(probed.path)):
        assert len(shown) < 250 and "\n" not in shown and "array" not in shown
    assert f"fits={probed.n_fits}" in repr(probed) and "ProbeResult(status=" in repr(probed)
    assert f"l2={len(probed.path.l2_values)} from" in repr(probed.path)
    assert probed.path._repr_html_().count("<tr>") == 1 + len(probed.path.l2_values)


def test_more_than_one_peak_is_reported(probed):
    two = probed._replace(peaks=[0, 3])
    assert "has 2 peaks" in two.note
    assert probed._replace(peaks=[2]).note == ""


def test_without_validation_rows_a_tenth_is_held_out():
    X, y = data()
    few = dinov2()._replace(strengths=np.logspace(-3, 1, 3))
    told = []
    probe = sj.linear_probe(X, y, preset=few, callback=told.append)
    assert [(p.n_fits, p.most, p.val_accuracy) for p in told] == [
        (i + 1, 3, accuracy) for i, accuracy in enumerate(probe.path.val_accuracy)
    ]
    assert [p.strength for p in told] == probe.strengths.tolist()
    assert len(probe.path.l2_values) == 3
    np.testing.assert_allclose(probe.path.l2_values, few.l2(108, 3))  # ascending C: strong to weak
    assert probe.result.params.W.shape == (6, 3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"preset": "imagenet"}, "preset must be one of"),
        ({"X_val": np.zeros((2, 6))}, "given together"),
        ({"X_val": np.zeros((2, 6)), "y_val": [0, 9]}, "y_val: y must hold the labels"),
    ],
)
def test_bad_input_is_named(settings, words):
    X, y = data()
    with pytest.raises(ValueError, match=words):
        sj.linear_probe(X, y, **settings)
