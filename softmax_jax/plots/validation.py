"""Validation loss or accuracy against l2, with the winner marked, and the strengths that were dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from softmax_jax.model_selection import choice
from softmax_jax.plots.style import BLUE, GREY, L2_AXIS, ORANGE, finish, new_axes, strengths
from softmax_jax.runtime.host import in_numpy

_UNITS = {"loss": "validation loss  [nats per sample]", "accuracy": "validation accuracy"}


@in_numpy
def plot_validation_curve(
    l2_values: Any,
    values: Any,
    *,
    kind: str = "loss",
    dropped: Sequence[Any] | np.ndarray | None = None,
    training: Any = None,
    best: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """One value per strength, and a mark at the best.

    Args:
      l2_values: (L,) strengths above 0, in any order.
      values: (L,) validation loss or accuracy; NaN where there is none.
      kind: "loss", of which the least is best, or "accuracy", of which the largest is.
      dropped: (L,) true, or a reason, where a strength was given up before its fit was done.
      training: (L,) the same value on the training rows, drawn beside it where given.
      best: index of the strength to mark, such as `path.best`; where not given, that of the best value among those
        not dropped, of equals the strongest.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes.

    Raises:
      ValueError: lengths disagree, kind is unknown, no strength has a value, or best is not the index of one that has.
    """
    l2 = strengths(l2_values)
    if kind not in _UNITS:
        raise ValueError(f"kind must be loss or accuracy, got {kind!r}.")
    scores = _same_length(values, l2, "values")
    gone = np.zeros(len(l2), bool) if dropped is None else np.array([bool(reason) for reason in dropped])
    _same_length(gone, l2, "dropped")
    if best is None:
        best = best_strength(l2, scores, kind=kind, dropped=gone)
    elif not (0 <= best < len(l2) and np.isfinite(scores[best])):
        raise ValueError(f"best must be the index of a strength with a value, in [0, {len(l2)}), got {best}.")
    order = np.argsort(l2)
    ax = ax if ax is not None else new_axes((6.4, 4.0))
    if training is not None:
        ax.plot(l2[order], _same_length(training, l2, "training")[order], color=GREY, linestyle=":", label="training")
    kept = order[~gone[order] & np.isfinite(scores[order])]
    ax.plot(l2[kept], scores[kept], color=BLUE, linewidth=1.8, marker="o", markersize=4.5, label="validation")
    _mark_dropped(ax, l2[gone], scores[gone])
    ax.plot(l2[best], scores[best], "*", color=ORANGE, markersize=16, zorder=4, label=f"best: l2 = {l2[best]:.3g}")
    ax.axvline(l2[best], color=ORANGE, linewidth=0.8, zorder=1)
    ax.set_xscale("log")
    ax.set(xlabel=L2_AXIS, ylabel=_UNITS[kind])
    edge = " (at the end of the range: widen it)" if len(l2) > 1 and best in (order[0], order[-1]) else ""
    return finish(ax, f"{kind} {scores[best]:.4g} at l2 = {l2[best]:.3g}{edge}")


def best_strength(l2_values: Any, values: Any, *, kind: str, dropped: Any = None) -> int:
    """The index of the best value among those not dropped; the strongest penalty among equals.

    Args:
      l2_values: (L,) strengths.
      values: (L,) loss or accuracy, NaN where there is none.
      kind: "loss" or "accuracy".
      dropped: (L,) true where not to be chosen.

    Raises:
      ValueError: no strength that was kept has a finite value.
    """
    l2, scores = np.asarray(l2_values, np.float64), np.asarray(values, np.float64)
    costs = scores if kind == "loss" else -scores
    usable = np.isfinite(costs) if dropped is None else np.isfinite(costs) & ~np.asarray(dropped, bool)
    if not usable.any():
        raise ValueError("values must hold a finite number for a strength that was not dropped, got none.")
    return choice.best_strength(l2, np.where(usable, -costs, np.nan))


def _mark_dropped(ax: Axes, l2: np.ndarray, scores: np.ndarray) -> None:
    """A cross at the value that a dropped strength had, or at the foot of the axes where it had none."""
    look: Any = {"color": GREY, "markersize": 7, "markeredgewidth": 1.8, "label": f"dropped: {l2.size}"}
    known = np.isfinite(scores)
    if known.any():
        ax.plot(l2[known], scores[known], "x", **look)
        look["label"] = None
    if (~known).any():
        foot = {"transform": ax.get_xaxis_transform(), "clip_on": False, "zorder": 3}
        ax.plot(l2[~known], np.full((~known).sum(), 0.03), "x", **look, **foot)


def _same_length(values: Any, l2: np.ndarray, argument: str) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if array.shape != l2.shape:
        raise ValueError(f"{argument} must be as long as l2_values, {len(l2)}, got shape {array.shape}.")
    return array
