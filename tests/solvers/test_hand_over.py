"""A solver that `fit` chose hands over to others where it gets no further; checkpoints know who had the fit."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.placement.place import kind_of
from softmax_jax.solvers import driver
from softmax_jax.solvers.selection import fallbacks

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 6))
Y = RNG.integers(0, 3, 90)


class Stuck(sj.LBFGS):
    """L-BFGS that goes nowhere."""

    def step(self, problem, state):
        return state._replace(passes=state.passes + 1)


class Broken(sj.LBFGS):
    """L-BFGS that loses its numbers."""

    def step(self, problem, state):
        point = state.point._replace(gradient=sj.Params(state.point.gradient.W * np.nan, state.point.gradient.b))
        return state._replace(point=point)


def choose(monkeypatch, first):
    monkeypatch.setattr("softmax_jax.fitting.single.choose_solver", lambda solver, *_, **__: solver or first)
    monkeypatch.setattr("softmax_jax.fitting.single.fallbacks", lambda *_: (sj.LBFGS(), sj.NewtonCG()))


@pytest.mark.parametrize("first", [Stuck(), Broken()], ids=["stuck", "broken"])
@pytest.mark.parametrize("l2", [1e-3, 0])
def test_a_fit_goes_on_with_another_solver(monkeypatch, first, l2):
    choose(monkeypatch, first)
    found, expected = sj.fit(X, Y, l2=l2), sj.fit(X, Y, l2=l2, solver=sj.LBFGS())
    assert (found.status, expected.status) == ("converged", "converged")
    np.testing.assert_allclose(found.params.W, expected.params.W, atol=1e-2)
    assert found.n_iter > expected.n_iter
    assert len(found.history) == found.n_iter


def test_a_solver_that_was_asked_for_is_left_alone():
    assert sj.fit(X, Y, l2=1e-3, solver=Stuck()).status == "precision_floor"
    assert sj.fit(X, Y, l2=1e-3, solver=Broken()).status == "nonfinite"


def test_iterations_are_limited_over_all_solvers(monkeypatch):
    choose(monkeypatch, Stuck())
    found = sj.fit(X, Y, l2=1e-9, tol=1e-13, max_iter=8)
    assert (found.status, found.n_iter) == ("max_iter", 8)


def test_a_resumed_fit_goes_on_with_the_solver_that_had_taken_over(monkeypatch, tmp_path):
    monkeypatch.setattr(driver, "REVIEW_STEPS", 3)
    monkeypatch.setattr(driver, "REVIEW_FALL", 0.0)  # no progress is enough
    choose(monkeypatch, sj.LBFGS(memory=2))
    settings = {"l2": 1e-6, "tol": 1e-11}
    whole = sj.fit(X, Y, **settings)
    for stop in (2, 4, 5, 7):
        folder = tmp_path / str(stop)
        sj.fit(X, Y, **settings, checkpoint=folder, every=0, max_iter=stop)
        resumed = sj.fit(X, Y, **settings, checkpoint=folder)
        assert (resumed.status, resumed.n_iter) == (whole.status, whole.n_iter)
        np.testing.assert_array_equal(resumed.params.W, whole.params.W)
        np.testing.assert_array_equal(resumed.history, whole.history)


def test_who_takes_over_depends_on_the_size():
    assert fallbacks(sj.Newton(), kind_of(X), 3) == (sj.LBFGS(), sj.NewtonCG())
    assert fallbacks(sj.LBFGS(), kind_of(X), 3) == (sj.Newton(), sj.NewtonCG())
    assert fallbacks(sj.LBFGS(), kind_of(np.zeros((5, 99))), 15) == (sj.NewtonCG(), sj.Newton())
    assert fallbacks(sj.LBFGS(), kind_of(np.zeros((5, 999))), 15) == (sj.NewtonCG(),)
