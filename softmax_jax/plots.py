"""Pictures of a fit: the cost on its way down, and which classes are taken for which.

Every function returns a matplotlib Axes and draws on `ax` where one is given. Without one it makes a Figure
of its own, outside pyplot: nothing is left open, and no window or backend is needed. Save it by
`ax.figure.savefig(path)`; in a notebook pass an `ax` of `plt.subplots()`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

_BLUE, _ORANGE, _GREY = "#1f5f99", "#d9730d", "#6b6b6b"
_LARGEST_ANNOTATED = 20  # classes up to which each cell of a confusion matrix bears its number
_WIDE_RANGE = 5  # times: where the cost changes by more, its axis is logarithmic
_MANY_ITERATIONS = 100  # from which their axis is logarithmic: the first ones do most


def plot_loss_curve(
    history: Any, *, floor: float | None = None, updates_per_epoch: int = 1, ax: Axes | None = None
) -> Axes:
    """The cost after each iteration or update; for minibatches also its mean over each epoch.

    Args:
      history: (t,) cost in nats per sample, as in `FitResult.history`.
      floor: a proven lower bound of the cost, objective minus duality gap; drawn where it is above 0.
      updates_per_epoch: updates of gradient descent in an epoch; above 1 the horizontal axis counts epochs.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes.

    Raises:
      ValueError: history is empty or not one-dimensional, or updates_per_epoch is below 1.
    """
    cost = np.asarray(history, np.float64)
    if cost.ndim != 1 or cost.size == 0:
        raise ValueError(f"history must be 1-d and not empty, got shape {cost.shape}.")
    if updates_per_epoch < 1:
        raise ValueError(f"updates_per_epoch must be >= 1, got {updates_per_epoch}.")
    ax = ax if ax is not None else _new_axes((6.4, 4.0))
    if updates_per_epoch > 1:
        _draw_epochs(ax, cost, updates_per_epoch)
    else:
        ax.plot(np.arange(1, cost.size + 1), cost, color=_BLUE, linewidth=1.8, marker=_marker(cost), markersize=4)
    if floor is not None and np.isfinite(floor) and floor > 0:  # J >= 0 needs no proof
        ax.axhline(floor, color=_GREY, linestyle="--", linewidth=1.2, label=f"proven lower bound {floor:.6g}")
    _scale(ax, cost, updates_per_epoch > 1)
    ax.set(xlabel="epoch" if updates_per_epoch > 1 else "iteration", ylabel="cost J  [nats per sample]")
    last = cost[-updates_per_epoch:].mean()
    words = "mean cost of the last epoch" if updates_per_epoch > 1 else "cost at the end"
    ax.set_title(f"{words}: {last:.6g}", loc="left", fontsize=11)
    ax.grid(True, which="major", color="#e3e3e3", linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False)
    return ax


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
    np.add.at(counts, (_positions(y_true, classes), _positions(y_pred, classes)), 1)
    side = float(np.clip(0.42 * k + 2.6, 4.2, 11))
    ax = ax if ax is not None else _new_axes((side + 0.6, side))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    _annotate(ax, counts, share)
    _label_classes(ax, [str(label) for label in classes])
    accuracy = np.trace(counts) / y_true.size
    ax.set_title(f"{np.trace(counts)} of {y_true.size} right: {accuracy:.4f}", loc="left", fontsize=11)
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.046, pad=0.04, label="share of the true class")
    bar.outline.set_visible(False)  # type: ignore[operator] # an artist at run time
    return ax


def _new_axes(size: tuple[float, float]) -> Axes:
    figure = Figure(figsize=size, dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    return figure.add_subplot()


def _positions(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    order = np.argsort(classes)
    positions = order[np.searchsorted(classes, labels, sorter=order).clip(max=len(classes) - 1)]
    strange = labels[classes[positions] != labels]
    if strange.size:
        raise ValueError(f"classes must contain every label, got label {strange[0]!r}.")
    return positions


def _marker(cost: np.ndarray) -> str:
    return "o" if cost.size <= 50 else ""


def _draw_epochs(ax: Axes, cost: np.ndarray, updates: int) -> None:
    """Single updates faintly, at most a few thousand of them, and the mean of each epoch over it."""
    every = max(1, cost.size // 5000)
    ax.plot(
        np.arange(1, cost.size + 1)[::every] / updates,
        cost[::every],
        color=_BLUE,
        alpha=0.3,
        linewidth=0.8,
        label="each update",
    )
    whole = cost.size // updates
    if whole > 1:
        means = cost[: whole * updates].reshape(whole, updates).mean(axis=1)
        ax.plot(np.arange(1, whole + 1) - 0.5, means, color=_ORANGE, linewidth=1.8, label="mean of each epoch")


def _scale(ax: Axes, cost: np.ndarray, by_epoch: bool) -> None:
    """Logarithmic axes for a wide range of costs and for many iterations; else whole numbers below."""
    positive = cost[np.isfinite(cost) & (cost > 0)]
    if positive.size and positive.max() > _WIDE_RANGE * positive.min():
        ax.set_yscale("log")
    ax.margins(x=0.02)
    if cost.size > _MANY_ITERATIONS and not by_epoch:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _annotate(ax: Axes, counts: np.ndarray, share: np.ndarray) -> None:
    if len(counts) > _LARGEST_ANNOTATED:
        return
    size = 11 if len(counts) <= 6 else 9 if len(counts) <= 12 else 7
    for (i, j), count in np.ndenumerate(counts):
        if count:
            ax.text(
                j,
                i,
                str(count),
                ha="center",
                va="center",
                fontsize=size,
                color="white" if share[i, j] > 0.5 else "#202020",
            )


def _label_classes(ax: Axes, names: list[str]) -> None:
    """A tick for each class, or for every few where there are many; long names upright."""
    every = -(-len(names) // 40)
    ticks = range(0, len(names), every)
    shown = [name if len(name) <= 18 else name[:17] + "…" for name in names[::every]]
    long = max(map(len, shown)) * len(shown) > 40
    ax.set_xticks(list(ticks), shown, rotation=90 if long else 0)
    ax.set_yticks(list(ticks), shown)
    ax.tick_params(length=0)
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.spines[:].set_visible(False)
