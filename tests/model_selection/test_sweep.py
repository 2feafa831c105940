"""A sweep's memory is that of its own problem: strengths in any order, weightings of soft targets, shifted columns."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.model_selection.sweep import Sweep

N, M, K = 60, 4, 3  # as in test_path.py


def data(dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, M)).astype(dtype)
    return X, rng.dirichlet(np.ones(K), N).astype(dtype), np.argmax(X[:, :K] + rng.gumbel(size=(N, K)), axis=1)


def sweep(X, T, weights, solver=None):
    return Sweep(X, T, weights, n_classes=K, fit_intercept=True, solver=solver, max_iter=500)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_several_weightings_of_soft_targets_are_fits_of_their_own(dtype):
    X, T, _ = data(dtype)
    weights = np.random.default_rng(1).uniform(0, 1, (2, N))
    weights /= weights.sum(axis=1, keepdims=True)
    found = sweep(X, T, weights).solve(0.01, 1e-7)
    for f in range(2):
        alone = sj.fit(X, T, l2=0.01, sample_weight=weights[f], tol=1e-9)
        assert found.status[f] == "converged"
        assert found.objective[f] == pytest.approx(alone.objective, abs=2e-7)


def test_no_penalty_in_between_leaves_the_memory_to_the_strength_that_it_belongs_to():
    X, _, y = data()
    searched = sweep(X, y.astype(np.int32), np.full((1, N), 1 / N), sj.LBFGS())
    searched.solve(0.1, 1e-9)
    searched.solve(0.0, 1e-6)
    assert searched.l2 == 0.1
    found = searched.solve(0.01, 1e-9)
    assert found.objective[0] == pytest.approx(sj.fit(X, y, l2=0.01, tol=1e-10).objective, abs=2e-9)


@pytest.mark.parametrize("solver", [sj.Newton(), sj.LBFGS()], ids=repr)
def test_columns_far_from_zero_in_float32_are_shifted_for_every_solver(solver):
    X, _, y = data(np.float32)
    X[:, 0] = 5 + 0.001 * X[:, 0]
    path = sj.fit_path(X, y, [0.1, 0.01, 0.0], solver=solver, tol=1e-5)
    for i, l2 in enumerate(path.l2_values[:2]):
        assert path.objective[i] == pytest.approx(sj.fit(X, y, l2=l2, tol=1e-6).objective, abs=2e-5)


def test_a_start_is_taken_from_the_problem_with_shifted_columns():
    X, _, y = data()
    searched = sweep(X + 1e4, y.astype(np.int32), np.full((1, N), 1 / N))
    found = searched.solve(0.1, 1e-9)
    b = searched.solved[0.1].b
    assert np.abs(b).max() < 10 < np.abs(found.params.b).max()
