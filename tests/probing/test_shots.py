"""Few-shot curves: so many rows of each class, others choose the strength, the same test rows for all features."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.probing.shots import _drawn

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 6)) + 5
Y = np.array(list("abc"))[np.argmax(1.5 * X[:, :3] + RNG.gumbel(size=(120, 3)), axis=1)]
SETTINGS = {"l2_values": [1e-1, 1e-2], "shots": (2, 5), "seeds": 2}


@pytest.fixture(scope="module")
def found():
    return sj.few_shot_curve({"clear": X, "noisy": X + 3 * RNG.standard_normal(X.shape)}, Y, **SETTINGS)


def test_a_draw_has_so_many_rows_of_each_class_and_fewer_are_among_more():
    draw = _drawn(Y, None, 0.2, 3, 8)
    for shots, held in ((1, 1), (2, 2), (8, 4)):
        train, val = draw.rows(shots)
        assert np.unique(draw.labels[train], return_counts=True)[1].tolist() == [shots] * 3
        assert np.unique(draw.labels[val], return_counts=True)[1].tolist() == [held] * 3
        assert not set(train) & set(val)
        assert set(train) <= set(draw.rows(8)[0])
    assert not set(draw.pool) & set(draw.test) and len(draw.pool) + len(draw.test) == 120


def test_each_point_is_a_probe_of_these_rows_scaled_by_all_training_rows(found):
    draw = _drawn(Y, None, 0.2, 1, 5)
    pool = X[draw.pool]
    A = (pool - pool.mean(axis=0)) / pool.std(axis=0)
    B = (X[draw.test] - pool.mean(axis=0)) / pool.std(axis=0)
    train, val = draw.rows(2)
    path = sj.fit_path(A[train], draw.labels[train], [1e-1, 1e-2], X_val=A[val], y_val=draw.labels[val])
    W, b = path.at(path.best)
    assert found.l2[0, 0, 1] == path.best_l2
    guesses = path.classes[(B @ W + b).argmax(axis=1)]
    assert found.accuracy[0, 0, 1] == pytest.approx((guesses == Y[draw.test]).mean())
    assert (found.n_test, found.n_classes, found.n_unconverged) == (24, 3, 0)


def test_it_is_a_table_of_means_and_deviations_and_a_picture(found):
    np.testing.assert_allclose(found.mean, found.accuracy.mean(axis=2))
    np.testing.assert_allclose(found.deviation, found.accuracy.std(axis=2, ddof=1))
    lines = str(found).splitlines()
    assert lines[0].split() == ["2", "shots", "5", "shots"] and [line.split()[0] for line in lines[1:3]] == found.names
    assert f"{found.mean[1, 1]:.4f} ± {found.deviation[1, 1]:.4f}" in lines[2]
    assert "\n" not in repr(found) and found._repr_html_().count("<tr>") == 3
    ax = found.plot()
    curves = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_allclose(curves["noisy"].get_ydata(), found.mean[1])
    assert set(curves["equal chances"].get_ydata()) == {1 / 3}


def test_one_matrix_is_enough_and_an_interruption_keeps_what_is_done():
    told = []

    def stop(step):
        told.append((step.seed, step.shots))
        return len(told) == 3

    found = sj.few_shot_curve(X[:90], Y[:90], X[90:], Y[90:], callback=stop, **SETTINGS)
    assert told == [(0, 2), (0, 5), (1, 2)] and found.stopped and found.names == ["features"]
    assert np.isnan(found.accuracy[0, 1, 1]) and np.isfinite(found.mean).all() and found.n_test == 30
    found.plot()


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"shots": (40,)}, ValueError, "shots=40 need 44 training rows of each class, 4 of them"),
        ({"shots": (0,)}, ValueError, "shots"),
        ({"shots": (2, 2)}, ValueError, "different numbers"),
        ({"folds": 3}, TypeError, "validation rows of its own, got folds"),
        ({"X_test": X}, ValueError, "given together"),
    ],
)
def test_bad_input_is_named(settings, error, words):
    with pytest.raises(error, match=words):
        sj.few_shot_curve(X, Y, **settings)
