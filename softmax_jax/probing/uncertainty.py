"""How sure the best strength is: the standard error of a share of few rows, ties within it, and peaks beyond it.

    se = sqrt(p (1 - p) / (n + 2)),    p = (r + 1) / (n + 2)        for r of n rows right

One right and one wrong row are added, so that 12 of 12 is not taken for certain.

References:
  Agresti, Coull, Approximate is better than "exact" for interval estimation of binomial proportions, 1998; with 1 and
  2 in the place of their 2 and 4.
"""

from __future__ import annotations

import numpy as np

from softmax_jax.model_selection.choice import TIE


def standard_error(share: float, n: int) -> float:
    """The standard error of a share of n rows; NaN without rows."""
    if n < 1:
        return float("nan")
    p = (share * n + 1) / (n + 2)
    return float(np.sqrt(p * (1 - p) / (n + 2)))


def within(scores: np.ndarray, best: int, error: float) -> int:
    """How many strengths score at most `error` below the best, itself included; NaN counts as worse.

    Args:
      scores: (L,) higher is better.
      best: index of the winner.
      error: >= 0.
    """
    return int((scores >= scores[best] - error - TIE).sum())


def peaks(scores: np.ndarray, best: int, margin: float) -> list[int]:
    """Indices of the winner and of every local maximum that a valley deeper than `margin` divides from higher ones.

    Args:
      scores: (L,) in the order of the strengths; NaN is passed over.
      best: index of the winner.
      margin: such as the standard error of a score; maxima by less are nothing but chance.

    Returns:
      Sorted indices; plateaus are counted once, the winner's by the winner.
    """
    kept = np.flatnonzero(np.isfinite(scores))
    starts = np.flatnonzero(np.diff(scores[kept], prepend=np.nan) != 0)  # of levels
    levels = scores[kept][starts]
    home = int(np.searchsorted(starts, np.searchsorted(kept, best), side="right")) - 1
    order = sorted(range(len(levels)), key=lambda i: (-levels[i], i != home, i))
    found: list[int] = []
    for i in order:
        saddles = [levels[min(i, j) : max(i, j) + 1].min() for j in found]
        if not saddles or levels[i] - max(saddles) > margin + TIE:
            found.append(i)
    return sorted(best if i == home else int(kept[starts[i]]) for i in found)
