"""How the weights shrink as the penalty grows."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from softmax_jax.plots.style import COLOURS, GREY, L2_AXIS, MARKERS, colours, finish, names, new_axes, strengths
from softmax_jax.runtime.host import in_numpy

_KINDS = {
    "classes": "norm of a class's weights",
    "features": "norm of a feature's weights",
    "coefficients": "weight",
}


@in_numpy
def plot_regularisation_path(
    l2_values: Any,
    W: Any,
    *,
    of: str = "classes",
    classes: Any = None,
    feature_names: Any = None,
    most: int = len(COLOURS),
    ax: Axes | None = None,
) -> Axes:
    """Weights, or their norms, against l2; the largest at the weakest penalty in colour, the others in grey.

    Args:
      l2_values: (L,) strengths above 0, in any order.
      W: (L, m, k) weights at each.
      of: "classes" for the norm of each class's column, "features" for that of each feature's row, "coefficients"
        for each weight itself.
      classes: (k,) labels; 0..k-1 where not given.
      feature_names: (m,) names; numbers where not given.
      most: curves to name in the legend, at least 1.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes.

    Raises:
      ValueError: shapes disagree, or an argument is out of range.
    """
    l2, W = strengths(l2_values), np.asarray(W, np.float64)
    if W.ndim != 3 or len(W) != len(l2):
        raise ValueError(f"W must be (L, m, k) with L = {len(l2)} as in l2_values, got shape {W.shape}.")
    if of not in _KINDS:
        raise ValueError(f"of must be one of {', '.join(_KINDS)}, got {of!r}.")
    if most < 1:
        raise ValueError(f"most must be >= 1, got {most}.")
    order = np.argsort(l2)
    named = names(classes, W.shape[2], "classes"), names(feature_names, W.shape[1], "feature_names")
    curves, labels = _curves(W[order], of, *named)
    ax = ax if ax is not None else new_axes((6.8, 4.2))
    _draw(ax, l2[order], curves, labels, most)
    ax.set_xscale("log")
    if of != "coefficients" and (curves > 0).all():
        ax.set_yscale("log")
    else:
        ax.axhline(0, color=GREY, linewidth=0.8)
    ax.set(xlabel=L2_AXIS, ylabel=_KINDS[of])
    words = f"{curves.shape[1]} {of}, {len(l2)} strengths"
    return finish(ax, words, loc="upper left", bbox_to_anchor=(1.01, 1))


def _curves(W: np.ndarray, of: str, classes: list[str], features: list[str]) -> tuple[np.ndarray, list[str]]:
    """(L, q) curves and their q names."""
    if of == "classes":
        return np.linalg.norm(W, axis=1), classes
    if of == "features":
        return np.linalg.norm(W, axis=2), features
    return W.reshape(len(W), -1), [f"{feature}, {label}" for feature in features for label in classes]


def _draw(ax: Axes, l2: np.ndarray, curves: np.ndarray, labels: list[str], most: int) -> None:
    ranked = np.argsort(-np.abs(curves[0]), kind="stable")
    others = ranked[most:]
    if others.size:
        ax.plot(l2, curves[:, others], color="#c8c8c8", linewidth=0.8, alpha=0.6, zorder=1)
    every = max(1, len(l2) // 12)
    for i, (curve, colour) in enumerate(zip(ranked[:most], colours(min(most, len(ranked))), strict=False)):
        marker = MARKERS[i % len(MARKERS)]
        style = {"marker": marker, "markersize": 4.5, "markevery": every, "linewidth": 1.6}
        ax.plot(l2, curves[:, curve], color=colour, label=labels[curve], **style)
    if others.size:
        ax.plot([], [], color="#c8c8c8", linewidth=0.8, label=f"{others.size} other{'s' * (others.size > 1)}")
