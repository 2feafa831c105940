"""Does a confidence of 0.8 mean right in 8 of 10 cases? Accuracy against confidence, in bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from softmax_jax.calibration import ReliabilityTable, expected_calibration_error, reliability_table
from softmax_jax.plots.style import BLUE, GREY, ORANGE, axes_below, finish, new_axes
from softmax_jax.runtime.host import in_numpy

_HEIGHTS = (3.2, 1.0)  # of the diagram and of the shares, in parts


@in_numpy
def plot_reliability_diagram(
    O: Any, y: Any, *, n_bins: int = 15, sample_weight: Any = None, classes: Any = None, ax: Axes | None = None
) -> Axes:
    """Accuracy of the rows of each bin against their mean confidence; below, on an axis of its own, their share.

    Args:
      O: (n, k) probabilities, k >= 2, rows sum to 1.
      y: (n,) class indices in [0, k), or labels among `classes`.
      n_bins: bins of equal width, at least 1.
      sample_weight: (n,) >= 0, of any scale.
      classes: (k,) labels of the columns; needed where y holds labels, and where class 0 does not occur.
      ax: where to draw, a part of a grid; a new figure where not given.

    Returns:
      Axes, whose title states the expected calibration error; those of the shares, which take the lower part of its
      place, are the last of the figure.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    table = reliability_table(O, y, n_bins, sample_weight, classes=classes)
    error = expected_calibration_error(O, y, n_bins, sample_weight, classes=classes)
    ax = ax if ax is not None else new_axes((5.2, 5.6))
    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="calibrated")
    full = table.weight > 0
    confidence, accuracy = table.confidence[full], table.accuracy[full]
    ax.vlines(confidence, confidence, accuracy, color=ORANGE, linewidth=2, label="miscalibration")
    size = 14 + 120 * np.sqrt(table.weight[full])  # so that a bin of few samples does not look like much
    ax.scatter(confidence, accuracy, size, color=BLUE, zorder=3, clip_on=False, label="accuracy of a bin")
    ax.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
    ax.set_xticks(np.linspace(0, 1, 6))
    finish(ax, f"expected calibration error {error:.4f}", loc="upper left")
    _draw_shares(axes_below(ax, _HEIGHTS), table)
    return ax


def _draw_shares(ax: Axes, table: ReliabilityTable) -> None:
    """The share of the rows in each bin, from none to all of them."""
    share = table.weight / table.weight.sum()
    ax.bar(table.lower, share, table.upper - table.lower, align="edge", color="#9db4c8", edgecolor="white")
    ax.set(ylim=(0, 1), xlabel="confidence: largest probability of a row", ylabel="share of\nthe rows")
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    finish(ax)
