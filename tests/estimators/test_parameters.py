"""What each parameter of SoftmaxRegression does: weights, classes, soft targets, starts, limits, dtype, seed."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from softmax_jax import LBFGS, SGD, SoftmaxRegression, closed_form_gradient, fit
from softmax_jax.estimators.regression import DegenerateDataWarning, SeparationWarning

X, Y = load_iris(return_X_y=True)
SAME = 1e-6  # of parameters that the issue calls equal
TIGHT = {"l2": 1e-2, "tol": 1e-14}
SOLVERS = {
    "newton": {"solver": "newton"},
    "lbfgs": {"solver": "lbfgs"},
    "newton-cg": {"solver": "newton-cg"},
    "descent": {"eta": 0.05, "epochs": 300, "random_state": 0},
}


def fitted(X, y, weight=None, **parameters) -> SoftmaxRegression:
    """A fit of which the distance to the optimum is not the question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return SoftmaxRegression(**TIGHT | parameters).fit(X, y, weight)


def assert_same_model(a, b, atol=SAME):
    np.testing.assert_allclose(a.coef_, b.coef_, rtol=0, atol=atol)
    np.testing.assert_allclose(a.intercept_, b.intercept_, rtol=0, atol=atol)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}], ids=["none", "balanced", "dict"])
@pytest.mark.parametrize("k", [2, 3])
def test_weight_two_is_the_row_twice_and_weight_zero_the_row_left_out(k, class_weight, solver):
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.flatnonzero(k > Y))[:40]  # classes of unequal size
    weight = rng.integers(0, 3, 40)
    assert set(weight) == {0, 1, 2}
    weighted = fitted(X[rows], Y[rows], weight, class_weight=class_weight, **solver)
    repeated = np.repeat(rows, weight)
    assert_same_model(weighted, fitted(X[repeated], Y[repeated], class_weight=class_weight, **solver))
    assert np.abs(weighted.coef_ - fitted(X[rows], Y[rows], class_weight=class_weight, **solver).coef_).max() > 1e-3


def test_the_scale_of_the_weights_does_not_matter():
    weight = 1.0 + Y
    for scale in (1e-310, 0.3, 1e307):
        assert_same_model(fitted(X, Y, scale * weight), fitted(X, Y, weight))


def test_class_weights_are_sample_weights():
    weight = np.array([3.0, 0.5, 1.0])[Y]
    assert_same_model(fitted(X, Y, class_weight={0: 3.0, 1: 0.5}), fitted(X, Y, weight), atol=1e-12)
    names = np.array(["a", "b", "c"])[Y]
    assert_same_model(fitted(X, names, class_weight={"a": 3.0, "b": 0.5}), fitted(X, Y, weight), atol=1e-12)


def test_balanced_class_weights_agree_with_logistic_regression():
    rows = np.r_[0:50, 50:70, 100:110]
    theirs = LogisticRegression(C=1.0, class_weight="balanced", solver="newton-cholesky", tol=1e-12)
    theirs.fit(X[rows], Y[rows])
    ours = fitted(X[rows], Y[rows], class_weight="balanced", l2=1 / 80)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=SAME)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_without_an_intercept_the_bias_is_zero(solver):
    model = fitted(X, Y, fit_intercept=False, **solver)
    assert (model.intercept_ == 0).all()
    T = np.eye(3)[Y]
    if "eta" not in solver:
        gradient = closed_form_gradient(model.params_, X, T, TIGHT["l2"])
        np.testing.assert_allclose(gradient.W, 0, atol=1e-6)


def test_soft_targets_reach_the_zero_of_their_gradient():
    T = np.random.default_rng(0).dirichlet(np.ones(4), 150)
    weight = 1.0 + np.arange(150) % 3
    model = fitted(X, T, weight)
    assert model.classes_.tolist() == [0, 1, 2, 3]
    assert model.coef_.shape == (4, 4)
    gradient = closed_form_gradient(model.params_, X, T, TIGHT["l2"], weight)
    np.testing.assert_allclose(np.concatenate([gradient.W.ravel(), gradient.b]), 0, atol=1e-7)


def test_hard_targets_are_labels_and_a_soft_row_is_a_row_per_class():
    assert_same_model(fitted(X, np.eye(3)[Y]), fitted(X, Y))
    T = np.random.default_rng(0).dirichlet(np.ones(3), 150)
    assert_same_model(fitted(X, T), fitted(np.repeat(X, 3, axis=0), np.tile([0, 1, 2], 150), T.ravel()))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_soft_targets_may_be_a_data_frame(frame):
    T = np.random.default_rng(0).dirichlet(np.ones(3), 150)
    assert_same_model(fitted(X, frame(T)), fitted(X, T), atol=0)


def test_a_class_without_any_probability_is_remarked_and_finite():
    T = np.eye(4)[Y]
    with pytest.warns(DegenerateDataWarning, match="No row of y gives class 3 any probability"):
        model = SoftmaxRegression().fit(X, T)
    assert np.isfinite(model.intercept_).all()
    assert model.predict_proba(X)[:, 3].max() < 1e-5
    model = SoftmaxRegression(fit_intercept=False).fit(X, T)  # the penalty holds all of it: nothing to remark
    assert model.converged_


def test_a_warm_start_goes_on_where_the_last_fit_ended():
    model = SoftmaxRegression(warm_start=True).fit(X, Y)
    assert model.n_iter_ > 0
    assert model.fit(X, Y).n_iter_ == 0
    assert model.set_params(warm_start=False).fit(X, Y).n_iter_ > 0


def test_a_warm_start_continues_gradient_descent():
    settings = {"eta": 0.05, "random_state": 0, "tol": 1e-12}
    once = fitted(X, Y, epochs=20, **settings)
    twice = fitted(X, Y, epochs=10, warm_start=True, **settings)
    with pytest.warns(ConvergenceWarning):
        twice.fit(X, Y)
    assert_same_model(once, twice, atol=1e-12)
    assert twice.history_[0] == once.history_[10]


def test_max_iter_ends_a_fit_with_a_warning_that_says_what_to_do():
    with pytest.warns(
        ConvergenceWarning, match=r"in 2 iterations \(duality gap .* against tol=1e-12\). Raise max_iter"
    ):
        model = SoftmaxRegression(solver="lbfgs", max_iter=2, tol=1e-12).fit(X, Y)
    assert (model.n_iter_, model.status_, model.converged_) == (2, "max_iter", False)


def test_max_iter_zero_keeps_the_start():
    with pytest.warns(ConvergenceWarning, match="in 0 iterations"):
        model = SoftmaxRegression(max_iter=0).fit(X, Y)
    assert model.n_iter_ == 0
    assert not model.coef_.any()
    assert model.objective_ == pytest.approx(np.log(3))


@pytest.mark.parametrize("tol", [1e-2, 1e-5, 1e-9])
def test_tol_bounds_the_distance_to_the_optimum(tol):
    optimum = SoftmaxRegression(solver="newton", tol=1e-13, l2=1e-3).fit(X, Y).objective_
    model = SoftmaxRegression(solver="lbfgs", tol=tol, l2=1e-3).fit(X, Y)
    assert model.objective_ - optimum <= model.duality_gap_ + 1e-13
    assert model.duality_gap_ <= tol


def test_the_seed_of_descent_is_random_state_and_that_of_the_functional_fit():
    def coef(random_state):
        return fitted(X, Y, eta=0.1, epochs=3, minibatches=32, random_state=random_state).coef_

    np.testing.assert_array_equal(coef(7), coef(7))
    np.testing.assert_array_equal(coef(np.random.RandomState(3)), coef(np.random.RandomState(3)))
    assert np.abs(coef(7) - coef(8)).max() > 1e-2
    assert np.abs(coef(None) - coef(None)).max() > 1e-2
    functional = fit(X, Y, solver=SGD(0.1, 3, 32), l2=TIGHT["l2"], seed=7)
    np.testing.assert_array_equal(coef(7), functional.params.W.T)


def test_exact_solvers_draw_nothing():
    used, fresh = np.random.RandomState(1), np.random.RandomState(1)
    a = fitted(X, Y, random_state=used)
    np.testing.assert_array_equal(a.coef_, fitted(X, Y, random_state=2).coef_)
    assert used.randint(2**31) == fresh.randint(2**31)


def test_dtype_is_that_of_the_fit():
    model = SoftmaxRegression(dtype="float32").fit(X, Y)
    assert model.coef_.dtype == np.float32
    np.testing.assert_array_equal(model.coef_, SoftmaxRegression().fit(X.astype(np.float32), Y).coef_)
    assert SoftmaxRegression(dtype=np.float64).fit(X.astype(np.float32), Y).coef_.dtype == np.float64


@pytest.mark.parametrize("parameters", [{"solver": "lbfgs"}, {"eta": 0.1, "epochs": 3}, {"l2": 0.0}])
def test_verbose_prints_progress_in_finite_numbers(parameters, capsys):
    fitted(X[:, :2], Y, **parameters)
    assert capsys.readouterr().out == ""
    fitted(X[:, :2], Y, verbose=1, **parameters)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[SoftmaxRegression] iteration ")
    assert not any(word in line.replace("iteration", "") for line in lines for word in ("nan", "inf"))


def test_a_record_is_a_solver():
    np.testing.assert_array_equal(
        SoftmaxRegression(solver=LBFGS()).fit(X, Y).coef_, SoftmaxRegression(solver="lbfgs").fit(X, Y).coef_
    )


def test_giving_eta_epochs_or_minibatches_selects_gradient_descent():
    for given in ({"eta": 0.2}, {"minibatches": 150}, {"epochs": 4}):
        model = fitted(X, Y, max_iter=4, random_state=0, **given)
        by_name = fitted(X, Y, solver="sgd", max_iter=4, random_state=0, **given)
        assert model.n_iter_ == len(model.history_) == 4
        np.testing.assert_array_equal(model.coef_, by_name.coef_)


def test_a_rate_that_is_too_large_is_called_diverging():
    with pytest.warns(ConvergenceWarning, match="diverged: its cost rose to .* Lower eta=50"):
        model = SoftmaxRegression(eta=50.0, epochs=20).fit(X, Y)
    assert model.status_ == "diverging" and not model.converged_


def test_separable_data_without_a_penalty_warn_of_separation():
    with pytest.warns(SeparationWarning, match="No finite maximum-likelihood solution"):
        model = SoftmaxRegression(l2=0.0).fit(X[:100], Y[:100])
    assert (model.status_, model.converged_, model.duality_gap_) == ("diverging", False, np.inf)
    assert np.isfinite(model.coef_).all()
    assert model.score(X[:100], Y[:100]) == 1


def test_a_fit_that_fails_or_is_interrupted_leaves_the_estimator_as_it_was(monkeypatch):
    model = SoftmaxRegression(verbose=1).fit(pd.DataFrame(X, columns=list("abcd")), Y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((150, 2), np.nan), Y)

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("softmax_jax.estimators.regression._print_progress", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :3], Y)
    assert vars(model) == before
    with pytest.raises(KeyboardInterrupt):
        (new := SoftmaxRegression(verbose=1)).fit(X, Y)
    assert vars(SoftmaxRegression(verbose=1)) == vars(new)
