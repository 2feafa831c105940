"""The arguments that fits have in common, checked at their entry."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data.rows.opening import refuse_labels_among
from softmax_jax.inputs import checks
from softmax_jax.inputs.samples import Samples, samples
from softmax_jax.placement.place import Kind, checked_rows, kind_of

LARGEST_L2 = 1e30  # beyond it the weights are zero in any dtype


class Given(NamedTuple):
    """Checked data: `Samples`, and how their features are stored."""

    X: Any
    T: np.ndarray
    classes: np.ndarray
    weight: np.ndarray | None
    kind: Kind


def given(X: Any, y: Any, sample_weight: Any = None, devices: Any = None) -> Given:
    """The data of a fit.

    Args:
      X: (n, m) features, or a source of rows; or Samples that have been checked, in place of all three.
      y: (n,) labels, or soft targets (n, k).
      sample_weight: (n,) >= 0, or None.
      devices: as in `fit`.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    data = X if isinstance(X, Samples) else samples(checked_rows(X, devices), y, sample_weight)
    kind = kind_of(data.X)
    if kind.is_streamed:
        refuse_labels_among(data.X, data.T)
    return Given(*data, kind)


def strength(l2: Any) -> float:
    """`l2` >= 0, at most LARGEST_L2."""
    return min(checks.number(l2, "l2", low=0, allow_inf=True), LARGEST_L2)


def check_strengths(values: Any, name: str = "l2_values", *, positive: bool = False) -> np.ndarray:
    """Strengths (L,) float64.

    Args:
      values: as the caller gave them.
      name: what error messages call them.
      positive: whether 0 and infinity are refused, too.

    Raises:
      ValueError: none, negative or NaN ones, or one twice.
    """
    bound = "> 0" if positive else ">= 0"
    try:
        strengths = np.atleast_1d(np.asarray(values, np.float64))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers {bound}, got {values!r}.") from error
    if strengths.ndim != 1 or strengths.size == 0:
        raise ValueError(f"{name} must be a non-empty list of strengths, got shape {strengths.shape}.")
    allowed = (strengths > 0) & np.isfinite(strengths) if positive else strengths >= 0
    if not allowed.all():
        raise ValueError(f"{name} must be {bound}{' and finite' if positive else ''}, got {strengths[~allowed][0]}.")
    distinct, count = np.unique(strengths, return_counts=True)
    if (count > 1).any():
        raise ValueError(f"{name} must all be different, got {distinct[count > 1][0]:g} more than once.")
    return strengths


def tolerance(tol: Any) -> float:
    """`tol` > 0."""
    return checks.number(tol, "tol", low=0, low_open=True)


def iterations(max_iter: Any, least: int = 0) -> int:
    """`max_iter`, an integer >= `least`.

    Args:
      max_iter: as the caller gave it: an integer of Python, NumPy or JAX; no bool.
      least: the smallest that is accepted; 0 allows a fit that only certifies its start.
    """
    return checks.number(max_iter, "max_iter", low=least, integer=True)
