"""What a FitResult says of rows: labels and probabilities, of features as they were for the fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.data.rows.opening import as_source, is_source
from softmax_jax.inputs import checks
from softmax_jax.prediction import host_net_input, host_softmax
from softmax_jax.runtime.host import in_numpy


@in_numpy
def predict(result: Any, X: Any) -> np.ndarray:
    """Labels (n,) of the most probable class of each row.

    Args:
      result: a FitResult.
      X: (n, m) features, scaled as for the fit, or a source of rows; columns are taken in their order, whatever their
        names.

    Raises:
      ValueError, TypeError: X is not such a matrix.
    """
    return result.classes[_net_input(result, X).argmax(axis=1)]


@in_numpy
def predict_proba(result: Any, X: Any) -> np.ndarray:
    """Probabilities (n, k) of the classes.

    Args:
      result: a FitResult.
      X: as for `predict`.

    Raises:
      ValueError, TypeError: X is not such a matrix.
    """
    return host_softmax(_net_input(result, X))


def _net_input(result: Any, X: Any) -> np.ndarray:
    if is_source(X):
        source, m = as_source(X), len(result.params.W)
        if source.shape[1] != m:
            raise ValueError(f"X has {source.shape[1]} features, but the model is expecting {m} features as input.")
        return host_net_input(result.params, source)
    return host_net_input(result.params, checks.features(X, n_features=len(result.params.W), sparse=True))
