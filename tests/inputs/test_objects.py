"""Arrays of Python objects become the numbers that Python's float makes of each entry, or are refused."""

from __future__ import annotations

import decimal
import fractions

import numpy as np
import pandas as pd
import pytest

from softmax_jax.inputs import checks, objects

A = np.random.default_rng(0).standard_normal((40, 4))
OBJECTS = {
    "floats": A.tolist(),
    "integers": np.arange(12).reshape(3, 4).tolist(),
    "bool": (A > 0).tolist(),
    "fractions": [[fractions.Fraction(i, 4) for i in range(4)]],
    "decimals beside floats": [[decimal.Decimal("0.25"), 1.5, 2, True]],
    "NumPy scalars": [[np.float32(0.5), np.int8(3), np.bool_(True), np.float64(2)]],
    "large integers": [[2**60, -(2**70), 1, 0]],
    "arrays without dimensions": [[np.array(1.5), np.array(2), 3.0, 1]],
}


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_that_are_numbers_are_converted_one_by_one_as_python_does(name):
    rows = OBJECTS[name]
    array = np.empty((len(rows), 4), object)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            array[i, j] = value
    expected = [[float(value) for value in row] for row in rows]
    np.testing.assert_array_equal(checks.features(array), expected)
    np.testing.assert_array_equal(checks.features(np.asfortranarray(array)), expected)


@pytest.mark.parametrize("missing", [None, pd.NA, pd.NaT, np.nan, np.float32("nan"), decimal.Decimal("nan")])
def test_missing_entries_become_nan_in_their_place(missing):
    array = A.astype(object)
    array[3, 2] = missing
    result = objects.from_objects(array, "X", str)
    assert np.isnan(result[3, 2]) and np.isnan(result).sum() == 1
    assert array[3, 2] is missing  # the caller's array is as it was
    with pytest.raises(ValueError, match="contains NaN, first in row 3, column 2"):
        checks.features(array)


def test_one_string_among_strings_of_numbers_is_found():
    with pytest.raises(ValueError, match="strings are not converted, got '1' in row 0, column 0"):
        checks.features(np.array([["1", "2"], ["3", "4"]], object))
