"""Pictures: they show the numbers that they were given, and leave nothing open."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from softmax_jax.plots import plot_confusion_matrix, plot_loss_curve


def _save(ax) -> int:
    file = io.BytesIO()
    ax.figure.savefig(file, format="png")
    return len(file.getvalue())


def test_the_loss_curve_shows_the_history_and_the_proven_bound():
    history = [2.0, 1.5, 1.2, 1.1]
    ax = plot_loss_curve(history, floor=1.05)
    curve, bound = ax.get_lines()
    np.testing.assert_array_equal(curve.get_xdata(), [1, 2, 3, 4])
    np.testing.assert_array_equal(curve.get_ydata(), history)
    assert set(bound.get_ydata()) == {1.05}
    assert ax.get_yscale() == "linear"
    assert "1.1" in ax.get_title(loc="left")
    assert _save(ax) > 1000


def test_a_wide_range_of_costs_is_shown_on_a_logarithmic_axis():
    assert plot_loss_curve([5.0, 1.0, 0.1]).get_yscale() == "log"
    assert plot_loss_curve([5.0, 1e70, np.inf]).get_yscale() == "log"
    assert plot_loss_curve([2.0, 1.0, 0.7]).get_yscale() == "linear"
    assert plot_loss_curve(np.linspace(2, 1, 500)).get_xscale() == "log"


def test_a_bound_below_zero_says_nothing_and_is_not_drawn():
    assert len(plot_loss_curve([2.0, 1.0], floor=-0.1).get_lines()) == 1
    assert len(plot_loss_curve([2.0, 1.0], floor=-np.inf).get_lines()) == 1


def test_minibatches_are_shown_with_the_mean_of_each_epoch():
    ax = plot_loss_curve([4.0, 2.0, 3.0, 1.0, 2.0, 0.5], updates_per_epoch=2)
    means = ax.get_lines()[1]
    np.testing.assert_array_equal(means.get_ydata(), [3.0, 2.0, 1.25])
    np.testing.assert_array_equal(means.get_xdata(), [0.5, 1.5, 2.5])
    assert ax.get_xlabel() == "epoch"
    assert ax.get_title(loc="left") == "mean cost of the last epoch: 1.25"


def test_a_diverged_history_is_still_drawn():
    assert _save(plot_loss_curve([2.0, 1e30, np.inf, np.nan])) > 1000


def test_the_confusion_matrix_counts_true_rows_and_predicted_columns():
    y_true, y_pred = ["a", "a", "a", "b"], ["a", "a", "b", "b"]
    ax = plot_confusion_matrix(y_true, y_pred)
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(0, 0): "2", (1, 0): "1", (1, 1): "1"}
    np.testing.assert_allclose(ax.get_images()[0].get_array(), [[2 / 3, 1 / 3], [0, 1]])
    assert ax.get_title(loc="left") == "3 of 4 right: 0.7500"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "b"]


def test_classes_that_do_not_occur_keep_their_row():
    ax = plot_confusion_matrix([0, 1], [0, 0], classes=[2, 0, 1])
    np.testing.assert_array_equal(ax.get_images()[0].get_array(), [[0, 0, 0], [0, 1, 0], [0, 1, 0]])


def test_many_classes_with_long_names_are_drawn_without_numbers():
    names = np.array([f"a class with a long name {i}" for i in range(60)])
    ax = plot_confusion_matrix(names, names)
    assert not ax.texts
    assert len(ax.get_yticks()) <= 40
    assert _save(ax) > 1000


def test_figures_stay_outside_pyplot_and_a_given_axes_is_drawn_on():
    import matplotlib.pyplot as plt

    given = Figure().subplots(1, 2)
    assert plot_loss_curve([1.0], ax=given[0]) is given[0]
    assert plot_confusion_matrix([0], [0], ax=given[1]) is given[1]
    plot_loss_curve([1.0])
    plot_confusion_matrix([0, 1], [1, 1])
    assert plt.get_fignums() == []


def test_what_cannot_be_drawn_is_refused_by_name():
    with pytest.raises(ValueError, match="history"):
        plot_loss_curve([])
    with pytest.raises(ValueError, match="updates_per_epoch"):
        plot_loss_curve([1.0], updates_per_epoch=0)
    with pytest.raises(ValueError, match="y_true and y_pred"):
        plot_confusion_matrix([1, 2], [1])
    with pytest.raises(ValueError, match="y_true and y_pred"):
        plot_confusion_matrix([], [])
    with pytest.raises(ValueError, match="classes must contain every label, got label .*5"):
        plot_confusion_matrix([1, 5], [1, 1], classes=[3, 1])


@pytest.mark.parametrize("k", [2, 3, 10])
def test_nothing_of_a_confusion_matrix_is_cut_off(k):
    y = np.array(list("abcdefghij"))[np.arange(60) % k]
    ax = plot_confusion_matrix(y, y)
    ax.figure.savefig(io.BytesIO())
    whole = ax.figure.get_window_extent()
    for axes in ax.figure.axes:
        label = axes.yaxis.label.get_window_extent()
        assert whole.x0 < label.x0 and label.x1 < whole.x1
