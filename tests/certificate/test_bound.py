"""The bound is never below the true suboptimality, and goes to zero at the optimum."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.certificate import duality_gap
from softmax_jax.fitting.single import fit
from softmax_jax.losses import objective
from softmax_jax.model import Params
from softmax_jax.solvers import Newton

SHAPES = [(59, 3, 5), (5, 7, 2), (21, 1, 3)]


def _problem(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    rng = np.random.default_rng(seed)
    n, m, k = SHAPES[seed // 2 % len(SHAPES)]  # few, because each is compiled for
    X = rng.standard_normal((n, m)) * 10 ** rng.uniform(-1, 1, m)
    labels = np.concatenate([np.arange(k), rng.integers(0, k, n)])[:n]
    T = np.eye(k)[labels] if seed % 3 else rng.dirichlet(np.ones(k), n)
    return X, T, rng.uniform(0, 2, n) if seed % 2 else None


@pytest.mark.parametrize("seed", range(12))
def test_the_bound_is_never_below_the_true_suboptimality(seed):
    X, T, weight = _problem(seed)
    rng = np.random.default_rng(100 + seed)
    for l2 in (1e-12, 1e-6, 1e-2, 10.0):
        best = fit(X, T, l2=l2, tol=1e-12, solver=Newton(), max_iter=200, sample_weight=weight)
        for scale in (0.0, 1e-3, 1.0, 10.0):
            noise = Params(*(scale * rng.standard_normal(p.shape) for p in best.params))
            params = Params(best.params.W + noise.W, best.params.b + noise.b)
            bound = duality_gap(params, X, T, l2, weight)
            above = float(objective(params, X, T, l2, weight)) - best.objective
            assert bound >= above - 1e-14 * (1 + best.objective)


@pytest.mark.optimised
def test_the_bound_goes_to_zero_at_the_optimum():
    X, T, _ = _problem(4)
    best = fit(X, T, l2=1e-2, tol=1e-12)
    assert duality_gap(best.params, X, T, 1e-2) < 1e-12


@pytest.mark.optimised
def test_with_a_fixed_bias_the_bound_is_half_the_squared_gradient_over_l2():
    X, T, _ = _problem(4)
    W, b = np.zeros((X.shape[1], T.shape[1])), np.zeros(T.shape[1])
    O = np.full(T.shape, 1 / T.shape[1])
    G = X.T @ (O - T) / len(X)
    expected = np.sum(G**2) / (2 * 100.0)
    bound = duality_gap(Params(W, b), X, T, 100.0, fit_intercept=False)
    assert bound == pytest.approx(expected, rel=1e-6)


def test_there_is_no_bound_without_a_penalty():
    X, T, _ = _problem(4)
    assert duality_gap(Params(np.zeros((X.shape[1], T.shape[1])), np.zeros(T.shape[1])), X, T, 0.0) == np.inf


def test_a_class_that_does_not_occur_is_certified_too():
    rng = np.random.default_rng(3)
    X, T = rng.standard_normal((30, 3)), np.eye(4)[rng.integers(0, 3, 30)]
    result = fit(X, T, l2=0.1, tol=1e-6)
    assert result.status == "converged"
    assert np.isfinite(result.params.b).all()


def test_shapes_that_disagree_are_named():
    with pytest.raises(ValueError, match="T must have shape"):
        duality_gap(Params(np.zeros((2, 3)), np.zeros(3)), np.zeros((4, 2)), np.zeros((4, 2)), 1.0)
