"""Hostile features, labels, weights and parameters: each is refused with its exception and its words.

A row of a table is the change to an ordinary call of fit, the exception, and a pattern of its message. A refusal
leaves nothing fitted.
"""

from __future__ import annotations

import datetime
import decimal

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import NotFittedError

from softmax_jax import SoftmaxRegression

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 3))
Y = np.arange(12) % 3
V, T = ValueError, TypeError


def with_entry(value, dtype=np.float64, row=4, column=1):
    """X with one entry replaced."""
    changed = X.astype(dtype)
    changed[row, column] = value
    return changed


FEATURES = {
    "NaN": (with_entry(np.nan), V, "Input X contains NaN, first in row 4, column 1"),
    "inf": (with_entry(np.inf), V, "Input X contains infinity, first in row 4, column 1"),
    "-inf": (with_entry(-np.inf), V, "Input X contains infinity, first in row 4, column 1"),
    "inf and -inf": (np.where(X > 1, np.inf, np.where(X < -1, -np.inf, X)), V, "contains infinity, first in row"),
    "float32 NaN": (with_entry(np.nan, np.float32), V, "contains NaN, first in row 4, column 1"),
    "float16 inf": (with_entry(np.inf, np.float16), V, "contains infinity, first in row 4, column 1"),
    "bfloat16 NaN": (with_entry(np.nan, jnp.bfloat16), V, "contains NaN, first in row 4, column 1"),
    "JAX NaN": (jnp.asarray(with_entry(np.nan)), V, "contains NaN, first in row 4, column 1"),
    "NaN in the last entry": (with_entry(np.nan, row=11, column=2), V, "first in row 11, column 2"),
    "None": (X.astype(object).tolist()[:11] + [[1.0, None, 2.0]], V, "contains NaN, first in row 11, column 1"),
    "no rows": (X[:0], V, r"Found array with 0 sample\(s\)"),
    "no columns": (X[:, :0], V, r"Found array with 0 feature\(s\)"),
    "one dimension": (X[:, 0], V, r"Expected 2D array, got 1D array of shape \(12,\)"),
    "three dimensions": (X[:, :, None], V, "Expected 2D array, got 3D array"),
    "a number": (3.0, V, "Expected 2D array, got 0D array"),
    "nothing": (None, V, "Expected 2D array, got 0D array"),
    "a dict": ({"a": 1}, V, "Expected 2D array, got 0D array"),
    "a generator": ((row for row in X), V, "Expected 2D array, got 0D array"),
    "one row less than labels": (X[:11], V, "same number of rows, got 11 in X and 12 in y"),
    "rows of unequal length": ([[1.0, 2.0]] * 11 + [[1.0]], V, "rows of equal length"),
    "numeric strings": (X.astype(str), V, "strings are not converted"),
    "numeric bytes": (X.astype(bytes), V, "strings are not converted"),
    "a string among objects": (with_entry("1.5", object), V, "strings are not converted, got '1.5' in row 4, column 1"),
    "NumPy's variable strings": (X.astype(np.dtypes.StringDType()), V, "strings are not converted"),
    "a dict among objects": (with_entry({"a": 1}, object), T, "X must hold numbers, got dict in row 4, column 1"),
    "an array among objects": (with_entry(np.ones(2), object), T, "got ndarray in row 4, column 1"),
    "a date among objects": (with_entry(datetime.date(2020, 1, 1), object), T, "got date in row 4, column 1"),
    "dates": (np.full((12, 3), "2020-01-01", "datetime64[D]"), T, "got dates or durations"),
    "durations": (np.ones((12, 3), "timedelta64[s]"), T, "got dates or durations"),
    "complex": (X + 0j, V, "Complex data not supported"),
    "complex among objects": (with_entry(1j, object), V, "Complex data not supported"),
    "complex JAX array": (jnp.asarray(X) + 1j, V, "Complex data not supported"),
    "random keys": (jax.random.split(jax.random.key(0), (12, 3)), T, "must have a dtype of float16.* got key"),
    "records": (np.zeros((12, 3), [("a", float)]), T, "must have a dtype of float16"),
    "float8": (X.astype(jnp.float8_e4m3fn), T, "must have a dtype of float16.* got float8_e4m3fn"),
    "longdouble beyond float64": (X.astype(np.longdouble) * np.longdouble("1e400"), V, "too large for float64"),
    "int beyond float64": (with_entry(10**400, object), V, "too large for float64"),
    "masked entries": (np.ma.array(X, mask=X > 1), V, r"no masked entries, got \d+"),
    "matrix": (np.asmatrix(X), T, "np.matrix is not supported"),
    "duplicate column names": (pd.DataFrame(X, columns=list("aba")), V, r"more than one column \['a'\]"),
    "pandas NA": (pd.DataFrame(with_entry(np.nan), dtype="Float64"), V, "contains NaN, first in row 4, column 1"),
    "polars null": (pl.DataFrame({"a": [1, None] * 6}), V, "contains NaN, first in row 1, column 0"),
    "categorical column": (pd.DataFrame({"a": range(12), "b": pd.Categorical(Y)}), V, "categorical column 'b'"),
    "text column": (pd.DataFrame({"a": X[:, 0], "b": list("uvwxuvwxuvwx")}), V, "got 'u' in row 0, column 'b'"),
    "polars text column": (pl.DataFrame({"a": X[:, 0], "b": list("uvwxuvwxuvwx")}), V, "got 'u' in row 0, column 'b'"),
    "durations column beside numbers": (
        pd.DataFrame({"a": X[:, 0], "b": pd.to_timedelta(Y, unit="s")}),
        T,
        "got Timedelta in row 0, column 'b'",
    ),
    "text of Arrow beside numbers": (
        pd.DataFrame({"a": X[:, 0], "b": pd.Series(list("uvwxuvwxuvwx"), dtype="string[pyarrow]")}),
        V,
        "strings are not converted, got 'u' in row 0, column 'b'",
    ),
    "numeric text beside bool": (
        pd.DataFrame({"a": Y > 1, "b": np.array(["1.5"] * 12, object)}),
        V,
        "strings are not converted, got '1.5' in row 0, column 'b'",
    ),
    "complex column beside bool": (pd.DataFrame({"a": Y > 1, "b": X[:, 0] * 1j}), V, "Complex data not supported"),
    "NA in a nullable column beside numbers": (
        pd.DataFrame({"a": X[:, 0], "b": pd.Series([1, None] * 6, dtype="Int64")}),
        V,
        "contains NaN, first in row 1, column 1",
    ),
    "NA in a column of Arrow bool": (
        pd.DataFrame({"a": X[:, 0], "b": pd.Series([True, None] * 6, dtype="bool[pyarrow]")}),
        V,
        "contains NaN, first in row 1, column 1",
    ),
    "period column": (
        pd.DataFrame({"a": X[:, 0], "b": pd.period_range("2020", periods=12)}),
        T,
        "got Period in row 0, column 'b'",
    ),
    "a time zone": (
        pd.DataFrame({"a": X[:, 0], "b": pd.date_range("2020", periods=12, tz="UTC")}),
        T,
        "got Timestamp in row 0, column 'b'",
    ),
    "duplicate names beside bool": (
        pd.DataFrame({"a": Y > 1, "b": X[:, 0]}).set_axis(["a", "a"], axis=1),
        V,
        r"more than one column \['a'\]",
    ),
    "a duration of NumPy among objects": (with_entry(np.timedelta64(1, "s"), object), T, "got timedelta64 in row 4"),
    "a date of NumPy among objects": (with_entry(np.datetime64("2020"), object), T, "got datetime64 in row 4"),
    "a LazyFrame": (pl.DataFrame(X).lazy(), T, r"X is a LazyFrame, .* pass X.collect\(\)"),
    "date column": (pd.DataFrame({"a": pd.date_range("2020", periods=12)}), T, "dates or durations"),
    "date column beside numbers": (
        pd.DataFrame({"a": X[:, 0], "b": pd.date_range("2020", periods=12)}),
        T,
        "got Timestamp in row 0, column 'b'",
    ),
}

LABELS = {
    "None": (None, V, "target y is None"),
    "one class": (["x"] * 12, V, "at least 2 classes, got 1 class: 'x'"),
    "a number": (1, V, r"y should be a 1d array, got array\(1\)"),
    "one more than rows": (np.arange(13) % 3, V, "got 12 in X and 13 in y"),
    "continuous": (Y + 0.5, V, "Unknown label type: continuous.* got 0.5 in row 0"),
    "NaN": (np.where(Y == 1, np.nan, Y), V, "Input y contains NaN, first in row 1"),
    "inf": (np.where(Y == 1, np.inf, Y), V, "Input y contains infinity, first in row 1"),
    "None among strings": (["a", None, "b"] * 4, V, "Input y contains NaN: the label in row 1 is None"),
    "NA": (pd.Series([1, 2, pd.NA] * 4, dtype="Int64"), V, "Input y contains NaN, first in row 2"),
    "NA among strings": (pd.Series(["a", pd.NA, "b"] * 4), V, "Input y contains NaN: the label in row 1"),
    "polars null": (pl.Series(["a", None, "b"] * 4), V, "Input y contains NaN: the label in row 1 is None"),
    "NaT": (pd.Series([pd.NaT] * 12), V, "must hold labels .* got dtype datetime64"),
    "mixed types": (["a", 1, "b"] * 4, T, "labels of one type .* got int, str"),
    "mixed objects": (np.array(["a", 1, True] * 4, object), T, "labels of one type .* got bool, int, str"),
    "bool and int": (np.array([True, 0, 1] * 4, object), T, "labels of one type .* got bool, int"),
    "bytes": (np.array(["a", "b", "c"] * 4, "S"), T, "represented as bytes"),
    "bytes objects": (np.array([b"a", b"b", b"c"] * 4, object), T, "represented as bytes"),
    "other objects": (np.array([decimal.Decimal(1), decimal.Decimal(2)] * 6), T, "labels of one type .* got Decimal"),
    "complex": (Y + 1j, V, "must hold labels .* got dtype complex128"),
    "dates": (np.arange(12).astype("datetime64[D]"), V, "must hold labels .* got dtype datetime64"),
    "one-hot integers": (np.eye(3, dtype=int)[Y], V, r"for one-hot rows pass y.argmax\(axis=1\)"),
    "two columns of strings": (np.array([["a", "b"]] * 12), V, "2-d floating soft targets"),
    "three dimensions": (np.ones((12, 2, 2)), V, "Rows|shape"),
    "floats beyond 2**53": (np.where(Y == 1, 2.0**53, Y), V, r"labels below 2\*\*53 as float64, got .* in row 1"),
    "floats below -2**53": (np.where(Y == 1, -(2.0**60), Y), V, r"labels below 2\*\*53 as float64"),
    "float32 beyond 2**24": (np.where(Y == 1, 2.0**24, Y).astype(np.float32), V, r"below 2\*\*24 as float32"),
    "float16 beyond 2**11": (np.where(Y == 1, 2048, Y).astype(np.float16), V, r"below 2\*\*11 as float16"),
    "bfloat16 beyond 2**8": (np.where(Y == 1, 256, Y).astype(jnp.bfloat16), V, r"below 2\*\*8 as bfloat16"),
    "ints beyond int64 beside negative": ([2**63, 2**63 + 1, -1] * 4, V, r"labels below 2\*\*53 as float64"),
    "such ints as objects": (np.array([2**63, 2**63 + 1, -1] * 4, object), V, r"labels below 2\*\*53"),
    "such ints in a series": (pd.Series([2**63, 2**63 + 1, -1] * 4), V, r"labels below 2\*\*53"),
    "large ints beside floats": ([2**53, 2**53 + 1, 1.0] * 4, V, r"labels below 2\*\*53 as float64, got .* in row 0"),
    "large ints beside a NumPy float": ([2**60, 2**60 + 1, np.float64(1)] * 4, V, r"labels below 2\*\*53"),
    "a LazyFrame": (pl.DataFrame({"y": Y}).lazy(), T, r"y is a LazyFrame, .* pass y.collect\(\)"),
    "masked": (np.ma.array(Y, mask=Y == 1), V, "masked entries"),
    "matrix": (np.asmatrix(Y).T, T, "np.matrix is not supported"),
    "soft, negative": (np.array([[1.5, -0.5, 0.0]] * 12), V, "must not be negative, got -0.5 at row 0, column 1"),
    "soft, wrong sum": (np.array([[0.5, 0.4]] * 12), V, "must sum to 1 .* got 0.9 in row 0"),
    "soft, one wrong row": (np.vstack([np.eye(3)[Y[:11]], [0.5, 0.5, 0.1]]), V, "must sum to 1 .* in row 11"),
    "soft, NaN": (np.array([[0.5, np.nan]] * 12), V, "Input y contains NaN, first in row 0, column 1"),
    "soft, inf": (np.array([[0.5, np.inf]] * 12), V, "Input y contains infinity, first in row 0, column 1"),
    "soft, all zero": (np.zeros((12, 2)), V, "must sum to 1 .* got 0.0 in row 0"),
    "soft, one row short": (np.eye(3)[Y[:11]], V, "got 12 in X and 11 in y"),
}

WEIGHTS = {
    "negative": (np.where(Y == 0, -1.0, 1), V, "finite and not negative, got -1.0 in row 0"),
    "NaN": (np.where(Y == 1, np.nan, 1), V, "finite and not negative, got nan in row 1"),
    "inf": (np.where(Y == 1, np.inf, 1), V, "finite and not negative, got inf in row 1"),
    "all zero": (np.zeros(12), V, "at least one non-zero"),
    "too few": (np.ones(11), V, r"shape \(12,\), one per row of X, got \(11,\)"),
    "two columns": (np.ones((12, 2)), V, r"shape \(12,\), one per row of X, got \(12, 2\)"),
    "a number": (2.0, V, r"shape \(12,\), one per row of X, got \(\)"),
    "strings": (["1"] * 12, V, "strings are not converted"),
    "None among them": ([1.0] * 11 + [None], V, "got nan in row 11"),
    "complex": (np.ones(12) * 1j, V, "Complex data not supported: sample_weight"),
    "dates": (np.ones(12, "timedelta64[s]"), T, "sample_weight must hold numbers, got dates"),
}

PARAMETERS = {
    "l2 negative": ({"l2": -1}, V, "'l2' parameter .* Got -1 instead"),
    "l2 NaN": ({"l2": np.nan}, V, "'l2' parameter .* Got nan instead"),
    "l2 string": ({"l2": "0.1"}, V, "'l2' parameter .* Got '0.1' instead"),
    "l2 bool": ({"l2": True}, V, "'l2' parameter must be a real number >= 0. Got True instead"),
    "l2 None": ({"l2": None}, V, "'l2' parameter .* Got None instead"),
    "l2 complex": ({"l2": 1j}, V, "'l2' parameter .* Got 1j instead"),
    "l2 array": ({"l2": np.ones(2)}, V, "'l2' parameter"),
    "tol negative": ({"tol": -1e-3}, V, "'tol' parameter .* Got -0.001 instead"),
    "tol zero": ({"tol": 0}, V, "'tol' parameter .* Got 0 instead"),
    "tol NaN": ({"tol": np.nan}, V, "'tol' parameter .* Got nan instead"),
    "tol inf": ({"tol": np.inf}, V, "'tol' parameter .* Got inf instead"),
    "max_iter negative": ({"max_iter": -1}, V, "'max_iter' parameter .* Got -1 instead"),
    "max_iter float": ({"max_iter": 10.0}, V, "'max_iter' parameter .* Got 10.0 instead"),
    "max_iter bool": ({"max_iter": True}, V, "'max_iter' parameter .* Got True instead"),
    "solver unknown": ({"solver": "saga"}, V, "'solver' parameter .* Got 'saga' instead"),
    "solver class": ({"solver": SoftmaxRegression}, V, "'solver' parameter"),
    "eta with an exact solver": ({"solver": "lbfgs", "eta": 0.1}, V, "eta select gradient descent"),
    "eta zero": ({"eta": 0.0}, V, "'eta' parameter .* Got 0.0 instead"),
    "eta inf": ({"eta": np.inf}, V, "eta"),
    "eta bool": ({"eta": True}, V, "eta must be a finite number > 0, got True"),
    "epochs zero": ({"epochs": 0}, V, "'epochs' parameter .* Got 0 instead"),
    "epochs float": ({"epochs": 1.5}, V, "'epochs' parameter .* Got 1.5 instead"),
    "minibatches zero": ({"minibatches": 0}, V, "'minibatches' parameter .* Got 0 instead"),
    "fit_intercept string": ({"fit_intercept": "no"}, V, "'fit_intercept' parameter .* Got 'no' instead"),
    "class_weight unknown class": (
        {"class_weight": {7: 1.0, 0: 1.0}},
        V,
        r"weigh labels of y, \[0, 1, 2\], got the unknown \[7\] and none for \[1, 2\]",
    ),
    "class_weight of strings": (
        {"class_weight": {"0": 1.0, "1": 2.0, "2": 3.0}},
        V,
        r"got the unknown \['0', '1', '2'\] and none for \[0, 1, 2\]",
    ),
    "class_weight absent and negative": (
        {"class_weight": {0: 1.0, 1: 1.0, 2: 1.0, 9: -1.0}},
        V,
        r"'class_weight\[9\]' parameter .* Got -1.0 instead",
    ),
    "class_weight negative": ({"class_weight": {0: -1.0}}, V, r"'class_weight\[0\]' parameter .* Got -1.0 instead"),
    "class_weight NaN": ({"class_weight": {0: np.nan}}, V, r"'class_weight\[0\]' parameter .* Got nan instead"),
    "class_weight inf": ({"class_weight": {0: np.inf}}, V, r"'class_weight\[0\]' parameter .* Got inf instead"),
    "class_weight zero": ({"class_weight": {0: 0, 1: 0, 2: 0}}, V, "class_weight .* at least one non-zero"),
    "class_weight list": ({"class_weight": [1, 1, 1]}, V, "'class_weight' parameter"),
    "class_weight misspelt": ({"class_weight": "balance"}, V, "'class_weight' parameter .* Got 'balance' instead"),
    "dtype of integers": ({"dtype": "int32"}, V, "'dtype' parameter .* Got 'int32' instead"),
    "dtype unknown": ({"dtype": "float31"}, V, "'dtype' parameter .* Got 'float31' instead"),
    "random_state float": ({"random_state": 0.5}, V, "'random_state' parameter .* Got 0.5 instead"),
    "random_state negative": ({"random_state": -1}, V, "'random_state' parameter .* Got -1 instead"),
    "verbose string": ({"verbose": "yes"}, V, "'verbose' parameter .* Got 'yes' instead"),
}


def assert_refused(error, words, X=X, y=Y, weight=None, **parameters):
    model = SoftmaxRegression(**parameters)
    before = dict(vars(model))
    with pytest.raises(error, match=words):
        model.fit(X, y, sample_weight=weight)
    assert vars(model) == before
    with pytest.raises(NotFittedError):
        model.predict(np.full((1, 9), np.nan))


@pytest.mark.parametrize(("features", "error", "words"), FEATURES.values(), ids=FEATURES)
def test_features_are_refused(features, error, words):
    assert_refused(error, words, X=features)


@pytest.mark.parametrize(("labels", "error", "words"), LABELS.values(), ids=LABELS)
def test_labels_are_refused(labels, error, words):
    assert_refused(error, words, y=labels)


@pytest.mark.parametrize(("weight", "error", "words"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights_are_refused(weight, error, words):
    assert_refused(error, words, weight=weight)


@pytest.mark.parametrize(("parameters", "error", "words"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters_are_refused_by_fit(parameters, error, words):
    assert_refused(error, words, **parameters)


def test_values_beyond_the_dtype_asked_for_are_refused_after_the_cast():
    assert_refused(V, "too large for float32, first in row 4, column 1", X=with_entry(1e300), dtype="float32")
    assert_refused(V, "too large for float16, first in row 4, column 1", X=with_entry(1e6), dtype="float16")


def test_nan_is_refused_in_a_row_of_weight_zero():
    assert_refused(V, "contains NaN, first in row 4, column 1", X=with_entry(np.nan), weight=np.arange(12) != 4)


def test_class_weights_of_soft_targets_are_refused():
    assert_refused(V, "class_weight needs labels y, got soft targets", y=np.eye(3)[Y], class_weight="balanced")
