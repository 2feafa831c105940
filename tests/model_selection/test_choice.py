"""The best strength: highest score, NaN aside, of equals the least loss, of these the strongest."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.model_selection.choice import best_strength

CASES = {
    "the highest score": ([1.0, 0.1, 0.01], [0.2, 0.9, 0.4], 1),
    "of equals the strongest, in any order": ([0.01, 1.0, 0.1], [0.9, 0.9, 0.9], 1),
    "equal to rounding": ([0.1, 1.0], [0.1 + 0.2, 0.3], 1),
    "NaN is no score": ([1.0, 0.1, 0.01], [np.nan, -2.0, -1.0], 2),
    "infinite scores": ([1.0, 0.1, 0.0], [-np.inf, -np.inf, np.nan], 0),
    "one strength": ([0.0], [-3.0], 0),
}


@pytest.mark.parametrize("name", CASES)
def test_the_best_strength(name):
    l2_values, scores, expected = CASES[name]
    assert best_strength(l2_values, scores) == expected
    assert best_strength(l2_values[::-1], scores[::-1]) == len(scores) - 1 - expected


def test_equal_scores_are_told_apart_by_the_loss_and_equal_losses_by_the_strength():
    l2, scores = [1.0, 0.1, 0.01, 0.001], [0.9, 0.9, 0.9, 0.8]
    assert best_strength(l2, scores, [0.5, 0.3, 0.3, 0.1]) == 1
    assert best_strength(l2, scores, [np.nan, 0.4, 0.3, 0.1]) == 2
    assert best_strength(l2, scores, [np.nan] * 4) == 0


def test_without_any_score_there_is_no_choice():
    with pytest.raises(ValueError, match="a number for some strength, got NaN for each"):
        best_strength([1.0, 0.1], [np.nan, np.nan])
