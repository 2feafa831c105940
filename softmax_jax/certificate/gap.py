"""`duality_gap`: how far any parameters are from the optimum, at most."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from softmax_jax.certificate.bound import gap_at
from softmax_jax.dtypes import scope
from softmax_jax.inputs import checks
from softmax_jax.model import Params, check_shapes
from softmax_jax.penalties import check_group
from softmax_jax.placement.offsets import inward, shifted
from softmax_jax.placement.place import InFloat64, checked_rows, place
from softmax_jax.problem.problem import Data, with_strengths
from softmax_jax.runtime.host import on_host


@on_host
def duality_gap(
    params: Params,
    X: Any,
    T: Any,
    l2: Any,
    sample_weight: Any = None,
    fit_intercept: bool = True,
    l1: float = 0.0,
    group: str | None = None,
) -> Any:
    """A proven upper bound on J(params) - J*, the distance to the optimum in nats per sample.

    Args:
      params: W (m, k) and b (k,), any.
      X: (n, m) features; a SciPy sparse matrix stays sparse, and a source of rows is read by blocks.
      T: (n, k) one-hot or soft targets, rows sum to 1.
      l2: scalar >= 0; there is no such bound where l1 is 0, too.
      sample_weight: (n,) >= 0, normalised to mean 1.
      fit_intercept: whether the optimum is taken over b too, or at this b only.
      l1: scalar >= 0, strength of Omega(W).
      group: as in `penalty`: what Omega is.

    Returns:
      () NumPy float64 scalar, nats per sample; inf for l1 = l2 = 0.

    Raises:
      ValueError: shapes disagree, or l1 or group is not as described.

    Example:
        >>> X, T = np.array([[0.0], [1.0]]), np.eye(2)
        >>> zero = Params(np.zeros((1, 2)), np.zeros(2))  # J = log 2 = 0.69 there
        >>> gap = duality_gap(zero, X, T, l2=1.0)
        >>> print(f"{gap:.2f}")  # so that J >= 0.69 - 0.06, whatever the parameters
        0.06
    """
    check_group(group)
    X, l1 = checked_rows(X), checks.number(l1, "l1", low=0)
    check_shapes(X, np.asarray(params.W), np.asarray(params.b))
    n, k = np.shape(X)[0], np.shape(params.W)[1]
    T = checks.distributions(T, n, k)
    weight = checks.weights(sample_weight, n)
    data = shifted(place(X, T, weight, float(l2), fit_intercept, InFloat64()))
    data = with_strengths(data, l1, float(l2), group) if l1 > 0 else data
    given = inward(Params(*(np.asarray(p, np.float64) for p in params)), data.offset)
    with scope(np.float64):
        given = Params(*(jnp.asarray(p) for p in given))
        return np.float64(gap_at(data.exact, given) + _moved_by_rounding(data, given))


def _moved_by_rounding(data: Data, params: Params) -> Any:
    """A bound on what J changes by the rounding of the bias b + o W of shifted columns: a gradient is below 2."""
    if data.offset is None:
        return 0.0
    digits = np.finfo(np.longdouble).eps * (len(data.offset) + 2)
    summed = np.abs(data.offset) @ np.abs(np.asarray(params.W)) + np.abs(np.asarray(params.b))
    size = float(np.max(digits * summed + np.finfo(np.float64).eps * np.abs(np.asarray(params.b))))
    return 2 * size + size**2
