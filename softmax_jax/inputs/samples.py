"""Samples that have been validated, as one record: whoever is given it need not look at them again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from softmax_jax.inputs.quantities import weights
from softmax_jax.inputs.targets import targets


class Samples(NamedTuple):
    """Checked features, targets and weights; `fit` and `cross_validate` take them in place of X.

    Attributes:
      X: (n, m) finite floating array, canonical CSR matrix, or source of rows.
      T: (n,) int32 indices into `classes`, or (n, k) soft targets as they were given, with sums of about 1.
      classes: (k,) labels.
      weight: (n,) float64, the largest of them 1; None where all weigh the same.
    """

    X: Any
    T: np.ndarray
    classes: np.ndarray
    weight: np.ndarray | None


def samples(X: Any, y: Any, sample_weight: Any) -> Samples:
    """The samples of checked features.

    Args:
      X: (n, m), of `checks.features`, or a source of rows.
      y: as for `checks.targets`.
      sample_weight: as for `checks.weights`.

    Raises:
      ValueError, TypeError: y or sample_weight is not as described.
    """
    n = X.shape[0]
    return Samples(X, *targets(y, n, divided=False), weights(sample_weight, n))
