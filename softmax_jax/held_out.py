"""Validation rows of a path: checked like the rows trained on, and what parameters score on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax import border
from softmax_jax.model import Params
from softmax_jax.prediction import host_net_input, log_softmax


def checked_validation(X_val: Any, y_val: Any, m: int, classes: np.ndarray) -> tuple[Any, np.ndarray] | None:
    """Validation features and targets, checked; None without."""
    if X_val is None and y_val is None:
        return None
    if X_val is None or y_val is None:
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"X_val and y_val must be given together, got no {missing}.")
    X_val = border.features(X_val, name="X_val", n_features=m, sparse=True)
    return X_val, validation_targets(y_val, X_val.shape[0], classes)


def validation_targets(y_val: Any, n: int, classes: np.ndarray) -> np.ndarray:
    """Class indices (n,), or soft targets (n, k), of the validation rows; all labels occur in `classes`."""
    try:
        return border.targets(y_val, n, classes=classes)[0]
    except ValueError as error:
        raise ValueError(f"y_val: {error}") from error


def validation_scores(params: Params, X: Any, T: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy and accuracy of `params` on X (n, m) with class indices (n,) or soft targets (n, k)."""
    log_O = log_softmax(host_net_input(params, X).astype(np.float64))
    if T.ndim == 2:
        return float(-(T * log_O).sum(axis=1).mean()), float((log_O.argmax(axis=1) == T.argmax(axis=1)).mean())
    return float(-log_O[np.arange(len(T)), T].mean()), float((log_O.argmax(axis=1) == T).mean())
