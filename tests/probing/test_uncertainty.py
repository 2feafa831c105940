"""The standard error of a share, strengths within it, and peaks that stand out beyond it."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.probing.uncertainty import peaks, standard_error, within


def test_the_standard_error_is_that_of_a_share_with_one_right_and_one_wrong_row_more():
    assert standard_error(0.5, 98) == pytest.approx(0.5 / 10)
    assert standard_error(1.0, 12) == pytest.approx(np.sqrt(13 / 14 * 1 / 14 / 14))
    assert np.isnan(standard_error(0.5, 0))


def test_strengths_within_the_error_are_counted_the_winner_among_them():
    scores = np.array([0.5, 0.89, 0.9, np.nan, 0.7])
    assert within(scores, 2, 0.02) == 2
    assert within(scores, 2, 0.0) == 1
    assert within(scores, 2, 0.5) == 4


CURVES = {
    "one peak": ([0.1, 0.5, 0.9, 0.6], 2, 0.0, [2]),
    "two, by more than the margin": ([0.8, 0.2, 0.9, 0.1], 2, 0.1, [0, 2]),
    "two, by less than it": ([0.8, 0.75, 0.9, 0.1], 2, 0.1, [2]),
    "a plateau is the winner's": ([0.1, 0.9, 0.9, 0.9, 0.2], 3, 0.0, [3]),
    "two of one height, parted by a valley": ([0.9, 0.2, 0.9, 0.9], 3, 0.1, [0, 3]),
    "a ripple on the flank": ([0.9, 0.7, 0.72, 0.4, 0.6], 0, 0.05, [0, 4]),
    "strengths without a score are passed over": ([0.1, np.nan, 0.9, np.nan, 0.5], 2, 0.0, [2]),
    "the ends count": ([0.9, 0.5, 0.8], 0, 0.05, [0, 2]),
}


@pytest.mark.parametrize("name", CURVES)
def test_peaks_stand_out_by_more_than_the_margin(name):
    scores, best, margin, expected = CURVES[name]
    assert peaks(np.array(scores), best, margin) == expected
