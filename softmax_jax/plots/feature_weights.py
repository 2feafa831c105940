"""Weights where the features are no pixels: bars of two classes, a heat map of several."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from softmax_jax.plots.style import BLUE, GREY, ORANGE, TITLE, finish, names, new_axes
from softmax_jax.runtime.host import in_numpy

_MOST_CLASSES = 30
_MOST_WRITTEN = 12  # classes up to which each cell bears its number


@in_numpy
def plot_feature_weights(
    W: Any, *, feature_names: Any = None, classes: Any = None, most: int = 20, ax: Axes | None = None
) -> Axes:
    """The weights of the features that count most, those on top first.

    Of two classes, a bar for each feature, the weight for the second class less that for the first: all that
    predictions depend on. Of several, a cell for each feature and class: red speaks for the class, blue against it.

    Args:
      W: (m, k) weights, a column per class; of more than 30 classes the 30 with the largest weights are shown.
      feature_names: (m,) names; numbers where not given.
      classes: (k,) labels; 0..k-1 where not given.
      most: features to show, at least 1; those with the largest norm of their weights.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes.

    Raises:
      ValueError: W is not a matrix, names do not fit it, or most < 1.
    """
    W = np.asarray(W, np.float64)
    if W.ndim != 2 or W.size == 0:
        raise ValueError(f"W must be (m, k) and not empty, got shape {W.shape}.")
    if most < 1:
        raise ValueError(f"most must be >= 1, got {most}.")
    m, k = W.shape
    named, labels = names(feature_names, m, "feature_names", length=28), names(classes, k, "classes", length=14)
    common = W.mean(axis=1, keepdims=True) if k > 1 else 0.0  # to all classes: it predicts nothing
    norms = np.linalg.norm(W - common, axis=1)
    rows = np.argsort(-norms, kind="stable")[: min(most, max(1, np.count_nonzero(norms)))]
    words = f"the {len(rows)} of {m} features with the largest weights" if len(rows) < m else f"weights of {m} features"
    shown = [named[i] for i in rows]
    if k == 2:
        return _draw_bars(ax, W[rows, 1] - W[rows, 0], shown, labels, words)
    columns = np.sort(np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:_MOST_CLASSES])
    words += f"; {len(columns)} of {k} classes" if len(columns) < k else ""
    return _draw_map(ax, W[np.ix_(rows, columns)], shown, [labels[j] for j in columns], words)


def _draw_bars(ax: Axes | None, difference: np.ndarray, features: list[str], classes: list[str], words: str) -> Axes:
    ax = ax if ax is not None else new_axes((6.4, 0.27 * max(4, len(features)) + 1.2))
    places = np.arange(len(features))
    ax.barh(places, difference, height=0.7, color=np.where(difference >= 0, ORANGE, BLUE).tolist())
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_yticks(places, features, fontsize=9)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(features) - 0.4, -0.6)
    ax.set_xlabel(f"← for {classes[0]}     difference of the weights     for {classes[1]} →")
    finish(ax, words)
    ax.grid(False, axis="y")
    return ax


def _draw_map(ax: Axes | None, W: np.ndarray, features: list[str], classes: list[str], words: str) -> Axes:
    size = (float(np.clip(0.55 * len(classes) + 3.4, 5, 12)), float(np.clip(0.3 * len(features) + 1.4, 2.4, 12)))
    ax = ax if ax is not None else new_axes(size)
    limit = float(np.abs(W).max()) or 1.0
    image = ax.imshow(W, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    ax.set_xticks(range(len(classes)), classes, fontsize=9, rotation=90 if max(map(len, classes)) > 5 else 0)
    ax.set_yticks(range(len(features)), features, fontsize=9)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if len(classes) <= _MOST_WRITTEN:
        for (i, j), weight in np.ndenumerate(W):
            colour = "white" if abs(weight) > 0.6 * limit else "#202020"
            ax.text(j, i, f"{weight:.2g}", ha="center", va="center", fontsize=7.5, color=colour)
    ax.set_xlabel("class")
    ax.set_title(words, **TITLE)
    bar: Any = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.03, label="against          for the class")
    bar.outline.set_visible(False)
    return ax
