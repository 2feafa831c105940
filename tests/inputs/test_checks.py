"""The border on its own: what it returns for good input, and, driven by hypothesis, that it never lets bad input in."""

from __future__ import annotations

import re

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from softmax_jax import SoftmaxRegression
from softmax_jax.inputs import checks

X = np.arange(12.0).reshape(4, 3)
SETTINGS = settings(deadline=None, derandomize=True, max_examples=150)

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
dtypes = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(sizes=(16, 32, 64), endianness="?"),
    hnp.complex_number_dtypes(),
    hnp.datetime64_dtypes(),
    hnp.timedelta64_dtypes(),
    hnp.unicode_string_dtypes(max_len=3),
    hnp.byte_string_dtypes(max_len=3),
)
arrays = dtypes.flatmap(lambda dtype: hnp.arrays(dtype, shapes))
objects = st.lists(st.lists(st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=2)), max_size=3))
anything = st.one_of(
    arrays, objects, st.none(), st.text(max_size=2), st.floats(), st.dictionaries(st.text(), st.none())
)


def outcome(function, *args):
    """What `function` returns, and the message of its TypeError or ValueError."""
    try:
        return function(*args), ""
    except (TypeError, ValueError) as error:
        return None, str(error)


@SETTINGS
@given(anything)
def test_features_are_a_finite_matrix_of_the_same_numbers_or_an_error_that_names_x(value):
    array, words = outcome(checks.features, value)
    if words:
        assert "X" in words
        return
    assert array.ndim == 2 and array.size > 0
    assert array.dtype.name in ("float16", "float32", "float64") and array.dtype.isnative
    assert np.isfinite(array).all()
    np.testing.assert_array_equal(array, np.asarray(value).astype(array.dtype))


@SETTINGS
@given(hnp.arrays(hnp.floating_dtypes(sizes=(16, 32, 64), endianness="="), (4, 3), elements={"allow_nan": True}))
@example(np.full((4, 3), 1.7e308))  # the sum overflows, the entries do not
@example(np.full((4, 3), 65000, np.float16))
@example(np.array([[np.inf, -np.inf, 1]] * 4))
def test_features_are_refused_exactly_where_an_entry_is_not_finite(array):
    if np.isfinite(array).all():
        assert checks.features(array) is array
    else:
        row, column = np.argwhere(~np.isfinite(array))[0]
        with pytest.raises(ValueError, match=f"first in row {row}, column {column};"):
            checks.features(array)


@SETTINGS
@given(anything)
def test_labels_are_indices_into_sorted_distinct_classes_or_an_error(value):
    n = len(value) if isinstance(value, list) or getattr(value, "ndim", 0) else 3
    encoded, words = outcome(checks.targets, value, n)
    if words:
        assert re.search(r"\by\b|Unknown label type", words)
        return
    T, classes = encoded
    if T.ndim == 1:
        assert T.dtype == np.int32 and len(classes) >= 2
        assert (classes[:-1] < classes[1:]).all()
        np.testing.assert_array_equal(classes[T], np.asarray(value))
    else:
        assert (T >= 0).all()
        np.testing.assert_allclose(T.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_array_equal(classes, np.arange(T.shape[1]))


@SETTINGS
@given(hnp.arrays(np.float64, st.integers(1, 5), elements=st.floats()))
@example(np.array([1e300, 1e-300]))
@example(np.array([5e-324]))
@example(np.array([1.7e308, 1.7e308, 0.0]))
def test_weights_are_scaled_to_a_maximum_of_one_or_refused(weight):
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        with pytest.raises(ValueError, match="sample_weight must"):
            checks.weights(weight, len(weight))
        return
    scaled = checks.weights(weight, len(weight))
    assert scaled.max() == 1 and scaled.min() >= 0 and np.isfinite(scaled.sum())
    np.testing.assert_array_equal(scaled, weight / weight.max())


@SETTINGS
@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=3), st.none(), st.complex_numbers()))
@example(np.float32(0.5))
def test_a_number_is_returned_in_range_or_refused_with_its_name(value):
    real = isinstance(value, (int, float, np.floating)) and not isinstance(value, bool)
    if real and 0 <= value < np.inf:
        result = checks.number(value, "l2", low=0)
        assert type(result) is float and result == float(value)
    else:
        with pytest.raises(ValueError, match="The 'l2' parameter must be a finite real number >= 0"):
            checks.number(value, "l2", low=0)


@pytest.mark.filterwarnings("ignore:X is numerically constant")
@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    hnp.arrays(np.float64, (8, 2), elements=st.floats(-1e6, 1e6)),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3, unique=True),
    st.permutations([0, 0, 0, 0, 1, 1, 2, 2]),
    st.integers(0, 7),
)
def test_what_passes_the_border_is_fitted_without_nan(features, names, order, row):
    labels = np.array(names)[order]
    model = SoftmaxRegression(l2=1.0, solver="newton", tol=1.0).fit(features, labels)
    assert np.isfinite(model.coef_).all() and np.isfinite(model.intercept_).all()
    np.testing.assert_allclose(model.predict_proba(features).sum(axis=1), 1)
    assert set(model.predict(features)) <= set(labels)
    features[row, 1] = np.nan
    with pytest.raises(ValueError, match=f"NaN, first in row {row}, column 1"):
        model.predict(features)


def test_an_integer_beyond_float64_is_no_finite_number():
    with pytest.raises(ValueError, match="The 'l2' parameter must be a finite real number >= 0"):
        checks.number(10**400, "l2", low=0)


def test_features_are_the_callers_memory_where_nothing_is_converted():
    for array in (X, X.astype(np.float16), X.astype(np.float32), X.astype(jnp.bfloat16), jnp.asarray(X), X.T):
        assert checks.features(array) is array


def test_integer_features_of_a_jax_array_stay_a_jax_array():
    array = checks.features(jnp.ones((4, 3), jnp.int8))
    assert isinstance(array, type(jnp.ones(1)))
    assert array.dtype == jnp.float32


def test_a_model_names_the_features_that_it_expects():
    with pytest.raises(ValueError, match="X has 3 features, but the model is expecting 5"):
        checks.features(X, n_features=5)


def test_the_search_for_nan_goes_beyond_the_first_block():
    long = np.zeros((1_100_000, 1), np.float32)
    long[1_099_999] = np.nan
    with pytest.raises(ValueError, match="first in row 1099999, column 0"):
        checks.features(long)


def test_errors_name_the_column_of_a_frame():
    frame = pd.DataFrame({"height": [1, 2], "colour": ["red", "blue"]})
    with pytest.raises(ValueError, match="got 'red' in row 0, column 'colour'"):
        checks.features(frame)


def test_labels_are_encoded_against_given_classes():
    index, classes = checks.targets(["b", "c"], 2, classes=["c", "a", "b"])
    assert (index.tolist(), classes.tolist()) == ([1, 2], ["a", "b", "c"])
    assert checks.targets([7], 1, classes=[7, 9])[0].tolist() == [0]  # one sample, one class of two


@pytest.mark.parametrize(
    ("labels", "classes", "error", "words"),
    [
        (["a", "z"], ["a", "b"], ValueError, "must hold the labels 'a', 'b', got 'z'"),
        ([1, 2], ["1", "2"], TypeError, "y and classes must be of one type"),
        (["a", "b"], ["a", "a"], ValueError, "classes must be at least 2 different labels"),
        (["a", "a"], ["a"], ValueError, "classes must be at least 2 different labels"),
        (np.full((2, 3), 1 / 3), ["a", "b"], ValueError, "classes must name the 3 columns of soft targets y, got 2"),
    ],
)
def test_labels_outside_given_classes_are_refused(labels, classes, error, words):
    with pytest.raises(error, match=words):
        checks.targets(labels, 2, classes=classes)


@pytest.mark.parametrize(("dtype", "slack"), [(np.float16, 5e-3), (jnp.bfloat16, 1e-2), (np.float32, 5e-5)])
def test_soft_targets_may_be_off_by_the_rounding_of_their_dtype(dtype, slack):
    T, _ = checks.targets(np.array([[0.5, 0.5 - slack]], dtype), 1)
    assert T.dtype == np.float64
    np.testing.assert_allclose(T.sum(), 1, rtol=3e-16)
    with pytest.raises(ValueError, match="must sum to 1"):
        checks.targets(np.array([[0.5, 0.5 - 10 * slack]], dtype), 1)


LARGE = 2**53
INTEGERS = {
    "int64": np.array([LARGE, LARGE + 1, -(2**62), 2**62 + 1]),
    "uint64": np.array([2**63, 2**63 + 1, LARGE, LARGE + 1], np.uint64),
    "a list": [LARGE, LARGE + 1, -LARGE - 1, 5],
    "objects": np.array([2**62, 2**62 + 1, 7, LARGE + 1], object),
    "a series": pd.Series([LARGE, LARGE + 1, 7, 8], dtype="Int64"),
    "the largest floats that are exact": np.array([LARGE - 1.0, LARGE - 2.0, 1.0, 0.0]),
    "float32": np.array([2**24 - 1, 2**24 - 2, 1, 0], np.float32),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_large_integers_stay_apart(name):
    index, classes = checks.targets(INTEGERS[name], 4)
    assert [int(label) for label in classes[index]] == [int(label) for label in INTEGERS[name]]
    assert len(classes) == 4


def test_signed_and_unsigned_labels_are_compared_as_integers():
    unsigned = np.array([2**60 + 1, 2**60], np.uint64)
    assert checks.targets(unsigned, 2, classes=[2**60, 2**60 + 1])[0].tolist() == [1, 0]
    with pytest.raises(ValueError, match="got 1152921504606846977"):
        checks.targets(unsigned, 2, classes=[2**60, 2**60 + 2])
