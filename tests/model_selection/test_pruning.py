"""What is proven about validation scores holds; strengths that are dropped could not have won."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.model_selection.pruning import spread, validation_bounds


def noisy(n=60, m=30, seed=0):
    """Few rows, many features of noise: weak strengths overfit."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, m))
    return X, np.argmax(2 * X[:, :3] + rng.gumbel(size=(n, 3)), axis=1)


@pytest.mark.parametrize("seed", range(8))
def test_the_optimum_scores_within_the_bounds(seed):
    rng = np.random.default_rng(seed)
    X, y = noisy(seed=seed)
    X_val, y_val = noisy(seed=seed + 100)
    l2 = float(10.0 ** rng.uniform(-3, 1))
    best = sj.fit(X, y, l2=l2, tol=1e-14)
    weight = np.full(60, 1 / 60)
    proven = 0
    for size in (1e-8, 1e-6, 1e-4, 1e-2):
        moved = sj.Params(best.params.W + size * rng.standard_normal((30, 3)), best.params.b)
        near = sj.fit(X, y, l2=l2, tol=1e3, init=moved)  # the bias at its optimum for these weights, and the gap
        bounds = validation_bounds(near.params, near.duality_gap, l2, (X, weight, spread(X, weight)), (X_val, y_val))
        loss = float(sj.cross_entropy(best.params, X_val, np.eye(3)[y_val]))
        accuracy = float((np.asarray(sj.to_classlabel(sj.net_input(best.params, X_val))) == y_val).mean())
        assert bounds.loss[0] <= loss <= bounds.loss[1]
        assert bounds.accuracy[0] <= accuracy <= bounds.accuracy[1]
        proven += bounds.accuracy[0] > 0
    assert proven >= 1  # the bounds say something


def test_without_intercept_nothing_absorbs_the_mean_of_the_features():
    rng = np.random.default_rng(0)
    X, y = 25 + 0.01 * rng.standard_normal((60, 4)), rng.integers(0, 3, 60)
    l2 = 1e6
    best = sj.fit(X, y, l2=l2, tol=1e-14, fit_intercept=False)
    moved = sj.Params(best.params.W + 1e-4 * np.outer(np.ones(4), [1.0, -1.0, 0.0]), best.params.b)
    gap = float(sj.duality_gap(moved, X, np.eye(3)[y], l2, fit_intercept=False))
    weight = np.full(60, 1 / 60)
    bounds = validation_bounds(moved, gap, l2, (X, weight, spread(X, weight, intercept=False)), (X, y))
    loss = float(sj.cross_entropy(best.params, X, np.eye(3)[y]))
    assert bounds.loss[0] <= loss <= bounds.loss[1]


def mislabelled(n, seed, share):
    """Labels that three large features decide, but for a share that is drawn; weak strengths learn the errors."""
    X, _ = noisy(n, seed=seed)
    rng = np.random.default_rng(seed)
    X[:, :3] *= 3
    drawn = rng.random(n) < share
    return X, np.where(drawn, rng.integers(0, 3, n), X[:, :3].argmax(axis=1))


def test_a_proof_drops_only_strengths_that_could_not_win():
    X, y = mislabelled(60, 0, 0.4)
    X_val, y_val = mislabelled(400, 1, 0.0)
    strengths = [1.0, 0.3, 0.1, 1e-2]
    full = sj.fit_path(X, y, strengths, tol=1e-12, X_val=X_val, y_val=y_val)
    short = sj.fit_path(X, y, strengths, tol=1e-12, X_val=X_val, y_val=y_val, retire="proof")
    dropped = [i for i, status in enumerate(short.status) if status == "dropped"]
    assert dropped
    assert all(full.val_accuracy[i] < full.val_accuracy.max() for i in dropped)
    assert all("proof: its accuracy is at most" in short.dropped[i] for i in dropped)
    assert short.best == full.best


def test_rising_validation_loss_ends_the_path():
    X, y = noisy()
    X_val, y_val = noisy(n=400, seed=1)
    strengths = np.geomspace(1.0, 1e-5, 12)
    path = sj.fit_path(X, y, strengths, X_val=X_val, y_val=y_val, retire="validation")
    run = path.status.index("dropped")
    assert run < 12
    assert path.status == ["converged"] * run + ["dropped"] * (12 - run)
    assert np.all(np.diff(path.val_loss[run - 4 : run]) > 0)
    assert path.dropped[run].startswith("validation: the loss rose 3 times in a row")
    assert np.isnan(path.val_loss[run])
