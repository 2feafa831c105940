"""Samples of rows: every row once over all combs, and no period that a sample follows."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.problem.sampling import comb, sampled


@pytest.mark.parametrize(("n", "rows"), [(96, 32), (80, 16), (512, 512), (7, 1)])
def test_the_combs_together_take_every_row_once(n, rows):
    taken = np.concatenate([np.asarray(comb(i, n, rows)) for i in range(n // rows)])
    np.testing.assert_array_equal(np.sort(taken), np.arange(n))


@pytest.mark.parametrize(("n", "stride"), [(100, 7), (100, 1), (5, 100), (64, 8)])
def test_a_sample_has_one_row_of_each_stratum(n, stride):
    taken = sampled(n, stride)
    np.testing.assert_array_equal(taken // stride, np.arange(-(-n // stride)))
    assert taken.max() < n


@pytest.mark.parametrize("period", [2, 3, 4, 5, 8, 16, 64])
def test_a_sample_meets_every_phase_of_a_period(period):
    for taken in (sampled(64_000, 64), np.asarray(comb(3, 65_536, 512))):
        counts = np.bincount(taken % period, minlength=period)
        assert counts.min() > 0.5 * len(taken) / period or len(taken) < 20 * period
        assert counts.min() > 0
