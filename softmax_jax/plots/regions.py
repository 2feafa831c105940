"""Where each class is predicted, for two features; paler where the probabilities are near each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from softmax_jax.calibration import check_indices
from softmax_jax.model import Params
from softmax_jax.plots.confusion import class_positions
from softmax_jax.plots.style import MARKERS, TITLE, colours, new_axes, short, show_legend
from softmax_jax.prediction import host_net_input, host_softmax
from softmax_jax.runtime.host import in_numpy

_RESOLUTION = 300  # points across
_MOST_SAMPLES = 2000  # that are drawn


@in_numpy
def plot_decision_regions(
    params: Params, X: Any, y: Any, *, classes: Any = None, feature_names: Any = None, ax: Axes | None = None
) -> Axes:
    """The plane of two features in the colour of the class predicted, with the samples on it.

    Args:
      params: W (2, k) and b (k,).
      X: (n, 2) samples; of more than 2000 a sample is drawn.
      y: (n,) labels.
      classes: (k,) labels in the order of the columns of W; 0..k-1 where not given, for labels with a 0 among them.
      feature_names: two names for the axes.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes.

    Raises:
      ValueError: there are not two features, or shapes or labels disagree.
    """
    params = Params(*(np.asarray(p) for p in params))
    X, y = np.asarray(X, np.float64), np.asarray(y)
    if params.W.ndim != 2 or len(params.W) != 2 or X.ndim != 2 or X.shape[1] != 2:
        raise ValueError(f"X and W must have two features, got X of shape {X.shape} and W of {params.W.shape}.")
    if y.shape != (len(X),) or len(X) == 0:
        raise ValueError(f"X and y must be equally long and not empty, got {len(X)} and shape {y.shape}.")
    k = params.W.shape[1]
    if classes is None:
        check_indices(y, k, "W")
    classes = np.arange(k) if classes is None else np.asarray(classes)
    if len(classes) != k:
        raise ValueError(f"classes must hold {k} labels, one per column of W, got {len(classes)}.")
    truth = class_positions(y, classes)
    ax = ax if ax is not None else new_axes((6.0, 4.6))
    palette = np.array([to_rgb(colour) for colour in colours(k)])
    _draw_regions(ax, params, X, palette)
    right = host_net_input(params, X).argmax(axis=1) == truth
    _draw_samples(ax, X, truth, classes, palette)
    names = ("feature 0", "feature 1") if feature_names is None else [short(name, 40) for name in feature_names]
    ax.set(xlabel=names[0], ylabel=names[1])
    ax.set_title(f"{right.sum()} of {len(y)} right: {right.mean():.4f}", **TITLE)
    if k <= len(MARKERS):
        show_legend(ax)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _draw_regions(ax: Axes, params: Params, X: np.ndarray, palette: np.ndarray) -> None:
    low, high = X.min(axis=0), X.max(axis=0)
    room = np.where(high > low, 0.06 * (high - low), 1.0)
    (left, bottom), (right, top) = low - room, high + room
    grid = np.meshgrid(np.linspace(left, right, _RESOLUTION), np.linspace(bottom, top, _RESOLUTION))
    O = host_softmax(host_net_input(params, np.stack([g.ravel() for g in grid], axis=1)))
    k = O.shape[1]
    sure = (O.max(axis=1) - 1 / k) / max(1 - 1 / k, 1e-9)
    strength = (0.08 + 0.37 * sure)[:, None]
    picture = (1 - strength) + strength * palette[O.argmax(axis=1)]
    shape = (_RESOLUTION, _RESOLUTION, 3)
    ax.imshow(picture.reshape(shape), extent=(left, right, bottom, top), origin="lower", aspect="auto", zorder=0)


def _draw_samples(ax: Axes, X: np.ndarray, truth: np.ndarray, classes: np.ndarray, palette: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    rows = np.arange(len(X)) if len(X) <= _MOST_SAMPLES else rng.choice(len(X), _MOST_SAMPLES, replace=False)
    for j, label in enumerate(classes):
        chosen = rows[truth[rows] == j]
        look = {"color": palette[j], "edgecolors": "white", "linewidths": 0.5, "s": 26, "rasterized": len(rows) > 500}
        ax.scatter(X[chosen, 0], X[chosen, 1], marker=MARKERS[j % len(MARKERS)], label=short(label), **look)
