"""The cost on its way down, update by update."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from softmax_jax.plots.style import BLUE, GREY, ORANGE, costs, draw_costs, finish, new_axes
from softmax_jax.runtime.host import in_numpy

_WIDE_RANGE = 5  # times: where the cost changes by more, its axis is logarithmic


@in_numpy
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
    cost, by_epoch = costs(history), updates_per_epoch > 1
    if updates_per_epoch < 1:
        raise ValueError(f"updates_per_epoch must be >= 1, got {updates_per_epoch}.")
    ax = ax if ax is not None else new_axes((6.4, 4.0))
    if by_epoch:
        _draw_epochs(ax, cost, updates_per_epoch)
    else:
        draw_costs(ax, cost)
    if floor is not None and np.isfinite(floor) and floor > 0:  # J >= 0 needs no proof
        ax.axhline(floor, color=GREY, linestyle="--", linewidth=1.2, label=f"proven lower bound {floor:.6g}")
    positive = cost[np.isfinite(cost) & (cost > 0)]
    if positive.size and positive.max() > _WIDE_RANGE * positive.min():
        ax.set_yscale("log")
    ax.margins(x=0.02)
    ax.set(xlabel="epoch" if by_epoch else "iteration", ylabel="cost J  [nats per sample]")
    words = "mean cost of the last epoch" if by_epoch else "cost at the end"
    return finish(ax, f"{words}: {cost[-updates_per_epoch:].mean():.6g}")


def _draw_epochs(ax: Axes, cost: np.ndarray, updates: int) -> None:
    """Single updates faintly, at most a few thousand of them, and the mean of each epoch over it."""
    every = max(1, cost.size // 5000)
    epochs = np.arange(1, cost.size + 1) / updates
    ax.plot(epochs[::every], cost[::every], color=BLUE, alpha=0.3, linewidth=0.8, label="each update")
    whole = cost.size // updates
    if whole > 1:
        means = cost[: whole * updates].reshape(whole, updates).mean(axis=1)
        ax.plot(np.arange(1, whole + 1) - 0.5, means, color=ORANGE, linewidth=1.8, label="mean of each epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
