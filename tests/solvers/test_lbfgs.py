"""L-BFGS: how few passes it takes, and that its own estimate of the gap is what the certificate proves."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

import softmax_jax as sj
from softmax_jax.certificate.bound import certify
from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.placement.place import place
from softmax_jax.solvers import steps


def nearly_fitted(n=1200, m=48, k=60):
    """Labels are the likeliest of a softmax."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, m))
    return X, np.argmax(X @ rng.standard_normal((m, k)), axis=1)


@pytest.mark.parametrize("memory", [8, 20])
def test_digits_take_few_passes(memory):
    X, y = load_digits(return_X_y=True)
    result = sj.fit((X / 16).astype(np.float32), y, l2=1e-4, solver=sj.LBFGS(memory=memory), tol=1e-5)
    assert result.status == "converged" and result.n_passes <= 28  # 35 with a bias that is not refitted


def test_rows_that_are_nearly_all_fitted_take_few_passes():
    X, y = nearly_fitted()
    result = sj.fit(X.astype(np.float32), y, l2=1e-4, solver=sj.LBFGS(), tol=1e-5)
    assert result.status == "converged" and result.n_passes <= 32


def test_the_estimated_gap_is_the_certified_one():
    X, y = nearly_fitted()
    k, solver = y.max() + 1, sj.LBFGS()
    data = place(X.astype(np.float32), y.astype(np.int32), None, 1e-4, True, solver)
    start = Params(np.zeros((X.shape[1], k), np.float32), np.zeros(k, np.float32))
    with scope(np.float32):
        chunk = steps.begin(solver, data.training, solver.prepare(data.training), start)
        chunk = steps.run(solver, data.training, chunk, np.float32(1e-4), np.int32(60))
    with scope(np.float64):
        proof = certify(data.exact, chunk.state.point.params)
    assert 0.5 < float(proof.gap) / float(chunk.measure) < 1.5
