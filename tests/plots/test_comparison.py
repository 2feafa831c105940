"""Pictures of several features: their test accuracies, and few-shot curves."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.plots import plot_comparison, plot_few_shot


def test_features_are_listed_with_means_errors_and_seeds():
    ax = plot_comparison(["one", "two"], [[0.5, 0.7], [0.9, np.nan]], [0.1, 0.05], n_test=40)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
    assert ax.get_title(loc="left") == "highest: two, 0.9000" and "each of 2 seeds" in ax.get_xlabel()
    means = ax.containers[0].lines[0]
    np.testing.assert_allclose(means.get_xdata(), [0.6, 0.9])
    one = plot_comparison(["one", "none"], [[0.5], [np.nan]], [0.1, np.nan], n_test=40)
    assert "seeds" not in one.get_xlabel() and len(one.containers[0].lines[0].get_xdata()) == 1


def test_curves_are_means_over_the_draws_that_are_done():
    accuracy = np.array([[[0.2, 0.4], [0.5, np.nan], [np.nan, np.nan]]])
    ax = plot_few_shot([1, 2, 4], accuracy, names=["one"], n_classes=5)
    curve, chance = ax.get_lines()
    np.testing.assert_allclose(curve.get_xydata(), [[1, 0.3], [2, 0.5]])
    assert set(chance.get_ydata()) == {0.2} and ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "4"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plot_comparison(["a"], [0.5], [0.1], n_test=1), r"accuracy must be \(F, S\)"),
        (lambda: plot_comparison(["a", "b"], [[0.5]], [0.1], n_test=1), "names must hold 1 names"),
        (lambda: plot_few_shot([1, 2], np.zeros((1, 3, 1)), names=["a"]), r"accuracy must be \(F, 2, S\)"),
        (lambda: plot_few_shot([1], np.full((1, 1, 1), np.nan), names=["a"]), "must hold a number"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
