"""Targets: labels as class indices, or soft targets, each row a distribution over the classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.inputs.conversion import FLOATS, as_numpy, check_finite, real
from softmax_jax.inputs.labels import as_labels, check_labels, in_words

_SUM_TOLERANCE = {"float16": 1e-2, "bfloat16": 2e-2, "float32": 1e-4, "float64": 1e-6}


def targets(y: Any, n: int, *, classes: Any = None, divided: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Class indices and classes of labels y, or soft targets T checked.

    Args:
      y: (n,) labels of one kind: strings, bool, integers or floats with integer values; or soft targets T,
        (n, k) floating, no entry negative, rows sum to 1.
      n: number of rows of X.
      classes: the labels to encode against; by default those that occur in y.
      divided: whether the rows of soft targets are to be divided by their sums, in float64.

    Returns:
      (labels, classes): labels (n,) int32, an index into the sorted `classes` (k,); or, for soft targets,
      (T, arange(k)) with T (n, k) as it is given, or float64 where it is to be divided.

    Raises:
      TypeError: labels are bytes, mixed, or objects that are not labels.
      ValueError: y is missing, of another length or shape, holds NaN or an unknown label, or has one class.
    """
    labels = as_labels(y)
    if labels.ndim == 0:
        raise ValueError(f"y must have one label per row of X. y should be a 1d array, got {y!r} instead.")
    if labels.shape[0] != n:
        raise ValueError(f"X and y must have the same number of rows, got {n} in X and {labels.shape[0]} in y.")
    if labels.ndim == 2 and labels.shape[1] > 1:
        return _soft_targets(labels, classes, divided)
    if labels.ndim != 1:
        raise ValueError(f"y must be 1-d labels or 2-d soft targets, got shape {labels.shape}; try y.ravel().")
    labels = check_labels(labels)
    if classes is not None:
        return _encode(labels, as_labels(classes, "classes"))
    found, index = np.unique(labels, return_inverse=True)
    if len(found) < 2:
        raise ValueError(f"y must hold at least 2 classes, got 1 class: {in_words(found)}.")
    return index.astype(np.int32), found


def distributions(T: Any, n: int, k: int, *, name: str = "T") -> np.ndarray:
    """Targets as distributions, one a row, whose sums are 1 to the rounding of T.

    Args:
      T: (n, k) array-like.
      n: rows of it that are expected.
      k: columns.
      name: what error messages call it.

    Raises:
      TypeError: T is sparse, masked, of dates or objects.
      ValueError: not (n, k) real numbers; one is negative, NaN or infinite; a row does not sum to 1.
    """
    array = as_numpy(T, name)
    if array.shape != (n, k):
        raise ValueError(
            f"{name} must have shape {(n, k)}, a row per sample and a column per class, got {array.shape}."
        )
    T = real(array, T, name)
    _check_rows(T, name)
    return T


def _encode(labels: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of `labels` in the sorted `classes`."""
    known = np.unique(check_labels(classes, "classes"))
    if classes.ndim != 1 or len(known) != len(classes) or len(known) < 2:
        raise ValueError(f"classes must be at least 2 different labels, got {classes.tolist()}.")
    if (labels.dtype.kind in "OU") != (known.dtype.kind in "OU"):
        raise TypeError(f"y and classes must be of one type, got dtypes {labels.dtype} and {known.dtype}.")
    if {labels.dtype.kind, known.dtype.kind} == {"i", "u"}:
        labels = labels.astype(object)  # NumPy would look for them as floats
    index = np.minimum(np.searchsorted(known.astype(labels.dtype), labels), len(known) - 1)
    unknown = known[index] != labels
    if unknown.any():
        raise ValueError(f"y must hold the labels {in_words(known)}, got {in_words(np.unique(labels[unknown]))}.")
    return index.astype(np.int32), known


def _soft_targets(T: np.ndarray, classes: Any, divided: bool) -> tuple[np.ndarray, np.ndarray]:
    """T (n, k), checked, and its classes."""
    if T.dtype.name not in FLOATS:
        raise ValueError(
            f"y must be 1-d labels or 2-d floating soft targets whose rows sum to 1, got shape {T.shape} "
            f"of dtype {T.dtype}; for one-hot rows pass y.argmax(axis=1)."
        )
    T = T if T.dtype.isnative else T.astype(T.dtype.newbyteorder("="))
    total = _check_rows(T, "y")
    names = np.arange(T.shape[1]) if classes is None else as_labels(classes, "classes")
    if names.shape != T.shape[1:]:
        raise ValueError(f"classes must name the {T.shape[1]} columns of soft targets y, got {len(names)}.")
    return T.astype(np.float64) / total[:, None] if divided else T, names


def _check_rows(T: np.ndarray, name: str) -> np.ndarray:
    """The sums (n,) of rows of soft targets, in float64; ValueError unless each is a distribution."""
    tolerance = _SUM_TOLERANCE[T.dtype.name]
    check_finite(T, name)
    if T.min() < 0:
        i, j = np.unravel_index(int(np.argmin(T)), T.shape)
        raise ValueError(f"Soft targets {name} must not be negative, got {T[i, j]} at row {i}, column {j}.")
    total = row_totals(T)
    off = np.abs(total - 1) > tolerance
    if off.any():
        i = int(np.argmax(off))
        raise ValueError(f"Rows of soft targets {name} must sum to 1 (to {tolerance}), got {total[i]} in row {i}.")
    return total


def row_totals(T: np.ndarray) -> np.ndarray:
    """Sums (n,) of the rows of T, float64: in float32 they would be those of a distribution within 1e-7 only."""
    return T.sum(axis=1, dtype=np.float64)
