"""Gradient descent on log l2 finds the strength that a grid finds, and more with a strength per feature."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj


def data(n, seed):
    """Features 3 to 9 are noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 10))
    return X, np.argmax(2 * X[:, :3] + rng.gumbel(size=(n, 3)), axis=1)


@pytest.fixture(scope="module")
def problem():
    return *data(60, 0), *data(300, 1)


def test_one_strength_is_that_of_a_fine_grid(problem):
    X, y, X_val, y_val = problem
    tuned = sj.tune_l2(X, y, X_val, y_val, l2=1e-3, steps=25)
    grid = sj.fit_path(X, y, np.geomspace(1e-4, 1, 33), X_val=X_val, y_val=y_val, tol=1e-8)
    assert tuned.val_loss <= grid.val_loss.min() + 1e-4
    assert tuned.history[0] > tuned.val_loss + 0.01
    best = sj.fit(X, y, l2=tuned.l2, tol=1e-10)
    np.testing.assert_allclose(best.params.W, tuned.params.W, atol=1e-4)


def test_a_strength_per_feature_shuts_out_the_noise(problem):
    X, y, X_val, y_val = problem
    one = sj.tune_l2(X, y, X_val, y_val, steps=25)
    each = sj.tune_l2(X, y, X_val, y_val, steps=25, per_feature=True)
    assert each.l2.shape == (10,)
    assert each.val_loss < one.val_loss
    assert np.median(each.l2[3:]) > 10 * np.median(each.l2[:3])


def test_bad_input_is_named(problem):
    X, y, X_val, y_val = problem
    with pytest.raises(ValueError, match="'l2' parameter"):
        sj.tune_l2(X, y, X_val, y_val, l2=0)
    with pytest.raises(ValueError, match="y_val: y must hold the labels"):
        sj.tune_l2(X, y, X_val, y_val + 1)
    with pytest.raises(ValueError, match="'steps' parameter"):
        sj.tune_l2(X, y, X_val, y_val, steps=0)
