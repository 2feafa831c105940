"""Which of several strengths is chosen: the highest score, of equals the least loss, of these the strongest.

Accuracies on few rows are often equal over decades of strengths; the loss, which sees by how much a row is right or
wrong, tells them apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

TIE = 1e-12  # scores this close are equal: means over folds differ by rounding


def best_strength(l2_values: ArrayLike, scores: ArrayLike, losses: ArrayLike | None = None) -> int:
    """Index of the strength with the highest score; of equals the one of the least loss, of these the strongest.

    Args:
      l2_values: (L,) strengths.
      scores: (L,) higher is better; NaN where there is none.
      losses: (L,) lower is better, on the same rows; NaN where there is none; None to take the strongest of equals.

    Raises:
      ValueError: no strength has a score.
    """
    l2, score = np.asarray(l2_values, np.float64), np.asarray(scores, np.float64)
    if np.isnan(score).all():
        raise ValueError("scores must hold a number for some strength, got NaN for each.")
    winners = np.flatnonzero(score >= np.nanmax(score) - TIE)
    if losses is not None:
        loss = np.nan_to_num(np.asarray(losses, np.float64)[winners], nan=np.inf, posinf=np.inf)
        winners = winners[loss <= loss.min() + TIE]
    return int(winners[np.argmax(l2[winners])])
