"""Every exact solver reaches the certified optimum on every problem; statuses tell the truth."""

from __future__ import annotations

import threading

import jax
import numpy as np
import optax
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression

from softmax_jax.fitting.single import fit
from softmax_jax.losses import objective
from softmax_jax.model import Params, one_hot_encode
from softmax_jax.solvers import LBFGS, SGD, Newton, NewtonCG, driver, gradient_descent

EXACT = [LBFGS(), NewtonCG(), Newton()]


def _problems() -> dict:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4))
    y = np.argmax(X[:, :3] + rng.gumbel(size=(60, 3)), axis=1)
    return {
        "plain": (X, y, None),
        "ill-conditioned": (X * [1e3, 1.0, 1e-2, 1.0] + [5.0, 0, 0, 0], y, None),
        "separable": (X, np.argmax(X[:, :3], axis=1), None),
        "n < m": (rng.standard_normal((8, 20)), np.arange(8) % 3, None),
        "duplicate columns": (X[:, [0, 0, 1, 1]], y, None),
        "constant column": (np.hstack([X, np.ones((60, 1))]), y, None),
        "one sample per class": (rng.standard_normal((5, 3)), np.arange(5), None),
        "zero weights": (X, y, (np.arange(60) % 3 > 0).astype(float)),
    }


@pytest.mark.parametrize("solver", EXACT, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("name", list(_problems()))
def test_every_solver_reaches_the_certified_optimum_on_every_problem(name, solver):
    X, y, weight = _problems()[name]
    result = fit(X, y, l2=1e-3, solver=solver, tol=1e-9, sample_weight=weight)
    assert result.status == "converged"
    assert result.duality_gap <= 1e-9
    reference = fit(X, y, l2=1e-3, solver=Newton(), tol=1e-13, sample_weight=weight)
    assert abs(result.objective - reference.objective) <= 1.01e-9
    distance = np.linalg.norm(result.params.W - reference.params.W)
    assert distance <= np.sqrt(2 * result.duality_gap / 1e-3) + np.sqrt(2 * reference.duality_gap / 1e-3)


@pytest.mark.parametrize("solver", EXACT, ids=lambda s: type(s).__name__)
def test_solvers_agree_with_scikit_learn_at_tight_tolerance(solver):
    X, y = load_iris(return_X_y=True)
    l2 = 1e-2
    theirs = LogisticRegression(C=1 / (l2 * len(y)), tol=1e-10, max_iter=10_000).fit(X, y)
    J = float(objective(Params(theirs.coef_.T.copy(), theirs.intercept_), X, one_hot_encode(y), l2))
    ours = fit(X, y, l2=l2, solver=solver, tol=1e-10)
    assert abs(ours.objective - J) <= 1e-9
    assert np.linalg.norm(ours.params.W - theirs.coef_.T) <= 1e-3


@pytest.mark.parametrize("solver", [LBFGS(), NewtonCG()], ids=lambda s: type(s).__name__)
def test_float32_data_reach_a_tolerance_below_float32(solver):
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    result = fit(X, y, l2=1e-4, tol=1e-11, solver=solver)
    assert result.status == "converged"
    assert result.duality_gap <= 1e-11
    assert result.params.W.dtype == np.float32


def test_both_gradient_sources_take_the_same_path():
    X, y = load_iris(return_X_y=True)
    closed = fit(X, y, solver=LBFGS(gradient="closed_form"))
    auto = fit(X, y, solver=LBFGS(gradient="autodiff"))
    np.testing.assert_allclose(closed.history[:10], auto.history[:10], rtol=1e-9)


def test_without_a_penalty_separable_data_are_called_diverging():
    X, y = load_iris(return_X_y=True)
    result = fit(X[y < 2], y[y < 2], l2=0.0)
    assert result.status == "diverging"
    assert result.duality_gap == np.inf
    assert np.isfinite(result.params.W).all()


def test_without_a_penalty_overlapping_data_converge_on_the_gradient():
    X, y, _ = _problems()["plain"]
    result = fit(X, y, l2=0.0)
    assert result.status == "converged"


def test_an_iteration_limit_is_reported():
    X, y = load_iris(return_X_y=True)
    result = fit(X, y, solver=LBFGS(), max_iter=2, tol=1e-12)
    assert (result.status, result.n_iter) == ("max_iter", 2)
    assert result.duality_gap > 1e-12
    assert len(result.history) == 2


def test_a_callback_sees_progress_and_can_stop():
    X, y = load_digits(return_X_y=True)
    seen = []
    result = fit(X, y, solver=LBFGS(), tol=1e-12, callback=lambda p: seen.append(p) or len(seen) == 2)
    assert result.status == "interrupted"
    assert seen[0].n_iter < seen[1].n_iter == result.n_iter


def test_an_interrupt_returns_the_best_so_far():
    X, y = load_digits(return_X_y=True)

    def interrupt(progress):
        raise KeyboardInterrupt

    result = fit(X, y, solver=LBFGS(), tol=1e-12, callback=interrupt)
    assert result.status == "interrupted"
    assert np.isfinite(result.duality_gap)


@pytest.mark.optimised
def test_refitting_with_other_numbers_compiles_nothing():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((1100, 5)), rng.integers(0, 3, 1100)
    fit(X, y, solver=LBFGS())
    compiled = driver.run.program.count()
    for n, l2, tol in ((1100, 1e-2, 1e-4), (1300, 1e-3, 1e-6), (1500, 1e-5, 1e-3)):
        fit(np.resize(X, (n, 5)), np.resize(y, n), solver=LBFGS(), l2=l2, tol=tol)
    assert driver.run.program.count() == compiled


def test_padding_does_not_change_the_result():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((1024, 5)), rng.integers(0, 3, 1024)
    full = fit(X, y, tol=1e-12, l2=1e-2)
    padded = fit(np.vstack([X, X[:1]]), np.append(y, y[0]), tol=1e-12, l2=1e-2, sample_weight=[1.0] * 1024 + [0.0])
    np.testing.assert_allclose(full.params.W, padded.params.W, atol=1e-6)


def test_float64_leaves_no_trace_and_threads_do_not_disturb_one_another():
    X, y = load_iris(return_X_y=True)
    expected = {dtype: fit(X.astype(dtype), y).params.W for dtype in (np.float32, np.float64)}
    failures = []

    def work(dtype):
        W = fit(X.astype(dtype), y).params.W
        if W.dtype != dtype or not np.array_equal(W, expected[dtype]):
            failures.append(dtype)

    threads = [threading.Thread(target=work, args=(d,)) for d in (np.float32, np.float64) * 4]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not failures
    assert not jax.config.read("jax_enable_x64")


def test_gradient_descent_counts_every_update_and_uses_the_last_short_batch():
    X, y = load_iris(return_X_y=True)
    result = fit(X, y, solver=SGD(0.01, 3, 64))
    assert len(result.history) == 3 * 3
    order = gradient_descent.shuffled(np.random.default_rng(0), 150, 64)
    assert sorted(order[order >= 0]) == list(range(150))
    assert (order[-1] >= 0).sum() == 150 - 128


def test_full_batch_descent_is_the_textbook_update():
    X, y = load_iris(return_X_y=True)
    T = np.eye(3)[y]
    result = fit(X, y, solver=SGD(0.1, 5), l2=0.01, init="zeros")
    W, b = np.zeros((4, 3)), np.zeros(3)
    for _ in range(5):
        E = np.exp(X @ W + b)
        R = (E / E.sum(axis=1, keepdims=True) - T) / len(X)
        W, b = W - 0.1 * (X.T @ R + 0.01 * W), b - 0.1 * R.sum(axis=0)
    np.testing.assert_allclose(result.params.W, W, atol=1e-12)
    np.testing.assert_allclose(result.params.b, b, atol=1e-12)


def test_the_update_is_compiled_once_whatever_the_rate_and_any_optimiser_serves():
    X, y = load_iris(return_X_y=True)
    fit(X, y, solver=SGD(0.1, 2, 32))
    compiled = gradient_descent.epoch._cache_size()
    fit(X, y, solver=SGD(0.2, 9, 32), l2=0.3, seed=4)
    assert gradient_descent.epoch._cache_size() == compiled
    adam = fit(X, y, solver=SGD(0.1, 200, 32, optimiser=optax.adam(0.05)))
    assert adam.objective < 0.2


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_rate_that_is_too_large_is_called_diverging():
    X, y = load_iris(return_X_y=True)
    result = fit(X, y, solver=SGD(1e4, 20))
    assert result.status in ("diverging", "nonfinite")
    assert np.isfinite(result.params.W).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tol": 0}, "tol"),
        ({"max_iter": -1}, "max_iter"),
        ({"l2": -1.0}, "l2"),
        ({"l2": np.nan}, "l2"),
        ({"solver": "adam"}, "solver must be None, LBFGS.*the names are"),
        ({"init": "ones"}, "init"),
        ({"init": Params(np.zeros((2, 2)), np.zeros(2))}, "init"),
    ],
)
def test_bad_settings_are_named(change, message):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=message):
        fit(X, y, **change)


@pytest.mark.parametrize(("name", "value"), [("eta", 0), ("eta", np.nan), ("epochs", 0), ("minibatches", 0)])
def test_bad_descent_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        SGD(**{name: value})
