"""Which classes are taken for which, as a list: of a hundred classes a matrix shows nothing but its diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from softmax_jax.plots.confusion import class_positions, plot_confusion_matrix
from softmax_jax.plots.style import BLUE, finish, new_axes, short
from softmax_jax.runtime.host import in_numpy

_LARGEST_MATRIX = 30  # classes up to which `plot_confusion` shows a matrix


@in_numpy
def plot_confused_pairs(
    y_true: Any, y_pred: Any, *, classes: Any = None, most: int = 20, ax: Axes | None = None
) -> Axes:
    """The pairs of classes that are taken for each other most often, a bar for each, the most frequent on top.

    Args:
      y_true: (n,) labels.
      y_pred: (n,) labels.
      classes: (k,) the labels in any order; those that occur where not given.
      most: pairs to show, at least 1.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes; beside each bar is what share of the rows of the true class it is.

    Raises:
      ValueError: y_true is empty, differs in length from y_pred, or has a label that is not in classes; most < 1.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or y_true.size == 0:
        raise ValueError(f"y_true and y_pred must be equally long and not empty, got {y_true.size}, {y_pred.size}.")
    if most < 1:
        raise ValueError(f"most must be >= 1, got {most}.")
    classes = np.union1d(y_true, y_pred) if classes is None else np.asarray(classes)
    truth, guess = class_positions(y_true, classes), class_positions(y_pred, classes)
    wrong = truth != guess
    pairs, counts = np.unique(np.stack([truth[wrong], guess[wrong]]), axis=1, return_counts=True)
    first = np.argsort(-counts, kind="stable")[:most]
    right = f"{np.sum(~wrong)} of {y_true.size} right: {np.mean(~wrong):.4f}"
    ax = ax if ax is not None else new_axes((6.6, 0.27 * max(4, len(first)) + 1.2))
    if not wrong.any():
        ax.text(0.5, 0.5, "no mistakes", transform=ax.transAxes, ha="center", va="center")
        ax.set(xticks=[], yticks=[])
        return finish(ax, right)
    names = [f"{short(classes[i], 24)} → {short(classes[j], 24)}" for i, j in pairs.T[first]]
    _draw(ax, counts[first], names, counts[first] / np.bincount(truth)[pairs[0, first]])
    finish(ax, f"{right}; {counts[first].sum()} of {wrong.sum()} mistakes are these")
    ax.grid(False)  # it would run through the words
    return ax


def _draw(ax: Axes, counts: np.ndarray, names: list[str], shares: np.ndarray) -> None:
    bars = ax.barh(np.arange(len(counts)), counts, height=0.7, color=BLUE)
    ax.bar_label(bars, [f"{share:.0%} of the class" for share in shares], padding=4, fontsize=8, color="#56636f")
    ax.set_yticks(np.arange(len(counts)), names, fontsize=9)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlim=(0, 1.22 * counts.max()), ylim=(len(counts) - 0.4, -0.6))
    ax.set(xlabel="rows", ylabel="true → predicted class")


def plot_confusion(y_true: Any, y_pred: Any, classes: Any) -> Axes:
    """The confusion matrix, or of more than 30 classes the most confused pairs; arguments as above."""
    plot = plot_confusion_matrix if len(classes) <= _LARGEST_MATRIX else plot_confused_pairs
    return plot(y_true, y_pred, classes=classes)
