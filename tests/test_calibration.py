"""Calibration: against plain NumPy, scipy's minimiser in float64, and numbers worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.special import log_softmax, softmax

from softmax_jax.calibration import expected_calibration_error, reliability_table, temperature_scale


def make_samples(n=200, k=4, scale=3.0, seed=0):
    """Net input Z, and labels drawn from softmax(Z / scale), so that the best temperature is near `scale`."""
    rng = np.random.default_rng(seed)
    Z = scale * rng.standard_normal((n, k))
    y = np.array([rng.choice(k, p=p) for p in softmax(Z / scale, axis=1)])
    return Z, y, rng.uniform(0, 3, n)


def reference_cost(t, Z, T, s):
    return float(np.average(-(T * log_softmax(Z / t, axis=1)).sum(axis=1), weights=s))


def reference_slope(c, Z, T, s):
    return float(np.average((softmax(c * Z, axis=1) * Z - T * Z).sum(axis=1), weights=s))


@pytest.mark.parametrize("scale", [0.01, 0.5, 3.0, 1000.0])
@pytest.mark.parametrize("k", [2, 7])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_is_where_scipy_finds_the_minimum(scale, k, weighted):
    Z, y, s = make_samples(k=k, scale=scale)
    T, s = np.eye(k)[y], s if weighted else np.ones(len(y))
    result = temperature_scale(Z, y, s if weighted else None)
    root: Any = brentq(reference_slope, 1e-3 / scale, 1e3 / scale, args=(Z, T, s), xtol=1e-300, rtol=np.float64(1e-14))
    found: Any = minimize_scalar(lambda u: reference_cost(np.exp(u), Z, T, s), np.log([scale / 2, scale * 2]))
    assert result.status == "converged"
    assert result.temperature == pytest.approx(1 / root, rel=1e-10)
    assert result.cost_after == pytest.approx(found.fun, rel=1e-12)
    assert result.cost_before == pytest.approx(reference_cost(1.0, Z, T, s), rel=1e-12)
    assert result.cost_after <= result.cost_before


def test_two_samples_by_hand():
    # three of four samples are right at a margin of 2: softmax must give 3/4, so 2 / t = log 3
    Z = np.array([[2.0, 0.0]] * 4)
    result = temperature_scale(Z, [0, 0, 0, 1])
    assert result.temperature == pytest.approx(2 / np.log(3), rel=1e-12)
    assert result.cost_after == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25), rel=1e-12)
    weighted = temperature_scale(Z[:2], [0, 1], [3.0, 1.0])
    assert weighted.temperature == pytest.approx(result.temperature, rel=1e-12)


def test_soft_targets_equal_the_labels_that_they_average():
    Z = np.array([[1.0, 0.0, -1.0], [0.0, 2.0, 1.0]])
    T = np.array([[0.75, 0.25, 0.0], [0.0, 0.5, 0.5]])
    rows, y = [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 2, 2]
    assert temperature_scale(Z, T)[:3] == pytest.approx(temperature_scale(Z[rows], y)[:3], rel=1e-10)


def test_a_scaled_net_input_scales_the_temperature_and_a_shift_of_rows_changes_nothing(rng):
    Z, y, _ = make_samples()
    t = temperature_scale(Z, y).temperature
    shifted = Z + rng.standard_normal((len(Z), 1))
    assert temperature_scale(shifted, y).temperature == pytest.approx(t, rel=1e-10)
    for factor in (1e-200, 1e-3, 1e5, 1e300):
        assert temperature_scale(factor * Z, y).temperature == pytest.approx(factor * t, rel=1e-10)


def test_an_outlier_of_any_size_leaves_a_finite_temperature():
    Z, y, _ = make_samples()
    Z[0] = 0
    Z[0, y[0]] = 1e12
    result = temperature_scale(Z, y)
    assert result.status == "converged"
    assert result.temperature == pytest.approx(temperature_scale(Z[1:], y[1:]).temperature, rel=1e-9)


def test_separated_samples_have_no_best_temperature():
    Z = np.array([[3.0, 1.0, 0.0], [0.0, 5.0, 5.0], [0.0, 0.1, 0.2]])
    result = temperature_scale(Z, [0, 1, 2])
    assert (result.temperature, result.status) == (0.0, "separated")
    assert result.cost_after == pytest.approx(np.log(2) / 3, rel=1e-12)  # the tie in the second row
    assert result.cost_after == pytest.approx(reference_cost(1e-3, Z, np.eye(3), np.ones(3)), rel=1e-12)


def test_a_wrong_sample_of_weight_zero_does_not_hide_separation():
    Z = np.array([[3.0, 1.0], [0.0, 5.0], [4.0, 0.0]])
    assert temperature_scale(Z, [0, 1, 1], [1, 1, 0]).status == "separated"
    assert temperature_scale(Z, [0, 1, 1], [1, 1, 1]).status == "converged"


def test_net_input_that_points_to_wrong_classes_is_uninformative():
    result = temperature_scale(np.array([[3.0, 1.0, 0.0], [0.0, 5.0, 4.0]]), [2, 0])
    assert (result.temperature, result.status) == (np.inf, "uninformative")
    assert result.cost_after == pytest.approx(np.log(3), rel=1e-12)


def test_equal_net_input_leaves_the_temperature_at_one():
    result = temperature_scale(np.full((3, 2), 7.0), [0, 1, 1])
    assert result == (1.0, pytest.approx(np.log(2)), pytest.approx(np.log(2)), "converged")


def test_blocks_of_rows_add_up():
    Z, y, s = make_samples(n=3000, k=500)
    T = np.eye(500)[y]
    result = temperature_scale(Z, y, s)
    assert result.cost_before == pytest.approx(reference_cost(1.0, Z, T, s), rel=1e-12)
    assert abs(reference_slope(1 / result.temperature, Z, T, s)) < 1e-10


def reference_error(O, y, n_bins, s):
    """The sum over bins as the definition reads."""
    confidence, right = O.max(axis=1), O.argmax(axis=1) == y
    error = 0.0
    for r in range(1, n_bins + 1):
        inside = (confidence > (r - 1) / n_bins) & (confidence <= r / n_bins)
        if s[inside].sum() > 0:
            gap = np.average(right[inside], weights=s[inside]) - np.average(confidence[inside], weights=s[inside])
            error += s[inside].sum() / s.sum() * abs(gap)
    return error


@pytest.mark.parametrize("n_bins", [1, 10, 15, 1000])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_calibration_error_is_the_definition(n_bins, weighted):
    Z, y, s = make_samples(n=500)
    O, s = softmax(Z, axis=1), s if weighted else np.ones(len(y))
    error = expected_calibration_error(O, y, n_bins, s if weighted else None)
    assert error == pytest.approx(reference_error(O, y, n_bins, s), rel=1e-12)
    assert error > 0.001


def test_four_samples_by_hand():
    O = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.3, 0.7]])
    # bin (0.5, 0.75]: confidence 0.65, accuracy 1/2; bin (0.75, 1]: confidence 0.9, accuracy 1
    table = reliability_table(O, [0, 1, 1, 1], n_bins=4)
    np.testing.assert_array_equal(table.lower, [0, 0.25, 0.5, 0.75])
    np.testing.assert_array_equal(table.upper, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(table.weight, [0, 0, 0.5, 0.5], rtol=1e-15)
    np.testing.assert_allclose(table.confidence, [np.nan, np.nan, 0.65, 0.9], rtol=1e-15)
    np.testing.assert_allclose(table.accuracy, [np.nan, np.nan, 0.5, 1], rtol=1e-15)
    assert expected_calibration_error(O, [0, 1, 1, 1], n_bins=4) == pytest.approx(0.5 * 0.15 + 0.5 * 0.1, rel=1e-12)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    table = reliability_table([[0.5, 0.5], [1.0, 0.0]], [0, 0], n_bins=2)
    np.testing.assert_array_equal(table.weight, [0.5, 0.5])


def test_the_best_temperature_calibrates():
    Z, y, _ = make_samples(n=4000, scale=4.0)
    t = temperature_scale(Z, y).temperature
    before = expected_calibration_error(softmax(Z, axis=1), y)
    after = expected_calibration_error(softmax(Z / t, axis=1), y)
    assert after < 0.03 < 0.2 < before


LABELS = {
    "from 1": [1, 2, 3, 4],
    "strings out of order": ["d", "a", "c", "b"],
    "gaps": [0, 2, 4, 6],
    "negative": [-1, 0, 1, 2],
    "floats": [1.0, 3.0, 2.0, 0.0],
    "indices": range(4),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_paired_with_the_columns_that_classes_name(name):
    """Also where a class, here the last one of the columns or the first, does not occur."""
    classes = np.array(LABELS[name])
    Z, y, s = make_samples()
    for left_out in (0, 3):
        rows = y != left_out
        O, index = softmax(Z[rows], axis=1), y[rows]
        labels, weight = classes[index], s[rows]
        error = expected_calibration_error(O, labels, 10, weight, classes=classes)
        assert error == pytest.approx(reference_error(O, index, 10, weight), rel=1e-12)
        table = reliability_table(O, labels.tolist(), 10, weight, classes=classes.tolist())
        assert np.nansum(table.weight * table.accuracy) == pytest.approx(
            np.average(O.argmax(axis=1) == index, weights=weight), rel=1e-12
        )
        found = temperature_scale(Z[rows], labels, weight, classes=classes)
        assert found.cost_before == pytest.approx(reference_cost(1.0, Z[rows], np.eye(4)[index], weight), rel=1e-12)


def test_classes_name_every_column_and_all_labels():
    Z, y, _ = make_samples()
    with pytest.raises(ValueError, match=r"classes must name the 4 columns of Z, got shape \(3,\)"):
        temperature_scale(Z, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="y must hold the labels 1, 2, 3, 4, got 0"):
        temperature_scale(Z, y, classes=[1, 2, 3, 4])
    with pytest.raises(TypeError, match="y and classes must be of one type"):
        temperature_scale(Z, y, classes=["1", "2", "3", "4"])


GOOD = np.array([[0.5, 0.5], [0.2, 0.8]])
BAD_NET_INPUT = {
    "Z contains NaN": ([[np.nan, 1.0]], [0], None),
    "Z must have a column per class": ([[1.0]], [0], None),
    "Z must hold numbers": ([["a", "b"]], [0], None),
    r"y must hold class indices in \[0, 2\), got 2": (GOOD, [0, 2], None),
    r"got 'a': where y holds labels, give those of the columns of Z as classes": (GOOD, ["a", "b"], None),
    "got no 0, as of labels that count from 1": (GOOD, [1, 1], None),
    "Z and y must have the same number of rows": (GOOD, [0], None),
    "y must hold class labels": (GOOD, [0.5, 1], None),
    "sample_weight must have shape": (GOOD, [0, 1], [1.0]),
    "sample_weight must be finite": (GOOD, [0, 1], [1.0, -1.0]),
}
BAD_PROBABILITIES = {
    "O contains NaN": ([[np.nan, 1.0]], [0], 15),
    "O must have a column per class": ([[1.0]], [0], 15),
    "O must hold probabilities": ([[1.5, -0.5]], [0], 15),
    "Rows of O must sum to 1": ([[0.5, 0.2]], [0], 15),
    r"y must be \(n,\) class indices": (GOOD, GOOD, 15),
    "O and y must have the same number of rows": (GOOD, [0, 1, 1], 15),
    r"y must hold class indices in \[0, 2\), got -1": (GOOD, [0, -1], 15),
    r"got 'a': where y holds labels, give those of the columns of O as classes": (GOOD, ["a", "b"], 15),
    "got no 0, as of labels that count from 1": (GOOD, [1, 1], 15),
    "n_bins": (GOOD, [0, 1], 0),
}


@pytest.mark.parametrize("words", BAD_NET_INPUT)
def test_bad_input_of_the_temperature_is_named(words):
    with pytest.raises(ValueError, match=words):
        temperature_scale(*BAD_NET_INPUT[words])


@pytest.mark.parametrize("words", BAD_PROBABILITIES)
def test_bad_input_of_the_calibration_error_is_named(words):
    with pytest.raises(ValueError, match=words):
        expected_calibration_error(*BAD_PROBABILITIES[words])
