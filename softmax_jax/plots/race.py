"""Who gets how near to the optimum in which time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from softmax_jax.plots.style import GREY, MARKERS, colours, finish, new_axes
from softmax_jax.runtime.host import in_numpy

_LEAST = 1e-16  # gaps below it are drawn there


@in_numpy
def plot_gap_against_time(
    runs: Mapping[str, tuple[Any, Any]], *, target: float | None = None, ax: Axes | None = None
) -> Axes:
    """The distance to the optimum against time, a curve per contestant, on logarithmic axes.

    Args:
      runs: name -> (seconds (t,), gaps (t,) in nats per sample); points that are not finite are left out.
      target: the gap that counts as done; drawn as a line where given.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes.

    Raises:
      ValueError: runs is empty, or seconds and gaps differ in length, or a time is not above 0.
    """
    if not runs:
        raise ValueError("runs must hold at least one contestant, got none.")
    ax = ax if ax is not None else new_axes((6.8, 4.2))
    for i, ((name, run), colour) in enumerate(zip(runs.items(), colours(len(runs)), strict=True)):
        seconds, gaps = _points(name, *run)
        style = "-" if i < len(MARKERS) else "--"
        marker = MARKERS[i % len(MARKERS)]
        ax.plot(seconds, gaps, linestyle=style, marker=marker, markersize=5, linewidth=1.5, color=colour, label=name)
    if target is not None:
        ax.axhline(target, color=GREY, linestyle=":", linewidth=1.4, label=f"counts as done: {target:.0e}")
    ax.set(xscale="log", yscale="log", xlabel="seconds", ylabel="J − J*  [nats per sample]")
    return finish(ax)


def _points(name: str, seconds: Any, gaps: Any) -> tuple[np.ndarray, np.ndarray]:
    seconds, gaps = np.asarray(seconds, np.float64), np.asarray(gaps, np.float64)
    if seconds.ndim != 1 or seconds.shape != gaps.shape:
        raise ValueError(f"runs[{name!r}] must be seconds and gaps of one length, got {seconds.shape}, {gaps.shape}.")
    kept = np.isfinite(seconds) & np.isfinite(gaps)
    if (seconds[kept] <= 0).any():
        raise ValueError(f"runs[{name!r}] must have times above 0, got {seconds[kept].min()}.")
    return seconds[kept], np.maximum(gaps[kept], _LEAST)
