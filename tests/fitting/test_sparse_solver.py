"""Names of solvers beside l1: which can, and what the others are told."""

from __future__ import annotations

import pytest

from softmax_jax import LBFGS, SGD, ProximalNewton
from softmax_jax.fitting.sparse_solver import record_for


def test_with_l1_the_solver_is_chosen_or_proximal_newton():
    assert record_for("auto", 0.1) is None
    assert record_for("proximal-newton", 0.1) == ProximalNewton()
    assert record_for(ProximalNewton(), 0.1) == ProximalNewton()


def test_without_l1_everything_is_as_before():
    assert record_for("lbfgs", 0.0) == LBFGS()
    assert record_for("auto", 0.0, eta=0.1, epochs=None) == SGD(eta=0.1, epochs=100)
    with pytest.raises(ValueError, match="eta select gradient descent and need solver='sgd' or 'auto', got 'lbfgs'"):
        record_for("lbfgs", 0.0, eta=0.1)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "newton", "sgd", LBFGS(), SGD()], ids=str)
def test_the_others_name_those_that_can(solver):
    with pytest.raises(ValueError, match="solver must be 'auto' or 'proximal-newton' where l1 > 0, got .* and l1=0.1"):
        record_for(solver, 0.1)


def test_learning_rates_and_epochs_are_not_for_l1():
    with pytest.raises(ValueError, match="eta, epochs select gradient descent, .* leave them out where l1 > 0"):
        record_for("auto", 0.1, eta=0.1, epochs=3, minibatches=None)


def test_proximal_newton_is_not_for_smooth_objectives():
    with pytest.raises(ValueError, match="'proximal-newton' is for l1 > 0, got l1=0; give l1, or solver='auto'"):
        record_for("proximal-newton", 0.0)
