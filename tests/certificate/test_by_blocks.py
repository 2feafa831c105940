"""The certificate by blocks proves what the plain one proves: never less than the truth, and little more near it."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from cases import by_blocks

import softmax_jax as sj
from softmax_jax.certificate.bound import certify
from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.placement.place import place

N, M, K = 96, 3, 4


def problem(seed, l2):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, M)) * 10 ** rng.uniform(-1, 1, M)
    y = np.concatenate([np.arange(K), rng.integers(0, K, N - K)]).astype(np.int32)
    T = rng.dirichlet(np.ones(K), N) if seed % 2 else np.eye(K)[y]
    weight = rng.uniform(0, 2, N) if seed % 3 else None
    plain = place(X, T, weight, l2, seed % 4 > 0, sj.Newton()).exact
    best = sj.fit(X, T, l2=l2, tol=1e-12, solver=sj.Newton(), sample_weight=weight, fit_intercept=seed % 4 > 0)
    return plain, best, rng


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_is_never_below_the_truth_and_close_to_the_plain_one(seed):
    for l2 in (1e-10, 1e-4, 1.0):
        plain, best, rng = problem(seed, l2)
        blocked = by_blocks(plain, 32)
        assert blocked.rows.size < plain.shape[0]
        for scale in (0.0, 1e-4, 1.0):
            noise = Params(*(scale * rng.standard_normal(p.shape) for p in best.params))
            b = best.params.b + noise.b * (seed % 4 > 0)
            params = Params(best.params.W + noise.W, b)
            with scope(np.float64):
                expected = jax.tree.map(np.asarray, certify(plain, params))
                actual = jax.tree.map(np.asarray, certify(blocked, params))
            assert actual.gap >= actual.objective - best.objective - 1e-14 * (1 + best.objective)
            assert actual.gap <= 1.5 * expected.gap + 1e-12
            assert actual.objective == pytest.approx(expected.objective, rel=1e-9)


def test_the_refitted_bias_has_the_dtype_of_the_parameters_and_more_classes_take_scaling_steps():
    rng = np.random.default_rng(0)
    k = 300
    X, y = rng.standard_normal((600, 2)), np.concatenate([np.arange(k), rng.integers(0, k, 600 - k)]).astype(np.int32)
    plain = place(X, y, None, 0.1, True, sj.LBFGS()).exact
    params = Params(np.zeros((2, k), np.float32), rng.standard_normal(k).astype(np.float32))
    with scope(np.float64):
        expected = jax.tree.map(np.asarray, certify(plain, params))
        actual = jax.tree.map(np.asarray, certify(by_blocks(plain, 64), params))
    assert actual.params.b.dtype == np.float32
    assert 0 < actual.gap <= 1.1 * expected.gap


def test_without_a_penalty_there_is_no_bound():
    plain, best, _ = problem(1, 1e-4)
    blocked = by_blocks(plain, 32).replaced(l2=np.float64(0))
    with scope(np.float64):
        assert float(certify(blocked, best.params).gap) == np.inf
