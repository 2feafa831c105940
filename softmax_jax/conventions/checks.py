"""The numbers that conversions take, refused with words where they cannot be meant."""

from __future__ import annotations

from typing import Any

import numpy as np


def factor_of(n_classes: int) -> float:
    """As `factor`, of a library that fits two classes as the binomial model."""
    if isinstance(n_classes, bool) or not isinstance(n_classes, int | np.integer) or n_classes < 2:
        raise ValueError(f"n_classes must be an integer >= 2, got {n_classes!r}.")
    return factor(n_classes == 2)


def factor(binomial: bool) -> float:
    """How often l2 is the squared penalty there: 2 for the binomial model of two classes, 1 for a column per class."""
    return 2.0 if binomial else 1.0


def samples(n_samples: float) -> Any:
    """`n_samples` as a float, refused unless it is one finite number > 0."""
    n = number(n_samples, "n_samples", positive=True)
    if np.ndim(n) != 0 or not np.isfinite(n):
        raise ValueError(f"n_samples must be one finite number > 0, got {n_samples!r}.")
    return n


def number(value: Any, name: str, *, positive: bool = False) -> Any:
    """`value` as a float or float64 array, refused unless >= 0 (> 0)."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or not np.all(array > 0 if positive else array >= 0):
        raise ValueError(f"{name} must be a real number {'>' if positive else '>='} 0, got {value!r}.")
    return scalar(array.astype(np.float64))


def share(value: Any, name: str) -> Any:
    """`value` as a float or float64 array, refused unless within [0, 1]."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or not np.all((array >= 0) & (array <= 1)):
        raise ValueError(f"{name} must be a real number from 0 to 1, got {value!r}.")
    return scalar(array.astype(np.float64))


def scalar(array: Any) -> Any:
    """An array without axes as a float."""
    return float(array) if np.ndim(array) == 0 else array
