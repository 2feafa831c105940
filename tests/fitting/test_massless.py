"""A class without mass: next to impossible, at a finite bias; the others are fitted as without it."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
Y = RNG.integers(0, 2, 60)
SOFT = np.c_[np.eye(2)[Y] * 0.8 + 0.1, np.zeros(60)]
SOLVERS = [None, sj.LBFGS(), sj.Newton(), sj.NewtonCG()]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("l2", [1e-2, 1e-5])
def test_the_others_are_fitted_as_without_it(solver, dtype, l2):
    found = sj.fit(X.astype(dtype), SOFT, l2=l2, tol=1e-8, solver=solver)
    expected = sj.fit(X, SOFT[:, :2], l2=l2, tol=1e-10)
    assert found.status == "converged"
    assert abs(found.objective - expected.objective) < 2e-8
    np.testing.assert_allclose(found.params.W, np.c_[expected.params.W, np.zeros(4)], atol=3e-3)
    assert -200 < found.params.b[2] < found.params.b[:2].min() - 40


@pytest.mark.parametrize("solver", SOLVERS)
def test_without_a_penalty_the_others_still_have_an_optimum(solver):
    found = sj.fit(X, SOFT, l2=0, solver=solver)
    expected = sj.fit(X, SOFT[:, :2], l2=0, solver=sj.Newton())
    assert (found.status, expected.status) == ("converged", "converged")
    difference = found.params.W[:, 1] - found.params.W[:, 0]
    np.testing.assert_allclose(difference, expected.params.W[:, 1] - expected.params.W[:, 0], atol=1e-4)


def test_so_it_is_along_paths_in_folds_in_many_fits_and_for_given_starts():
    path = sj.fit_path(X, SOFT, [1e-1, 1e-3], tol=1e-8)
    many = sj.fit_many(X, np.stack([SOFT, SOFT[:, [2, 0, 1]]]), l2=1e-3, tol=1e-8)
    start = sj.Params(RNG.standard_normal((4, 3)), RNG.standard_normal(3))
    started = sj.fit(X, SOFT, l2=1e-3, tol=1e-8, init=start)
    expected = sj.fit(X, SOFT[:, :2], l2=1e-3, tol=1e-10).objective
    assert [*path.status, *many.status, started.status] == ["converged"] * 5
    for J in (path.objective[1], *many.objective, started.objective):
        assert abs(J - expected) < 2e-8
    assert np.abs(np.r_[path.params.b.ravel(), many.params.b.ravel(), started.params.b]).max() < 200


def test_weights_of_zero_take_the_mass_of_a_class_too():
    labels = np.where(np.arange(60) < 5, 2, Y)
    found = sj.fit(X, labels, l2=1e-3, sample_weight=np.arange(60) >= 5)
    expected = sj.fit(X[5:], Y[5:], l2=1e-3)
    assert found.status == "converged"
    assert abs(found.objective - expected.objective) < 2e-6


def test_the_optimum_that_is_differentiated_does_not_exist():
    assert np.isnan(sj.solve_implicit(X, SOFT, 1e-2).W).all()
    assert np.isfinite(sj.solve_implicit(X, SOFT, 1e-2, fit_intercept=False).W).all()
