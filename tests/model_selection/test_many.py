"""Each of many problems gets the optimum that a fit of its own would find."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.model_selection import many

B, n, m, k = 6, 60, 4, 3


def stack(dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((B, n, m)).astype(dtype)
    W = rng.standard_normal((B, m, k))
    return X, np.argmax(np.einsum("bnm,bmk->bnk", X, W) + rng.gumbel(size=(B, n, k)), axis=2)


def check_single_fits(found, problems, l2, tol):
    for i, (X, y, weight) in enumerate(problems):
        alone = sj.fit(X, y, l2=l2[i], tol=tol, sample_weight=weight)
        assert found.status[i] == "converged"
        assert abs(found.objective[i] - alone.objective) <= found.duality_gap[i] + alone.duality_gap


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_stack_of_features(dtype):
    X, Y = stack(dtype)
    l2 = np.geomspace(1e-4, 1.0, B)
    found = sj.fit_many(X, Y, l2=l2, tol=1e-8)
    assert found.params.W.shape == (B, m, k)
    assert found.params.W.dtype == dtype
    assert found.duality_gap.max() <= 2e-8 if dtype == "float64" else 1e-6
    check_single_fits(found, [(X[i], Y[i], None) for i in range(B)], l2, 1e-8)


def test_many_labels_on_the_same_features():
    X, Y = stack()
    weight = np.random.default_rng(1).uniform(0.5, 2, (B, n))
    found = sj.fit_many(X[0], Y, l2=1e-2, tol=1e-8, sample_weight=weight)
    check_single_fits(found, [(X[0], Y[i], weight[i]) for i in range(B)], np.full(B, 1e-2), 1e-8)


def test_the_same_labels_on_many_layers_and_newton():
    X, Y = stack()
    found = sj.fit_many(X, Y[0], l2=1e-2, tol=1e-8, solver=sj.Newton())
    check_single_fits(found, [(X[i], Y[0], None) for i in range(B)], np.full(B, 1e-2), 1e-8)


def test_groups_do_not_change_the_result(monkeypatch):
    X, Y = stack()
    whole = sj.fit_many(X, Y, l2=1e-2, tol=1e-8)
    monkeypatch.setattr(many, "GROUP_ELEMENTS", 3 * (2 * 20 * m * k + 4 * n * k + n * m))
    parts = sj.fit_many(X, Y, l2=1e-2, tol=1e-8)
    np.testing.assert_allclose(parts.objective, whole.objective, atol=2e-8)
    assert parts.params.W.shape == whole.params.W.shape


def test_a_class_that_a_problem_lacks_keeps_its_column():
    X, Y = stack()
    Y[0][Y[0] == 2] = 1
    found = sj.fit_many(X, np.array(["a", "b", "c"])[Y], l2=1e-2)
    assert found.classes.tolist() == ["a", "b", "c"]
    assert set(found.status) == {"converged"}
    probabilities = np.asarray(sj.softmax(sj.net_input(sj.Params(found.params.W[0], found.params.b[0]), X[0])))
    assert probabilities[:, 2].max() < 1e-4


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"X": np.zeros(3)}, r"X must be \(n, m\)"),
        ({"Y": np.zeros((B, n + 1), int)}, r"Y must be \(6, 60\) labels"),
        ({"Y": np.zeros((B, n), int)}, "at least 2 classes"),
        ({"l2": 0.0}, "l2 must be a strength > 0"),
        ({"l2": [1.0, 2.0]}, "l2 must be a strength > 0"),
        ({"sample_weight": np.ones(3)}, "sample_weight must have shape"),
        ({"solver": sj.SGD()}, "solver must be None or an exact solver"),
    ],
)
def test_bad_input_is_named(settings, words):
    X, Y = stack()
    with pytest.raises(ValueError, match=words):
        sj.fit_many(**{"X": X, "Y": Y, **settings})
