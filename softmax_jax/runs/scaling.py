"""Mean and deviation of each column of the training rows: what scikit-learn's StandardScaler finds, bit for bit.

    var = (sum_i s_i d_i^2 - (sum_i s_i d_i)^2 / n) / n,    d_i = x_i - mean,    n = sum_i s_i

The second term corrects what rounding made of the mean. A column that does not vary beyond rounding has scale 1.
Imported from scikit-learn, the same would take 2 s: more than all the rest of a run on a small table.

Of rows that are read by blocks both are found in one pass, about the first row in place of the mean.

References:
  Chan, Golub, LeVeque, Algorithms for computing the sample variance, 1983, equation 1.7.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from softmax_jax.data.rows.source import RowSource, computed_in
from softmax_jax.data.rows.views import MappedRows
from softmax_jax.dtypes import has_float64
from softmax_jax.problem.streamed import survey

_EPS = np.finfo(np.float64).eps


class Scaling(NamedTuple):
    """What is known of the columns.

    Attributes:
      mean: (m,) float64.
      var: (m,) float64.
      scale: (m,) float64, the root of `var`, or 1.
      seen: sum of the weights, or the number of rows.
    """

    mean: np.ndarray
    var: np.ndarray
    scale: np.ndarray
    seen: np.float64

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Rows X (n, m) less the mean, divided by the scale, in the dtype of X."""
        return (X - self.mean.astype(X.dtype)) / self.scale.astype(X.dtype)

    def of_rows(self, X: RowSource) -> MappedRows:
        """The same of rows that are read by blocks, in the dtype in which they are computed."""
        dtype = computed_in(X.dtype)
        return MappedRows(X, lambda block: self.apply(block.astype(dtype, copy=False)), X.shape[1], dtype)


def scaling_of(X: np.ndarray | RowSource, weights: np.ndarray | None = None) -> Scaling:
    """The scaling of the columns of X.

    Args:
      X: (n, m) floating, or a source of rows.
      weights: (n,) floating >= 0, or None.
    """
    if isinstance(X, RowSource):
        return _in_one_pass(X, weights)
    s = None if weights is None else weights.astype(computed_in(X.dtype)).astype(np.float64)
    seen = np.float64(len(X)) if s is None else (s[:, None] * np.ones_like(X)).sum(axis=0)[0]
    mean = _sums(X, s) / seen
    deviation = X - mean
    correction = _sums(deviation, s)
    var = (_sums(np.square(deviation), s) - correction**2 / seen) / seen
    return _scaling(mean, var, seen)


def _in_one_pass(X: RowSource, weights: np.ndarray | None) -> Scaling:
    """The scaling of rows that are read by blocks."""
    n = X.shape[0]
    s = np.ones(n) if weights is None else weights.astype(np.float64)
    wide = np.dtype(np.float64) if has_float64() else computed_in(X.dtype)
    found = survey(X, s / s.sum(), n, wide)
    return _scaling(found.mean, found.variance, np.float64(s.sum()))


def _scaling(mean: np.ndarray, var: np.ndarray, seen: np.float64) -> Scaling:
    """The scaling of columns of which some may be constant."""
    constant = var <= seen * _EPS * var + (seen * mean * _EPS) ** 2
    return Scaling(mean, var, np.sqrt(np.where(constant, 1.0, var)), seen)


def _sums(X: np.ndarray, s: np.ndarray | None) -> np.ndarray:
    """Sums (m,) over rows, weighted, in float64."""
    return X.sum(axis=0, dtype=np.float64) if s is None else s @ X.astype(np.float64, copy=False)
