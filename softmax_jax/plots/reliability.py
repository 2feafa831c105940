"""Does a confidence of 0.8 mean right in 8 of 10 cases? Accuracy against confidence, in bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from softmax_jax.calibration import expected_calibration_error, reliability_table
from softmax_jax.plots.style import BLUE, GREY, ORANGE, finish, new_axes
from softmax_jax.runtime.host import in_numpy

_HISTOGRAM = 0.22  # height of the tallest bar of the histogram at the foot


@in_numpy
def plot_reliability_diagram(
    O: Any, y: Any, *, n_bins: int = 15, sample_weight: Any = None, classes: Any = None, ax: Axes | None = None
) -> Axes:
    """Accuracy of the samples of each bin against their mean confidence; below, the share of the samples in each.

    Args:
      O: (n, k) probabilities, k >= 2, rows sum to 1.
      y: (n,) class indices in [0, k), or labels among `classes`.
      n_bins: bins of equal width, at least 1.
      sample_weight: (n,) >= 0, of any scale.
      classes: (k,) labels of the columns; needed where y holds labels, and where class 0 does not occur.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes; its title states the expected calibration error.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    table = reliability_table(O, y, n_bins, sample_weight, classes=classes)
    error = expected_calibration_error(O, y, n_bins, sample_weight, classes=classes)
    ax = ax if ax is not None else new_axes((5.2, 4.8))
    height = _HISTOGRAM * table.weight / table.weight.max()
    width = table.upper - table.lower
    ax.bar(table.lower, height, width, align="edge", color="#d5dde5", edgecolor="white", label="share of the samples")
    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="calibrated")
    full = table.weight > 0
    confidence, accuracy = table.confidence[full], table.accuracy[full]
    ax.vlines(confidence, confidence, accuracy, color=ORANGE, linewidth=2, label="miscalibration")
    size = 14 + 120 * np.sqrt(table.weight[full])  # so that a bin of few samples does not look like much
    ax.scatter(confidence, accuracy, size, color=BLUE, zorder=3, clip_on=False, label="accuracy of a bin")
    ax.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence: largest probability of a row", ylabel="accuracy")
    ax.set_xticks(np.linspace(0, 1, 6))
    return finish(ax, f"expected calibration error {error:.4f}", loc="upper left")
