"""Small tables share programs, and nothing that is returned shows that they were padded."""

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.fitting import single
from softmax_jax.model import Params
from softmax_jax.placement.padding import SIZES, padding_for
from softmax_jax.problem.problem import ABSENT_BIAS
from softmax_jax.solvers import steps


def _data(n=120, m=5, k=3, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, m))
    y = np.argmax(X @ rng.standard_normal((m, k)) + rng.gumbel(size=(n, k)), axis=1)
    y[:k] = np.arange(k)
    return X.astype(dtype), y


def test_the_least_size_that_fits_is_taken():
    assert padding_for(150, 4, 3)[:3] == (256, 16, 4)
    assert padding_for(150, 4, 5)[:3] == (256, 16, 10)
    assert padding_for(1797, 64, 10)[:3] == (2048, 64, 10)
    assert padding_for(1797, 65, 10) is None
    assert padding_for(2049, 4, 3) is None
    assert padding_for(100, 4, 11) is None
    assert list(SIZES) == sorted(SIZES, key=lambda size: np.prod(size))


def test_parameters_go_in_and_come_back():
    rng = np.random.default_rng(0)
    padding = padding_for(100, 5, 3)
    given = Params(rng.standard_normal((5, 3)), rng.standard_normal(3))
    inside = padding.inward(given)
    assert inside.W.shape == (16, 4)
    assert inside.b.shape == (4,)
    assert inside.b[3] == ABSENT_BIAS
    assert not inside.W[5:].any() and not inside.W[:, 3:].any()
    for a, b in zip(padding.outward(inside), given, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("solver", [None, sj.LBFGS(), sj.NewtonCG(), sj.Newton()], ids=repr)
@pytest.mark.parametrize("free", [True, False], ids=["bias", "no bias"])
def test_the_optimum_is_that_of_the_table_as_it_is(monkeypatch, solver, free):
    X, y = _data()
    settings = {"l2": 1e-2, "tol": 1e-11, "solver": solver, "fit_intercept": free}
    padded = sj.fit(X, y, **settings)
    monkeypatch.setattr(single, "padding_for", lambda n, m, k: None)
    plain = sj.fit(X, y, **settings)
    assert padded.status == plain.status == "converged"
    assert padded.params.W.shape == (5, 3)
    np.testing.assert_allclose(padded.params.W, plain.params.W, atol=1e-4)
    np.testing.assert_allclose(padded.objective, plain.objective, atol=2e-11)
    assert padded.duality_gap <= 1e-11


@pytest.mark.parametrize("solver", [None, sj.LBFGS(), sj.Newton()], ids=repr)
def test_soft_targets_weights_and_a_start(solver):
    X, _ = _data(60)
    rng = np.random.default_rng(1)
    T, weight = rng.dirichlet(np.ones(3), 60), rng.uniform(0, 2, 60) * (np.arange(60) > 5)
    start = Params(rng.standard_normal((5, 3)), rng.standard_normal(3))
    found = sj.fit(X, T, l2=1e-2, sample_weight=weight, init=start, tol=1e-10, solver=solver)
    assert found.status == "converged"
    gap = sj.duality_gap(found.params, X, T, 1e-2, weight)
    assert 0 <= gap <= 2e-10
    assert found.objective == pytest.approx(float(sj.objective(found.params, X, T, 1e-2, weight)), abs=1e-12)


@pytest.mark.optimised
def test_the_certificate_of_a_padded_table_is_as_tight_as_rounding_allows():
    X, y = _data()
    found = sj.fit(X, y, l2=1e-1, tol=1e-13)
    assert found.status == "converged"
    assert found.duality_gap <= 1e-13


def test_a_class_without_weight_stays_without_mass():
    X, y = _data()
    found = sj.fit(X, y, l2=1e-2, sample_weight=(y != 2).astype(float))
    assert found.status == "converged"
    assert found.params.b[2] < found.params.b[:2].min() - 30


@pytest.mark.optimised
def test_tables_of_many_shapes_share_programs():
    rng = np.random.default_rng(0)
    sj.fit(*_data(200, 12, 4), solver=sj.LBFGS(), l2=1e-2)
    before = steps.run.program.count(), steps.begin.program.count()
    for _ in range(5):
        n, m, k = int(rng.integers(20, 256)), int(rng.integers(1, 16)), int(rng.integers(2, 4))
        found = sj.fit(*_data(n, m, k), solver=sj.LBFGS(), l2=1e-2)
        assert found.params.W.shape == (m, k)
    assert (steps.run.program.count(), steps.begin.program.count()) == before


def test_gradient_descent_and_fits_without_a_penalty_keep_the_shape_of_the_data():
    X, y = _data(40, 3, 2)
    assert sj.fit(X, y, solver=sj.SGD(epochs=3)).params.W.shape == (3, 2)
    assert sj.fit(X, y, l2=0.0).params.W.shape == (3, 2)
