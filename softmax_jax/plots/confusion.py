"""Which classes are taken for which."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from softmax_jax.plots.style import TITLE, new_axes, short
from softmax_jax.runtime.host import in_numpy

_LARGEST_ANNOTATED = 20  # classes up to which each cell bears its number


@in_numpy
def plot_confusion_matrix(y_true: Any, y_pred: Any, *, classes: Any = None, ax: Axes | None = None) -> Axes:
    """How often each class (row) is predicted as each (column): counts, coloured by their share of the row.

    Args:
      y_true: (n,) labels.
      y_pred: (n,) labels.
      classes: (k,) the labels in the order to show; those that occur, sorted, where not given.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes.

    Raises:
      ValueError: y_true is empty, differs in length from y_pred, or has a label that is not in classes.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or y_true.size == 0:
        raise ValueError(f"y_true and y_pred must be equally long and not empty, got {y_true.size}, {y_pred.size}.")
    classes = np.union1d(y_true, y_pred) if classes is None else np.asarray(classes)
    k = len(classes)
    counts = np.zeros((k, k), np.int64)
    np.add.at(counts, (class_positions(y_true, classes), class_positions(y_pred, classes)), 1)
    side = float(np.clip(0.42 * k + 2.6, 4.2, 11))
    ax = ax if ax is not None else new_axes((side + 0.6, side))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    _annotate(ax, counts, share)
    _label_classes(ax, [short(label) for label in classes])
    ax.set_title(f"{np.trace(counts)} of {y_true.size} right: {np.trace(counts) / y_true.size:.4f}", **TITLE)
    bar: Any = ax.figure.colorbar(image, ax=ax, fraction=0.046, pad=0.04, label="share of the true class")
    bar.outline.set_visible(False)
    return ax


def class_positions(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The index (n,) of each label.

    Args:
      labels: (n,).
      classes: (k,) in any order.

    Raises:
      ValueError: a label is not in classes.
    """
    order = np.argsort(classes)
    positions = order[np.searchsorted(classes, labels, sorter=order).clip(max=len(classes) - 1)]
    strange = labels[classes[positions] != labels]
    if strange.size:
        raise ValueError(f"classes must contain every label, got label {strange[0]!r}.")
    return positions


def _annotate(ax: Axes, counts: np.ndarray, share: np.ndarray) -> None:
    if len(counts) > _LARGEST_ANNOTATED:
        return
    size = 11 if len(counts) <= 6 else 9 if len(counts) <= 12 else 7
    for i, j in np.argwhere(counts):
        colour = "white" if share[i, j] > 0.5 else "#202020"
        ax.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=size, color=colour)


def _label_classes(ax: Axes, names: list[str]) -> None:
    """A tick for each class, or for every few where there are many; long names upright."""
    every = -(-len(names) // 40)
    ticks, shown = range(0, len(names), every), names[::every]
    ax.set_xticks(ticks, shown, rotation=90 if max(map(len, shown)) * len(shown) > 40 else 0)
    ax.set_yticks(ticks, shown)
    ax.tick_params(length=0)
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.spines[:].set_visible(False)
