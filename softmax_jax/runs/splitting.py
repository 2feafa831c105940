"""Training and test rows of a data set, both scaled by the training rows alone.

Rows that are read by blocks are split by their numbers, in the order in which they are stored, and scaled in each pass:
nothing is copied. The rows on either side are those of the same seed in memory.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data import Dataset, RowSource
from softmax_jax.data.rows.reading import some_rows
from softmax_jax.data.rows.source import computed_in
from softmax_jax.runs.scaling import Scaling, scaling_of
from softmax_jax.runs.stratified import stratified_rows
from softmax_jax.runtime.fields import with_documented_fields


@with_documented_fields
class Split(NamedTuple):
    """Training and test rows; the test arrays are empty where no test is asked for.

    Attributes:
      X_train: (n, m), in memory or a source of rows.
      y_train: (n,).
      X_test: (n_test, m), likewise where there are any.
      y_test: (n_test,).
      mean: (m,) subtracted from every row; zeros where nothing was standardised.
      scale: (m,) every row was divided by it; ones where nothing was standardised.
      weights: (n,) sample weights of the training rows, or None.
      scaling: of the training rows, or None where nothing was standardised.
    """

    X_train: Any
    y_train: np.ndarray
    X_test: Any
    y_test: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray | None = None
    scaling: Scaling | None = None

    def judged_by(self) -> tuple[str, Any, np.ndarray]:
        """The rows that a fit is judged by, features and labels: those for the test where there are any."""
        if len(self.y_test):
            return "test", self.X_test, self.y_test
        return "training", self.X_train, self.y_train


def split_rows(data: Dataset, *, test: float, standardise: bool, seed: int) -> Split:
    """Training and test rows in the proportions of the classes, both scaled by the training rows.

    Sample weights count for the scaling too, so that a weight of 2 is the row twice.

    Args:
      data: features and labels.
      test: fraction of the rows for the test, in [0, 1).
      standardise: whether to scale.
      seed: of the split, an integer in [0, 2**32).

    Returns:
      Split.

    Raises:
      ValueError: test or seed is out of range, or a class has too few rows.
    """
    if not 0 <= test < 1:
        raise ValueError(f"test must be a fraction of the rows in [0, 1), got {test}.")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer in [0, 2**32), got {seed}.")
    rows, test_rows = np.arange(len(data.y)), np.arange(0)
    if test > 0:
        _check_split(data.y, test)
        rows, test_rows = stratified_rows(data.y, math.ceil(test * len(data.y)), seed)
    X_train, X_test = data.X if test == 0 else some_rows(data.X, rows), some_rows(data.X, test_rows)
    if isinstance(data.X, RowSource):
        rows, test_rows = np.sort(rows), np.sort(test_rows)
    weights = None if data.weights is None else data.weights[rows] / data.weights.max()
    scaling = scaling_of(X_train, weights) if standardise else None
    m, dtype = data.X.shape[1], computed_in(data.X.dtype)
    mean, scale = np.zeros(m, dtype), np.ones(m, dtype)
    if scaling is not None:
        mean, scale = scaling.mean, scaling.scale
        X_train, X_test = _scaled(X_train, scaling), _scaled(X_test, scaling)
    return Split(X_train, data.y[rows], X_test, data.y[test_rows], mean, scale, weights, scaling)


def _scaled(X: Any, scaling: Scaling) -> Any:
    """Rows in memory, or a source of them, scaled in the dtype in which they are computed."""
    return scaling.of_rows(X) if isinstance(X, RowSource) else scaling.apply(X.astype(computed_in(X.dtype), copy=False))


def _check_split(y: np.ndarray, test: float) -> None:
    """Refuse what cannot be split with every class on both sides."""
    classes, counts = np.unique(y, return_counts=True)
    n, k = len(y), len(classes)
    n_test = math.ceil(test * n)
    remedy = "or test=0 (--test 0) to train on all rows"
    if counts.min() < 2:
        label = classes[counts.argmin()]
        raise ValueError(f"class {str(label)!r} has 1 row; a split needs 2 of each class, {remedy}.")
    if n_test < k or n - n_test < k:
        raise ValueError(
            f"test={test} splits {n} rows into {n - n_test} and {n_test}; both need at least {k}, "
            f"one for each class; take another fraction, {remedy}."
        )
