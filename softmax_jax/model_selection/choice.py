"""Which of several strengths is chosen: that of the highest score, and of those that share it the strongest."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

TIE = 1e-12  # scores this close are equal: means over folds differ by rounding


def best_strength(l2_values: ArrayLike, scores: ArrayLike) -> int:
    """Index of the strength with the highest score; of equals the strongest.

    Args:
      l2_values: (L,) strengths.
      scores: (L,) higher is better; NaN where there is none.

    Raises:
      ValueError: no strength has a score.
    """
    l2, score = np.asarray(l2_values, np.float64), np.asarray(scores, np.float64)
    if np.isnan(score).all():
        raise ValueError("scores must hold a number for some strength, got NaN for each.")
    winners = np.flatnonzero(score >= np.nanmax(score) - TIE)
    return int(winners[np.argmax(l2[winners])])
