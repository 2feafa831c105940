"""Odd but acceptable input: what comes out of it, exactly; and what predictions refuse."""

from __future__ import annotations

import hashlib
import re

import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

from softmax_jax import LBFGS, SoftmaxRegression, duality_gap, fit
from softmax_jax.estimators.regression import DegenerateDataWarning, SeparationWarning
from softmax_jax.fitting.messages import NonFiniteError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 3))
Y = RNG.integers(0, 3, 60)  # classes that overlap: l2=0 has an optimum
PLAIN = SoftmaxRegression().fit(X, Y)
ROUND = np.round(4 * X)
EXACT = ("newton", "lbfgs", "newton-cg")


def reversed_rows(X):
    return np.ascontiguousarray(X[::-1])[::-1]


def every_second_column(X):
    wide = np.zeros((len(X), 2 * X.shape[1]))
    wide[:, ::2] = X
    return wide[:, ::2]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


SAME_AS_FLOAT64 = {
    "int8": (ROUND, lambda X: X.astype(np.int8)),
    "int64": (ROUND, lambda X: X.astype(np.int64)),
    "uint8": (abs(ROUND), lambda X: X.astype(np.uint8)),
    "bool": ((X > 0).astype(float), lambda X: X.astype(bool)),
    "objects": (X, lambda X: X.astype(object)),
    "lists": (X, lambda X: X.tolist()),
    "Fortran order": (X, np.asfortranarray),
    "negative stride": (X, reversed_rows),
    "not contiguous": (X, every_second_column),
    "big-endian": (X, lambda X: X.astype(">f8")),
    "longdouble": (X, lambda X: X.astype(np.longdouble)),
    "read-only": (X, read_only),
    "unmasked masked array": (X, lambda X: np.ma.array(X, mask=False)),
    "pandas": (X, pd.DataFrame),
    "pandas integers": (ROUND, lambda X: pd.DataFrame(X.astype(int), dtype="Int64")),
    "polars": (X, pl.DataFrame),
}


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize(("X", "change"), SAME_AS_FLOAT64.values(), ids=SAME_AS_FLOAT64)
def test_another_form_of_the_same_numbers_gives_the_same_model(X, change):
    model, plain = SoftmaxRegression().fit(change(X), Y), SoftmaxRegression().fit(X, Y)
    assert model.coef_.dtype == np.float64
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    np.testing.assert_array_equal(model.predict_proba(change(X)), plain.predict_proba(X))


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16])
def test_half_precision_features_are_computed_in_float32(dtype):
    many = np.tile(X, (40, 1))
    model = SoftmaxRegression().fit(many.astype(dtype), np.tile(Y, 40))
    assert model.coef_.dtype == np.float32
    np.testing.assert_allclose(model.coef_, PLAIN.coef_, atol=1e-2)
    large = SoftmaxRegression().fit(
        np.full((70_000, 1), 60_000, dtype) * (np.arange(70_000) % 2)[:, None], [0, 1] * 35_000
    )
    assert large.score(np.array([[0], [60_000]], dtype), [0, 1]) == 1


def test_a_memory_mapped_file_is_read_and_not_changed(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, X)
    digest = hashlib.sha256(path.read_bytes()).digest()
    for mode in ("r", "r+"):
        np.testing.assert_array_equal(SoftmaxRegression().fit(np.load(path, mmap_mode=mode), Y).coef_, PLAIN.coef_)
    assert hashlib.sha256(path.read_bytes()).digest() == digest


def test_data_changed_during_the_fit_do_not_count():
    own = [X.copy(), Y.copy(), np.ones(60)]

    def spoil(_):
        for array in own:
            array[:] = 0

    settings = {"solver": LBFGS(), "tol": 1e-12}
    result = fit(own[0], own[1], sample_weight=own[2], callback=spoil, **settings)
    assert not own[0].any()
    np.testing.assert_array_equal(result.params.W, fit(X, Y, **settings).params.W)


HUGE = [(solver, np.float64, scale) for solver in EXACT for scale in (1e30, 1e38)]


@pytest.mark.parametrize(("solver", "dtype", "scale"), [*HUGE, ("newton", np.float32, 1e37)])
def test_huge_features_give_a_finite_model_and_advice(solver, dtype, scale):
    with pytest.warns(ConvergenceWarning, match=r"[Ss]cale the features"):
        model = SoftmaxRegression(solver=solver).fit((scale * X).astype(dtype), Y)
    assert np.isfinite(model.coef_).all() and np.isfinite(model.intercept_).all()
    assert not model.converged_
    assert model.objective_ < np.log(3)


OVERFLOWING = [({"solver": solver}, np.float64, 1e300) for solver in EXACT]
OVERFLOWING += [({"solver": solver}, np.float32, 1e30) for solver in ("lbfgs", "newton-cg")]


@pytest.mark.parametrize(("parameters", "dtype", "scale"), OVERFLOWING)
def test_features_beyond_the_range_of_a_step_are_an_error_that_names_the_largest(parameters, dtype, scale):
    huge = (scale * X).astype(dtype)
    words = f"beyond the range of {np.dtype(dtype)}: the largest |X| is {np.abs(huge).max():.3g}. Scale the features"
    model = SoftmaxRegression(**parameters)
    with pytest.raises(NonFiniteError, match=re.escape(words)):
        model.fit(huge, Y)
    assert not hasattr(model, "params_")


def test_gradient_descent_beyond_range_keeps_finite_parameters_and_warns():
    with pytest.warns(ConvergenceWarning, match="beyond the range of float64.* lower eta"):
        model = SoftmaxRegression(eta=0.1).fit(1e300 * X, Y)
    assert model.status_ == "nonfinite"
    assert np.isfinite(model.coef_).all() and np.isfinite(model.intercept_).all()


@pytest.mark.parametrize("value", [1e-300 * X, 1e-310 * X, (1e-40 * X).astype(np.float32), 0 * X, 0 * X + 3.0])
def test_features_without_variation_leave_the_frequencies_and_a_remark(value):
    with pytest.warns(DegenerateDataWarning, match="numerically constant"):
        model = SoftmaxRegression(tol=1e-10).fit(value, Y)
    np.testing.assert_allclose(model.predict_proba(value)[0], np.bincount(Y) / 60, atol=1e-4)


def test_a_constant_feature_has_no_weight():
    model = SoftmaxRegression(tol=1e-12).fit(np.c_[X, np.full(60, 5.0)], Y)
    plain = SoftmaxRegression(tol=1e-12).fit(X, Y)
    np.testing.assert_allclose(model.coef_[:, 3], 0, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(np.c_[X, np.full(60, 5.0)]), plain.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("solver", EXACT)
def test_equal_features_have_equal_coefficients(solver):
    model = SoftmaxRegression(tol=1e-12, l2=1e-3, solver=solver).fit(np.c_[X, X[:, 0]], Y)
    np.testing.assert_allclose(model.coef_[:, 0], model.coef_[:, 3], rtol=0, atol=1e-8)


DEPENDENT = {"twin": X[:, 0], "sum": X @ [1, 2, 3], "constant": np.ones(60), "empty": np.zeros(60)}
CASES = [(solver, name) for solver in EXACT for name in DEPENDENT]


@pytest.mark.parametrize(("solver", "name"), CASES)
def test_without_a_penalty_dependent_features_are_remarked_and_predict_right(solver, name):
    dependent = np.c_[X, DEPENDENT[name]]
    with pytest.warns(DegenerateDataWarning, match="coefficients are not unique"):
        model = SoftmaxRegression(l2=0, solver=solver).fit(dependent, Y)
    plain = SoftmaxRegression(l2=0, solver=solver).fit(X, Y)  # warnings are errors: independent, so no remark
    np.testing.assert_allclose(model.predict_proba(dependent), plain.predict_proba(X), atol=1e-5)


def test_without_a_penalty_an_empty_feature_is_remarked_and_has_no_weight():
    with pytest.warns(DegenerateDataWarning, match="coefficients are not unique"):
        model = SoftmaxRegression(l2=0, solver="newton").fit(np.c_[X, np.zeros(60)], Y)
    assert (model.coef_[:, 3] == 0).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("solver", EXACT)
def test_ill_conditioned_features_converge(dtype, solver):
    ill = np.c_[X[:, 0], X[:, 0] + 1e-8 * X[:, 1], 1e6 * X[:, 2]].astype(dtype)
    model = SoftmaxRegression(solver=solver).fit(ill, Y)
    assert model.converged_ and model.duality_gap_ <= 1e-6


def test_more_features_than_samples_and_a_class_per_sample():
    wide = RNG.standard_normal((8, 300))
    assert SoftmaxRegression().fit(wide, np.arange(8)).score(wide, np.arange(8)) == 1


def test_one_sample_fits_soft_targets():
    with pytest.warns(DegenerateDataWarning, match="numerically constant"):
        model = SoftmaxRegression(tol=1e-12).fit([[1.0, 2.0]], [[0.2, 0.8]])
    np.testing.assert_allclose(model.predict_proba([[1.0, 2.0]]), [[0.2, 0.8]], atol=1e-6)


LABELS = {
    "gaps": np.array([0, 5, 9]),
    "negative": np.array([-3, -1, 2]),
    "strings": np.array(["a", "bb", "ccc"]),
    "string objects": np.array(["a", "bb", "ccc"], object),
    "NumPy's variable strings": np.array(["a", "bb", "ccc"], np.dtypes.StringDType()),
    "bool": np.array([False, True]),
    "float integers": np.array([0.0, 1.0, 2.0]),
    "beyond int32": np.array([2**40, 2**40 + 1, 2**62]),
    "beyond int64": np.array([1, 2**63, 2**64 - 1], np.uint64),
    "int8": np.array([-128, 0, 127], np.int8),
}


@pytest.mark.parametrize("names", LABELS.values(), ids=LABELS)
def test_labels_come_back_as_they_were(names):
    index = Y % len(names)
    model = SoftmaxRegression().fit(X, names[index])
    plain = SoftmaxRegression().fit(X, index)
    assert model.classes_.tolist() == names.tolist()
    assert model.predict(X).tolist() == names[plain.predict(X)].tolist()
    if names.dtype.kind != "T":  # scikit-learn knows only NumPy's older strings
        assert model.classes_.dtype == names.dtype
        assert model.score(X, names[index]) == plain.score(X, index)


@pytest.mark.parametrize(
    "form", [list, pd.Series, pd.Categorical, pl.Series, lambda names: pd.Series(names, dtype="string")]
)
def test_labels_in_another_form_are_labels(form):
    names = np.array(["a", "b", "c"])[Y].tolist()
    model = SoftmaxRegression().fit(X, form(names))
    assert model.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(model.coef_, PLAIN.coef_)


def test_a_column_vector_of_labels_is_raveled_with_a_warning():
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        model = SoftmaxRegression().fit(X, Y[:, None])
    np.testing.assert_array_equal(model.coef_, PLAIN.coef_)


def test_a_label_that_the_fit_did_not_see_counts_as_wrong():
    hits = (PLAIN.predict(X) == Y).mean()
    unseen = np.where(np.arange(60) < 30, 9, Y)
    assert PLAIN.score(X, unseen) == (PLAIN.predict(X)[30:] == Y[30:]).sum() / 60
    assert PLAIN.score(X, unseen) < hits


@pytest.mark.parametrize("solver", EXACT)
@pytest.mark.parametrize("l2", [1e300, np.inf])
def test_an_endless_penalty_leaves_the_prior(l2, solver):
    model = SoftmaxRegression(l2=l2, solver=solver, tol=1e-12).fit(X, Y)
    np.testing.assert_allclose(model.coef_, 0, atol=1e-20)
    prior = np.log(np.bincount(Y) / 60)
    np.testing.assert_allclose(model.intercept_ - model.intercept_.mean(), prior - prior.mean(), atol=1e-5)


@pytest.mark.parametrize("solver", EXACT)
def test_a_tiny_penalty_is_taken_as_given(solver):
    with pytest.warns(ConvergenceWarning, match="raise l2"):
        model = SoftmaxRegression(l2=1e-300, solver=solver, max_iter=50).fit(X, Y)
    unpenalised = SoftmaxRegression(l2=0, solver=solver, tol=1e-10).fit(X, Y)
    np.testing.assert_allclose(model.coef_, unpenalised.coef_, atol=1e-3)


@pytest.mark.parametrize("solver", EXACT)
def test_one_separable_class_is_enough_for_separation(solver):
    quasi, labels = np.array([[0.0], [0], [1], [1], [0], [1]]), [0, 0, 0, 1, 0, 1]
    with pytest.warns(SeparationWarning):
        model = SoftmaxRegression(l2=0, solver=solver).fit(quasi, labels)
    assert not model.converged_ and np.isfinite(model.coef_).all()


def test_a_minibatch_that_lacks_classes_is_a_part_of_the_whole():
    order = np.argsort(Y)
    with pytest.warns(ConvergenceWarning, match="short of the optimum"):
        model = SoftmaxRegression(eta=0.01, epochs=100, minibatches=1, random_state=0, l2=1e-2).fit(X[order], Y[order])
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.objective_ - SoftmaxRegression(l2=1e-2).fit(X, Y).objective_ < 1e-2


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8"])
def test_soft_targets_in_the_other_byte_order_are_the_same_targets(dtype):
    rng = np.random.default_rng(0)
    X, T = rng.standard_normal((20, 2)), rng.dirichlet(np.ones(3), 20).astype(dtype)
    native = T.astype(T.dtype.newbyteorder("="))
    found, expected = (fit(X, each, l2=0.1, tol=1e-9) for each in (T, native))
    np.testing.assert_array_equal(found.params.W, expected.params.W)
    assert duality_gap(found.params, X, T, 0.1) <= 1e-9
