"""How features come in as l1 falls: their weights, how many there are, and how well they do on validation rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from softmax_jax.plots.style import (
    BLUE,
    COLOURS,
    GREY,
    MARKERS,
    ORANGE,
    axes_below,
    colours,
    finish,
    names,
    new_axes,
    strengths,
)
from softmax_jax.plots.validation import best_strength
from softmax_jax.runtime.host import in_numpy

_WHAT = {"features": "norm of a feature's weights", "coefficients": "weight"}
_SCORES = {"accuracy": "validation\naccuracy", "loss": "validation\nloss"}
_L1 = "l1, strength of the penalty (falls to the right)"
_COUNTS = 8  # numbers of features along the top
_HEIGHTS = (2.4, 1.0)  # of weights and scores, in parts


@in_numpy
def plot_sparse_path(
    l1_values: Any,
    W: Any,
    *,
    scores: Any = None,
    kind: str = "accuracy",
    best: int | None = None,
    of: str = "features",
    label: Any = None,
    classes: Any = None,
    feature_names: Any = None,
    most: int = len(COLOURS),
    ax: Axes | None = None,
) -> Axes:
    """Weights against l1, strong at the left; the number of features along the top, the scores below.

    The features with the largest weights at the weakest penalty that was chosen, or else at the weakest of all, are in
    colour, the others in grey. Strengths without finite weights are left out.

    Args:
      l1_values: (L,) strengths above 0, in any order.
      W: (L, m, k) weights at each.
      scores: (L,) validation scores, drawn below where given; NaN where there is none.
      kind: what these are: "accuracy", of which the largest is best, or "loss".
      best: index of the strength to mark; where not given, that of the best score, of equals the strongest.
      of: "features" for the norm of each feature's row, "coefficients" for the weights of one class.
      label: this class, one of `classes`; where not given, the one with the largest weights.
      classes: (k,) labels; 0..k-1 where not given.
      feature_names: (m,) names; numbers where not given.
      most: curves to name in the legend, at least 1.
      ax: where to draw, a part of a grid where there are scores; a new figure where not given.

    Returns:
      Axes of the weights; those of the scores, which take the lower part of its place, are the last of the figure.

    Raises:
      ValueError: shapes disagree, or an argument is out of range.
    """
    l1, W = strengths(l1_values, "l1_values"), np.asarray(W, np.float64)
    _check(l1, W, scores, kind, of, most, best)
    named = names(feature_names, W.shape[1], "feature_names")
    solved = np.isfinite(W).all(axis=(1, 2))
    order = np.flatnonzero(solved)[np.argsort(-l1[solved], kind="stable")]
    curves, of_class = _curves(W, of, label, classes)
    values = None if scores is None else np.where(solved, np.asarray(scores, np.float64), np.nan)
    if best is None and values is not None:
        best = best_strength(l1, values, kind=kind)
    ax = ax if ax is not None else new_axes((7.2, 5.4 if values is not None else 4.0))
    _draw(ax, l1[order], curves[order], curves[order[-1] if best is None else best], named, most)
    n_features = np.count_nonzero(W.any(axis=2), axis=1)
    ax.set_xscale("log")
    ax.set_xlim(float(l1[order[0]]) * 1.02, float(l1[order[-1]]) / 1.02)
    ax.set_ylabel(_WHAT[of] + of_class)
    ax.set_xlabel(_L1)
    _counts_on_top(ax, l1[order], n_features[order])
    words = f"{np.count_nonzero(curves[order].any(axis=0))} of {W.shape[1]} features, {len(order)} strengths"
    if best is not None:
        ax.axvline(l1[best], color=ORANGE, linewidth=0.9, zorder=1)
        words = f"{n_features[best]} of {W.shape[1]} features at l1 = {l1[best]:.3g}"
        words = words if values is None else f"{kind} {values[best]:.4g} with {words}"
    finish(ax, words, loc="upper left", bbox_to_anchor=(1.01, 1))
    if values is not None and best is not None:
        _scores_below(ax, l1[order], values[order], (l1[best], values[best]), kind)
    return ax


def _check(l1: np.ndarray, W: np.ndarray, scores: Any, kind: str, of: str, most: int, best: int | None) -> None:
    if W.ndim != 3 or len(W) != len(l1):
        raise ValueError(f"W must be (L, m, k) with L = {len(l1)} as in l1_values, got shape {W.shape}.")
    if not np.isfinite(W).all(axis=(1, 2)).any():
        raise ValueError("W must be finite at some strength, got none.")
    if scores is not None and np.shape(scores) != l1.shape:
        raise ValueError(f"scores must be as long as l1_values, {len(l1)}, got shape {np.shape(scores)}.")
    for name, value, known in (("kind", kind, _SCORES), ("of", of, _WHAT)):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}.")
    if most < 1:
        raise ValueError(f"most must be >= 1, got {most}.")
    if best is not None and not (0 <= best < len(l1) and np.isfinite(W[best]).all()):
        raise ValueError(f"best must be the index of a strength that was solved, in [0, {len(l1)}), got {best}.")


def _curves(W: np.ndarray, of: str, label: Any, classes: Any) -> tuple[np.ndarray, str]:
    """(L, m) curves, and of which class they are, in words."""
    if of == "features":
        return np.linalg.norm(W, axis=2), ""
    labels = list(range(W.shape[2])) if classes is None else np.asarray(classes).tolist()
    named = names(classes, W.shape[2], "classes")
    if label is not None and label not in labels:
        raise ValueError(f"label must be one of classes, {labels}, got {label!r}.")
    c = int(np.argmax(np.nanmax(np.abs(W), axis=(0, 1)))) if label is None else labels.index(label)
    return W[:, :, c], f" for class {named[c]}"


def _draw(ax: Axes, l1: np.ndarray, curves: np.ndarray, sizes: np.ndarray, labels: list[str], most: int) -> None:
    ranked = np.argsort(-np.abs(sizes), kind="stable")
    ranked = ranked[curves[:, ranked].any(axis=0)]  # the others never come in
    shown, others = ranked[:most], ranked[most:]
    if others.size:
        ax.plot(l1, curves[:, others], color="#c8c8c8", linewidth=0.8, zorder=1)
    every = max(1, len(l1) // 12)
    for i, (curve, colour) in enumerate(zip(shown, colours(max(1, len(shown))), strict=False)):
        style: Any = {"marker": MARKERS[i % len(MARKERS)], "markersize": 4.5, "markevery": every, "linewidth": 1.6}
        ax.plot(l1, curves[:, curve], color=colour, label=labels[curve], **style)
    if others.size:
        ax.plot([], [], color="#c8c8c8", linewidth=0.8, label=f"{others.size} other{'s' * (others.size > 1)}")
    ax.axhline(0, color=GREY, linewidth=0.8)


def _counts_on_top(ax: Axes, l1: np.ndarray, counts: np.ndarray) -> None:
    """The number of features, at places evenly spaced on the logarithmic axis."""
    even = np.geomspace(l1[0], l1[-1], min(_COUNTS, len(l1)))
    places = np.unique([np.argmin(np.abs(np.log(l1 / place))) for place in even])
    top = ax.secondary_xaxis("top")
    top.xaxis.set_major_locator(FixedLocator(l1[places].tolist()))
    top.xaxis.set_minor_locator(NullLocator())
    top.set_xticklabels([str(count) for count in counts[places]])
    top.set_xlabel("features", fontsize=9, color=GREY)
    top.tick_params(labelsize=9, colors=GREY, length=3)
    top.spines["top"].set_visible(False)


def _scores_below(ax: Axes, l1: np.ndarray, scores: np.ndarray, best: tuple[float, float], kind: str) -> None:
    below = axes_below(ax, _HEIGHTS)
    below.plot(l1, scores, color=BLUE, linewidth=1.8, marker="o", markersize=3)
    below.plot(*best, "*", color=ORANGE, markersize=14, zorder=4, clip_on=False)
    below.axvline(best[0], color=ORANGE, linewidth=0.9, zorder=1)
    below.set(xlabel=_L1, ylabel=_SCORES[kind])
    finish(below)
