"""The difference of two models on the same rows: McNemar's exact test by hand, an interval that covers."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.probing import paired
from softmax_jax.probing.paired import difference, interval, mcnemar


def test_mcnemar_is_the_binomial_test_of_the_rows_that_differ():
    assert mcnemar(5, 0) == pytest.approx(2 * 0.5**5)
    assert mcnemar(3, 1) == pytest.approx(2 * (4 + 1) / 16)
    assert mcnemar(0, 0) == mcnemar(2, 2) == 1.0


def test_the_difference_is_that_of_the_accuracies_over_all_tests():
    first = np.array([[1, 1, 0, np.nan], [1, np.nan, 1, 1]])
    second = np.array([[0, 1, 1, np.nan], [0, np.nan, 1, 0]])
    found = difference(("a", "b"), first, second)
    assert found.difference == pytest.approx(np.nanmean(first) - np.nanmean(second))
    assert found.low <= found.difference <= found.high and np.isnan(found.p_value)
    assert "McNemar" not in found.words()


def test_one_test_of_each_row_has_a_p_value_and_equal_models_differ_by_nothing():
    right = np.array([[1.0, 0, 1, 1, 0]])
    same = difference(("a", "b"), right, right)
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    assert same.words().startswith("+0.0000, 95 % interval +0.0000 to +0.0000, McNemar p = 1")
    with pytest.raises(ValueError, match="no test row in common"):
        difference(("a", "b"), right, np.full((1, 5), np.nan))


def test_the_interval_is_that_of_a_normal_mean_for_many_rows():
    d = np.random.default_rng(0).choice([1.0, 0.0, -1.0], 2000, p=[0.15, 0.8, 0.05])
    low, high = interval(d, np.ones(2000))
    half = 1.96 * d.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((d.mean() - half, d.mean() + half), abs=0.1 * half)


def test_the_interval_covers_the_truth_in_about_95_of_100_cases(monkeypatch):
    monkeypatch.setattr(paired, "_DRAWS", 500)
    rng, covered = np.random.default_rng(1), 0
    for seed in range(100):
        d = rng.choice([1.0, 0.0, -1.0], 300, p=[0.15, 0.8, 0.05])
        low, high = interval(d, np.ones(300), seed)
        covered += low <= 0.10 <= high
    assert 88 <= covered <= 99
