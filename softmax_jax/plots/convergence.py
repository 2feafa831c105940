"""How far each iteration was from the optimum, as far as the certificate of the last one proves it.

The optimum J* lies in [J - gap, J] of the end. So iteration t with cost J_t was between J_t - J and J_t - (J - gap)
above it: a band that widens only where the curve comes near the gap itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from softmax_jax.plots.style import BLUE, GREY, ORANGE, finish, new_axes, title
from softmax_jax.runtime.host import in_numpy

_MANY_ITERATIONS = 100  # from which their axis is logarithmic


@in_numpy
def plot_convergence(
    history: Any, objective: float, duality_gap: float, *, tol: float | None = None, ax: Axes | None = None
) -> Axes:
    """The distance to the optimum after each iteration of an exact solver, bounded on both sides.

    Args:
      history: (t,) J after each iteration, nats per sample, as in `FitResult.history`.
      objective: J at the end.
      duality_gap: the proven bound on J - J* at the end; inf where there is none.
      tol: the bound that was asked for; drawn as a line where given.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes.

    Raises:
      ValueError: history is empty or not one-dimensional.
    """
    cost = np.asarray(history, np.float64)
    if cost.ndim != 1 or cost.size == 0:
        raise ValueError(f"history must be 1-d and not empty, got shape {cost.shape}.")
    ax = ax if ax is not None else new_axes((6.4, 4.0))
    proven = bool(np.isfinite(duality_gap))
    if proven:
        _draw_band(ax, cost, objective, duality_gap)
    else:
        _draw(ax, _positive(cost - objective), "above the cost at the end")
    if tol is not None and proven:
        ax.axhline(tol, color=GREY, linestyle="--", linewidth=1.2, label=f"asked for: {tol:.0e}")
    ax.set_yscale("log")
    _count_iterations(ax, cost.size)
    ax.set(xlabel="iteration", ylabel="J − J*  [nats per sample]" if proven else "J − last J  [nats per sample]")
    title(ax, f"proven within {duality_gap:.1e} nats of the optimum" if proven else "l2 = 0: no certificate")
    return finish(ax)


def _draw_band(ax: Axes, cost: np.ndarray, objective: float, gap: float) -> None:
    most, least = _positive(cost - (objective - gap)), _positive(cost - objective)
    _draw(ax, most, "at most (proven)")
    floor = np.nanmin(np.append(most, gap if gap > 0 else np.nan)) / 3
    step = np.arange(1, cost.size + 1)
    ax.fill_between(step, np.fmax(least, floor), most, color=BLUE, alpha=0.18, linewidth=0, label="J − J* is in here")
    if gap > 0:
        ax.plot(cost.size, gap, "D", color=ORANGE, markersize=7, zorder=4, label=f"certified gap {gap:.1e}")


def _draw(ax: Axes, values: np.ndarray, label: str) -> None:
    marker = "o" if values.size <= 50 else ""
    step = np.arange(1, values.size + 1)
    ax.plot(step, values, color=BLUE, linewidth=1.8, marker=marker, markersize=3.5, label=label)


def _positive(values: np.ndarray) -> np.ndarray:
    """NaN where rounding of the history leaves nothing to show on a logarithmic axis."""
    return np.where(values > 0, values, np.nan)


def _count_iterations(ax: Axes, n_iter: int) -> None:
    ax.margins(x=0.02)
    if n_iter > _MANY_ITERATIONS:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
