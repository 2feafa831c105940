"""How far each iteration was from the optimum, as far as the certificate of the last one proves it.

The optimum J* lies in [J - gap, J] of the end. So iteration t with cost J_t was between J_t - J and J_t - (J - gap)
above it: a band that widens only where the curve comes near the gap itself. Of minibatches J_t is the mean cost of the
updates of an epoch, each on its own rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from softmax_jax.plots.style import BLUE, GREY, ORANGE, costs, draw_costs, finish, new_axes
from softmax_jax.runtime.host import in_numpy


@in_numpy
def plot_convergence(
    history: Any,
    objective: float,
    duality_gap: float,
    *,
    tol: float | None = None,
    updates_per_epoch: int = 1,
    ax: Axes | None = None,
) -> Axes:
    """The distance to the optimum after each iteration, bounded on both sides; of minibatches the mean of each epoch.

    Args:
      history: (t,) J after each iteration, nats per sample, as in `FitResult.history`.
      objective: J at the end.
      duality_gap: the proven bound on J - J* at the end; inf where there is none.
      tol: the bound that was asked for; drawn as a line where given.
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
    if by_epoch:
        cost = _means(cost, updates_per_epoch)
    ax = ax if ax is not None else new_axes((6.4, 4.0))
    proven = bool(np.isfinite(duality_gap))
    least = _positive(cost - objective)
    if proven:
        _draw_band(ax, least, _positive(cost - (objective - duality_gap)), duality_gap)
    else:
        draw_costs(ax, least, label="above the cost at the end")
    if tol is not None and proven:
        ax.axhline(tol, color=GREY, linestyle="--", linewidth=1.2, label=f"asked for: {tol:.0e}")
    ax.margins(x=0.02)
    above = ("mean cost of an epoch" if by_epoch else "J") + (" − J*" if proven else " − last J")
    ax.set(yscale="log", xlabel="epoch" if by_epoch else "iteration", ylabel=f"{above}  [nats per sample]")
    return finish(ax, f"proven within {duality_gap:.1e} nats of the optimum" if proven else "l2 = 0: no certificate")


def _draw_band(ax: Axes, least: np.ndarray, most: np.ndarray, gap: float) -> None:
    draw_costs(ax, most, label="at most (proven)")
    floor = np.nanmin(np.append(most, gap if gap > 0 else np.nan)) / 3
    step = np.arange(1, most.size + 1)
    ax.fill_between(
        step, np.fmax(least, floor), most, color=BLUE, alpha=0.18, linewidth=0, label="proven to be in here"
    )
    if gap > 0:
        ax.plot(most.size, gap, "D", color=ORANGE, markersize=7, zorder=4, label=f"certified gap {gap:.1e}")


def _means(cost: np.ndarray, updates: int) -> np.ndarray:
    """The mean of each epoch, of the last one as far as it went."""
    starts = np.arange(0, cost.size, updates)
    return np.add.reduceat(cost, starts) / np.diff(np.append(starts, cost.size))


def _positive(values: np.ndarray) -> np.ndarray:
    """NaN where rounding of the history leaves nothing to show on a logarithmic axis."""
    return np.where(values > 0, values, np.nan)
