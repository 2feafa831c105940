"""The picture of a path along l1: curves, counts and scores are those that it was given; the best is marked."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from softmax_jax.model import Params
from softmax_jax.plots import SparsePathDisplay, plot_sparse_path

L1 = np.array([0.1, 1.0, 0.01])  # on purpose not in order
W = np.zeros((3, 4, 2))
W[0, 1] = [0.6, -0.8]  # feature 1 at 0.1; features 1 and 2 at 0.01; 0 and 3 never
W[2, 1] = [3.0, -4.0]
W[2, 2] = [0.0, 2.0]
ACCURACY = np.array([0.8, 0.5, 0.7])


def line(ax, label) -> Any:
    return next(line for line in ax.get_lines() if line.get_label() == label)


def words_inside(ax) -> bool:
    """Whether every text of the figure, drawn, lies in it."""
    figure = ax.figure
    figure.savefig(io.BytesIO(), format="png")
    boxes = [figure.axes[-1].xaxis.label.get_window_extent(), ax.title.get_window_extent()]
    return all(box.x0 >= 0 and box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)


def test_the_norms_of_features_are_drawn_against_l1_strong_to_weak():
    ax = plot_sparse_path(L1, W, feature_names=["a", "b", "c", "d"])
    np.testing.assert_array_equal(line(ax, "b").get_xdata(), [1.0, 0.1, 0.01])
    np.testing.assert_allclose(line(ax, "b").get_ydata(), [0.0, 1.0, 5.0])
    np.testing.assert_allclose(line(ax, "c").get_ydata(), [0.0, 0.0, 2.0])
    assert {label for label in ax.get_legend_handles_labels()[1]} == {"b", "c"}
    assert ax.get_xscale() == "log" and ax.get_xlim()[0] > ax.get_xlim()[1]
    assert ax.get_title(loc="left") == "2 of 4 features, 3 strengths"
    assert len(ax.figure.axes) == 1 and words_inside(ax)


def test_the_number_of_features_is_along_the_top():
    ax = plot_sparse_path(L1, W)
    top = next(axis for axis in ax.child_axes if axis.get_xlabel() == "features")
    ax.figure.canvas.draw()
    places = dict(zip(top.get_xticks().tolist(), (tick.get_text() for tick in top.get_xticklabels()), strict=True))
    assert places == {1.0: "0", 0.1: "1", 0.01: "2"}


def test_the_weights_of_one_class_are_that_of_the_largest_or_the_one_asked_for():
    ax = plot_sparse_path(L1, W, of="coefficients", classes=["no", "yes"])
    assert ax.get_ylabel() == "weight for class yes"
    np.testing.assert_allclose(line(ax, "1").get_ydata(), [0.0, -0.8, -4.0])
    other = plot_sparse_path(L1, W, of="coefficients", classes=["no", "yes"], label="no")
    np.testing.assert_allclose(line(other, "1").get_ydata(), [0.0, 0.6, 3.0])


def test_scores_are_below_and_the_best_is_marked():
    ax = plot_sparse_path(L1, W, scores=ACCURACY)
    below = ax.figure.axes[-1]
    lines: Any = below.get_lines()
    scores, star = lines[:2]
    np.testing.assert_array_equal(scores.get_ydata(), [0.5, 0.8, 0.7])
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (0.1, 0.8)
    assert below.get_xlim() == ax.get_xlim() and words_inside(ax)
    assert ax.get_title(loc="left") == "accuracy 0.8 with 1 of 4 features at l1 = 0.1"
    assert "loss 0.5" in plot_sparse_path(L1, W, scores=ACCURACY, kind="loss").get_title(loc="left")
    assert "0.01" in plot_sparse_path(L1, W, scores=ACCURACY, best=2).get_title(loc="left")


def test_strengths_that_were_not_run_are_left_out():
    missing = W.copy()
    missing[2] = np.nan
    ax = plot_sparse_path(L1, missing, scores=np.array([0.8, 0.5, np.nan]))
    np.testing.assert_array_equal(line(ax, "1").get_xdata(), [1.0, 0.1])


def test_of_many_features_the_largest_have_colours():
    many = np.random.default_rng(0).standard_normal((3, 30, 2))
    ax = plot_sparse_path(L1, many, most=5)
    labels = ax.get_legend_handles_labels()[1]
    assert len(labels) == 6 and labels[-1] == "25 others"
    largest = np.argsort(-np.linalg.norm(many[2], axis=1))[:5]
    assert labels[:5] == [str(i) for i in largest]


def test_it_takes_a_part_of_a_grid_and_says_so_of_others():
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    assert plot_sparse_path(L1, W, scores=ACCURACY, ax=left) is left
    assert len(figure.axes) == 3 and right.get_position().x0 > left.get_position().x1
    with pytest.raises(ValueError, match="ax must be a part of a grid"):
        plot_sparse_path(L1, W, scores=ACCURACY, ax=Figure().add_axes((0.1, 0.1, 0.8, 0.8)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"l1_values": [0.1, 0.0, 1.0]}, "l1_values must be finite and above 0"),
        ({"W": W[:2]}, r"W must be \(L, m, k\) with L = 3"),
        ({"W": W * np.nan}, "finite at some strength"),
        ({"scores": [0.1]}, "scores must be as long as l1_values, 3"),
        ({"kind": "f1"}, "kind must be one of accuracy, loss"),
        ({"of": "rows"}, "of must be one of features, coefficients"),
        ({"most": 0}, "most must be >= 1"),
        ({"best": 3}, "best must be the index"),
        ({"of": "coefficients", "label": "maybe"}, "label must be one of classes"),
        ({"feature_names": ["a"]}, "feature_names must hold 4 names"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        plot_sparse_path(**{"l1_values": L1, "W": W, **arguments})


def test_the_display_draws_a_path_with_and_without_validation():
    empty = np.full(3, np.nan)
    path: dict[str, Any] = {"l1_values": L1, "params": Params(W, np.zeros((3, 2))), "classes": np.array(["no", "yes"])}
    with_scores: Any = SimpleNamespace(**path, val_accuracy=ACCURACY, val_loss=empty, best_by=lambda score: 0)
    shown = SparsePathDisplay.from_result(with_scores)
    assert len(shown.figure_.axes) == 2 and "accuracy 0.8" in shown.ax_.get_title(loc="left")
    without: Any = SimpleNamespace(**path, val_accuracy=empty, val_loss=empty)
    bare = SparsePathDisplay.from_result(without, of="coefficients")
    assert len(bare.figure_.axes) == 1 and "yes" in bare.ax_.get_ylabel()
