"""Numbers and weights: real, of the right sign, never NaN."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from softmax_jax.inputs.conversion import as_numpy, real


def weights(sample_weight: Any, n: int, *, name: str = "sample_weight") -> np.ndarray | None:
    """Sample weights (n,) float64 divided by their maximum, so that huge and subnormal ones are safe.

    Args:
      sample_weight: (n,) real numbers >= 0; None gives None.
      n: number of rows of X.
      name: what error messages call the weights.

    Raises:
      TypeError: dates, or objects that are not numbers.
      ValueError: not (n,) real numbers, a negative, NaN or infinite one, or all of them zero.
    """
    if sample_weight is None:
        return None
    w = np.asarray(real(as_numpy(sample_weight, name), sample_weight, name), np.float64)
    if w.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), one per row of X, got {w.shape}.")
    bad = ~(np.isfinite(w) & (w >= 0))
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"{name} must be finite and not negative, got {w[i]} in row {i}.")
    largest = w.max(initial=0.0)
    if largest == 0:
        raise ValueError(f"{name} must hold at least one non-zero number, got all zero.")
    return w / largest


def number(
    value: Any,
    name: str,
    *,
    low: float,
    low_open: bool = False,
    allow_inf: bool = False,
    integer: bool = False,
) -> Any:
    """`value` as a Python float or int.

    Args:
      value: a number of Python, or a scalar of NumPy or JAX.
      name: what error messages call it.
      low: the least that it may be.
      low_open: whether it must be greater.
      allow_inf: whether it may be infinite.
      integer: whether it must be an integer.

    Raises:
      ValueError: not a real number (bool and str included), NaN, below `low`, or infinite unless `allow_inf`.
    """
    kind = "an integer" if integer else "a real number" if allow_inf else "a finite real number"
    error = ValueError(
        f"The {name!r} parameter must be {kind} {'>' if low_open else '>='} {low}. Got {value!r} instead."
    )
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()  # a NumPy or JAX scalar
    expected: Any = numbers.Integral if integer else numbers.Real
    if isinstance(value, bool) or not isinstance(value, expected):
        raise error
    try:
        result = int(value) if integer else float(value)
    except OverflowError:
        raise error from None
    if not (result > low if low_open else result >= low) or (result == np.inf and not allow_inf):
        raise error
    return result
