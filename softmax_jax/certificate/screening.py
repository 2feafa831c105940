"""Which weights are zero at every optimum, proven from a dual point and its gap (gap-safe screening).

The dual optimum A* is near the dual point A of a gap: sum_i w_i ||A_i - A*_i||_1^2 <= 2 gap, because minus the dual is
the sum of relative entropies, which bound squared distances (Pinsker). Rows of A - A* sum to zero, and where the bias
is free its weighted columns do, too. So u* = -X^T w (A* - T) is within sigma_i sqrt(gap / 2) of u in each entry of row
i, and within sigma_i sqrt(gap) in the row's norm, sigma_i the deviation of feature i. Where u* stays inside the dual
ball of l1 Omega, the weight is zero.

References:
  Ndiaye, Fercoq, Gramfort, Salmon, Gap safe screening rules for sparsity enforcing penalties, JMLR 2017.
"""

from __future__ import annotations

import numpy as np

from softmax_jax.penalties import row_norms

MARGIN = 1 + 1e-9  # of the radius, for its own rounding


def not_screened(
    G: np.ndarray, c: float, gap: float, deviation: np.ndarray, l1: float, *, by_feature: bool
) -> np.ndarray:
    """Where weights may differ from zero at an optimum: (m, k) boolean, (m, 1) by features.

    Args:
      G: (m, k) X^T w (A - T) at the dual point T + A - T.
      c: in [0, 1], of the dual point T + c (A - T) which proved the gap.
      gap: proven, nats per sample; with inf nothing is screened.
      deviation: (m,) weighted standard deviations of the features; root mean squares where the bias is not free.
      l1: strength.
      by_feature: whether Omega is of rows.
    """
    if not np.isfinite(gap):
        return np.ones((len(G), 1 if by_feature else G.shape[1]), bool)
    size = c * (row_norms(G) if by_feature else np.abs(G))
    radius = MARGIN * deviation[:, None] * np.sqrt(gap if by_feature else gap / 2)
    return size * MARGIN + radius >= l1
