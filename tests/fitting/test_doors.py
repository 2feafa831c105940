"""Solvers by their names at every door, and others' arguments answered with ours."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.conventions import l2_from_sklearn_c
from softmax_jax.distributed import fit_distributed
from softmax_jax.fitting.doors import door
from softmax_jax.solvers.hyperparameters import SOLVERS

X = np.arange(24.0).reshape(12, 2) % 5
Y = np.arange(12) % 3
DOORS = {
    **{
        name: getattr(sj, name) for name in ("fit", "fit_path", "fit_many", "tune_l2", "linear_probe", "cross_validate")
    },
    "fit_distributed": fit_distributed,
    **{name: getattr(sj, name) for name in ("SoftmaxRegression", "SoftmaxRegressionCV")},
}


@pytest.mark.parametrize("name", SOLVERS)
def test_fit_takes_every_name_that_the_estimator_takes(name):
    sparse = {"l1": 0.01} if name == "proximal-newton" else {}
    settings = {"l2": 1e-2, "max_iter": 30, **sparse}
    found = sj.fit(X, Y, solver=name, **settings)
    record = sj.SGD(epochs=30) if name == "sgd" else SOLVERS[name] and SOLVERS[name]()
    np.testing.assert_array_equal(found.params.W, sj.fit(X, Y, solver=record, **settings).params.W)
    assert found.status in ("converged", "max_iter")


@pytest.mark.parametrize(
    "fitted",
    [
        lambda solver: sj.fit_path(X, Y, [1e-2], solver=solver).params.W,
        lambda solver: sj.fit_many(X[None], Y[None], l2=1e-2, solver=solver).params.W,
        lambda solver: sj.cross_validate(X, Y, [1e-2], cv=2, solver=solver).objective,
        lambda solver: sj.linear_probe(X, Y, X, Y, l2_values=[1e-2], solver=solver).result.params.W,
    ],
)
def test_every_door_takes_names_and_refuses_what_it_refuses_as_a_record(fitted):
    np.testing.assert_array_equal(fitted("lbfgs"), fitted(sj.LBFGS()))
    with pytest.raises(ValueError, match="gradient descent proves no gap"):
        fitted("sgd")
    with pytest.raises(ValueError, match="got 'saga'; the names are 'auto', 'lbfgs', 'newton-cg', 'newton'"):
        fitted("saga")


def test_none_is_auto_at_the_estimator_too():
    found = sj.SoftmaxRegression(solver=None, l2=1e-2).fit(X, Y)
    np.testing.assert_array_equal(found.coef_, sj.SoftmaxRegression(l2=1e-2).fit(X, Y).coef_)


def test_c_is_answered_with_the_converter_and_its_value():
    with pytest.raises(TypeError) as told:
        sj.fit(X, Y, C=0.5)
    call = "softmax_jax.conventions.l2_from_sklearn_c(0.5, n_samples=12, n_classes=3)"
    assert (
        str(told.value)
        == f"fit() has no argument 'C': give l2 = {call}, the number {l2_from_sklearn_c(0.5, 12, 3):.6g}."
    )
    with pytest.raises(TypeError, match=r"l2_from_sklearn_c\(0.5, n_samples=24, n_classes=3\)"):
        sj.fit(X, Y, C=0.5, sample_weight=np.full(12, 2.0))
    with pytest.raises(TypeError, match=r"give l2 = .*l2_from_sklearn_c\(1.0, n_samples=len\(y\), n_classes="):
        sj.SoftmaxRegression(C=1.0)
    with pytest.raises(TypeError, match=r"give l2_values = .*l2_from_sklearn_c\(\[1, 2\], n_samples=12"):
        sj.fit_path(X, Y, Cs=[1, 2])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("lr", 0.1, r"solver=SGD\(eta=0.1\)"),
        ("n_epochs", 5, r"solver=SGD\(epochs=5\)"),
        ("batch_size", 8, r"solver=SGD\(minibatches=8\)"),
        ("lambda_", 0.1, r"l2_from_mean_lambda\(0.1\) where lambda_/2 stands beside a mean"),
        ("weight_decay", 0.1, "l2_from_mean_lambda"),
        ("penalty", "l1", "l1 for sparse solutions"),
        ("random_state", 3, "it is seed here, give seed=3"),
        ("max_iterations", 5, "give max_iter=5"),
        ("tolerance", 1e-3, "give tol=0.001"),
        ("class_weight", "balanced", r"SoftmaxRegression\(class_weight="),
        ("max_itr", 5, "the nearest is max_iter"),
        ("qwertz", 5, "it takes X, y, l2, solver, tol"),
    ],
)
def test_others_arguments_are_answered_with_ours(name, value, words):
    with pytest.raises(TypeError, match=rf"^fit\(\) has no argument '{name}': .*{words}"):
        sj.fit(X, Y, **{name: value})


def test_the_estimator_answers_with_its_own_names():
    with pytest.raises(
        TypeError, match=r"^SoftmaxRegression\(\) has no argument 'lr': it is eta here, give eta=0.1\.$"
    ):
        sj.SoftmaxRegression(lr=0.1)
    with pytest.raises(TypeError, match="it is random_state here, give random_state=1"):
        sj.SoftmaxRegression(seed=1)


@pytest.mark.parametrize("name", DOORS)
def test_signatures_have_no_arguments_for_it(name):
    parameters = inspect.signature(DOORS[name]).parameters
    assert "C" not in parameters
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    with pytest.raises(TypeError, match=r"has no argument 'C': give l2(_values)? = .*l2_from_sklearn_c\(1.0,"):
        DOORS[name](C=1.0)


def test_what_passes_arguments_on_leaves_the_answer_to_others():
    with pytest.raises(TypeError, match=r"linear_probe\(\) has no argument 'max_epochs': it is max_iter here"):
        sj.compare_probes({"a": X, "b": X}, Y, max_epochs=3)


def test_what_is_missing_python_says_itself():
    @door
    def f(x, *, max_iter=3):
        return x, max_iter

    assert f(1, max_iter=2) == (1, 2)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        f()
