"""A probe's search: accuracy and loss of every strength, how far chance reaches, and what is proven of each fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from softmax_jax.plots.style import BLUE, GREY, L2_AXIS, ORANGE, figure_of, finish, new_axes, stacked_axes, strengths
from softmax_jax.runtime.host import in_numpy


@in_numpy
def plot_probe(
    l2_values: Any,
    val_accuracy: Any,
    val_loss: Any = None,
    *,
    best: int,
    n_val: int = 0,
    train_accuracy: Any = None,
    train_loss: Any = None,
    duality_gap: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Validation and training accuracy against l2, below them the losses, and the proven gap of every fit.

    Error bars are one standard error of a share of the validation rows; the band is that of the winner, and strengths
    within it are as good as far as these rows can tell. The star stands above the winner.

    Args:
      l2_values: (L,) strengths above 0, in any order.
      val_accuracy: (L,) NaN where there is none.
      val_loss: (L,) nats per sample; None for no panel of losses.
      best: index of the winner.
      n_val: validation rows; 0 for no error bars.
      train_accuracy: (L,) on the training rows, or None.
      train_loss: (L,) on these, or None.
      duality_gap: (L,) proven, nats per sample; None for no panel of gaps.
      ax: where to draw the accuracies alone; a new figure with all panels where not given.

    Returns:
      Axes of the accuracies.

    Raises:
      ValueError: lengths disagree, or a strength is not above 0.
    """
    l2 = strengths(l2_values)
    given = {"val_accuracy": val_accuracy, "val_loss": val_loss, "train_accuracy": train_accuracy}
    given |= {"train_loss": train_loss, "duality_gap": duality_gap}
    values = {name: _checked(value, l2, name) for name, value in given.items() if value is not None}
    if not 0 <= best < len(l2):
        raise ValueError(f"best must be an index of the {len(l2)} strengths, got {best}.")
    if ax is not None:
        return _accuracies(ax, l2, values, best, n_val, last=True)
    below = [name for name in ("val_loss", "duality_gap") if name in values]
    if not below:
        return _accuracies(new_axes((6.8, 3.6)), l2, values, best, n_val, last=True)
    axes = stacked_axes((6.8, 3.2 + 1.7 * len(below)), (3.0, *((2.0, 1.2)[: len(below)])))
    _accuracies(axes[0], l2, values, best, n_val, last=False)
    if "val_loss" in values:
        _losses(axes[1], l2, values, best)
    if "duality_gap" in values:
        _gaps(axes[-1], l2, values["duality_gap"])
    axes[-1].set_xlabel(L2_AXIS)
    return axes[0]


def _accuracies(ax: Axes, l2: np.ndarray, values: dict[str, np.ndarray], best: int, n_val: int, *, last: bool) -> Axes:
    accuracy, order = values["val_accuracy"], np.argsort(l2)
    kept = order[np.isfinite(accuracy[order])]
    ax.set_xscale("log")
    words = f"validation accuracy {accuracy[best]:.4f}"
    if n_val:
        error = _error(accuracy, n_val)
        low, high = accuracy[best] - error[best], accuracy[best] + error[best]
        ax.axhspan(low, high, color=BLUE, alpha=0.12, linewidth=0, label=f"one standard error of {n_val} rows")
        ax.errorbar(
            l2[kept], accuracy[kept], error[kept], fmt="none", ecolor=BLUE, elinewidth=0.9, alpha=0.55, capsize=2
        )
        words += f" ± {error[best]:.4f}"
    _line(ax, l2[order], values.get("train_accuracy"), order, GREY, "training", "s")
    ax.plot(l2[kept], accuracy[kept], color=BLUE, linewidth=1.6, marker="o", markersize=4, label="validation")
    raised = ax.transData + ScaledTranslation(0, 15 / 72, figure_of(ax).dpi_scale_trans)
    ax.axvline(l2[best], color=ORANGE, linewidth=0.9, zorder=1)
    ax.plot(
        l2[best],
        accuracy[best],
        "*",
        color=ORANGE,
        markersize=13,
        transform=raised,
        clip_on=False,
        zorder=5,
        label="best l2",
    )
    ax.margins(y=0.14)
    ax.set_ylabel("accuracy")
    if last:
        ax.set_xlabel(L2_AXIS)
    return finish(ax, f"{words} at l2 = {l2[best]:.3g}")


def _losses(ax: Axes, l2: np.ndarray, values: dict[str, np.ndarray], best: int) -> None:
    order = np.argsort(l2)
    _line(ax, l2[order], values.get("train_loss"), order, GREY, "training", "s")
    _line(ax, l2[order], values["val_loss"], order, BLUE, "validation", "o")
    ax.axvline(l2[best], color=ORANGE, linewidth=0.9, zorder=1)
    ax.set_ylabel("loss\nnats per sample")
    finish(ax)
    if (legend := ax.get_legend()) is not None:
        legend.remove()  # that of the panel above serves both


def _gaps(ax: Axes, l2: np.ndarray, gap: np.ndarray) -> None:
    known = np.isfinite(gap) & (gap > 0)
    ax.set_yscale("log")
    ax.plot(l2[known], gap[known], "o", color=BLUE, markersize=3.5)
    ax.set_ylabel("proven gap\nto optimum")
    finish(ax)


def _line(ax: Axes, l2: np.ndarray, values: Any, order: np.ndarray, colour: str, label: str, marker: str) -> None:
    if values is None or not np.isfinite(values).any():
        return
    ordered = values[order]
    known = np.isfinite(ordered)
    dashes = "--" if label == "training" else "-"
    ax.plot(l2[known], ordered[known], dashes, color=colour, linewidth=1.4, marker=marker, markersize=3.5, label=label)


def _error(share: np.ndarray, n: int) -> np.ndarray:
    """Standard errors of shares of n rows, one right and one wrong added."""
    p = (share * n + 1) / (n + 2)
    return np.sqrt(p * (1 - p) / (n + 2))


def _checked(value: Any, l2: np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(value, np.float64)
    if array.shape != l2.shape:
        raise ValueError(f"{name} must be as long as l2_values, {len(l2)}, got shape {array.shape}.")
    return array
