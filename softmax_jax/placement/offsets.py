"""Columns that lie far from zero beside their spread are shifted, exactly, so that nothing cancels in X W + b.

Where all entries of a column lie within a factor of two of a number o, x - o is exact in floating point. The
problem in x - o has the same W and the bias b + o W: the same minimum, without the products of offsets that cancel in
Z, in the gradient and in its rounding. Solvers and certificates see shifted columns; `inward` and `outward`
are the way in and out.

References:
  Sterbenz, Floating-Point Computation, 1974, theorem 4.3.1 (x - o is exact where o/2 <= x <= 2 o).
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.placement.sharding import compiled
from softmax_jax.problem.problem import Data, Problem

NARROW = 1 / 32  # range of a column beside its midpoint, up to which it is shifted


def column_offsets(low: Any, high: Any, dtype: Any) -> np.ndarray | None:
    """Offsets (m,) float64 of columns with entries in [low, high], numbers of `dtype`; None where all are zero.

    Args:
      low: (..., m) least entry of each column.
      high: (..., m) largest entry of each column.
      dtype: in which the columns are stored; an offset is a number of it, or x - o would not be exact.
    """
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    middle = (low + (high - low) / 2).astype(dtype).astype(np.float64)
    offset = np.where(high - low <= NARROW * np.abs(middle), middle, 0.0)
    return offset if offset.any() else None


def shifted(data: Data, extent: tuple[Any, Any] | None = None) -> Data:
    """The same data with the columns shifted that need it; unchanged where none does, or the bias is not free.

    Args:
      data: with columns as they were given.
      extent: the least and the largest entry of each column (m,) in rows of positive weight, where they are known.
    """
    exact, training = data.exact, data.training
    if not exact.rows.can_shift or not bool(exact.intercept):
        return data
    with scope(exact.dtype):
        low, high = jax.device_get(_extent(exact)) if extent is None else extent
        offset = column_offsets(low, high, exact.rows.stored_dtype)
        if offset is None:
            return data
        exact = _shifted(exact, offset.astype(exact.dtype))
    same = training is data.exact
    training = exact if same else training.replaced(rows=training.rows.with_features_of(exact.rows))
    return Data(training, exact, data.dtype, offset)


@compiled()
def _extent(problem: Problem) -> tuple[Any, Any]:
    return problem.rows.extent()


@compiled()
def _shifted(problem: Problem, offset: Any) -> Problem:
    return problem.replaced(rows=problem.rows.shifted(offset))


def inward(params: Params, offset: np.ndarray | None) -> Params:
    """The parameters of the shifted problem, in float64.

    Args:
      params: W (..., m, k) and b (..., k) for columns as they were given.
      offset: (..., m) float64, or None, where nothing is shifted and the params are returned as they are.
    """
    if offset is None:
        return params
    return Params(np.asarray(params.W, np.float64), _moved(params, offset))


def outward(params: Params, offset: np.ndarray | None) -> Params:
    """The parameters of the problem as it was given, in their dtype; leading axes are carried along.

    Args:
      params: W (..., m, k) and b (..., k) for shifted columns; with the leading axes, any floating dtype.
      offset: (..., m) float64, or None, where nothing is shifted.
    """
    if offset is None:
        return params
    return Params(params.W, _moved(params, -offset).astype(params.b.dtype))


def returned(params: Params, offset: np.ndarray) -> tuple[Params, Params]:
    """The parameters in their dtype as they are returned, and what rounding made of them in the shifted problem.

    Args:
      params: W (..., m, k) and b (..., k) for shifted columns, in the dtype to return.
      offset: (..., m) float64.
    """
    given = outward(params, offset)
    return given, inward(given, offset)


def _moved(params: Params, offset: np.ndarray) -> np.ndarray:
    """B + o W in float64, summed in more digits where there are any."""
    W, b = (np.asarray(p, np.longdouble) for p in params)
    return (b + np.einsum("...a,...ak->...k", offset.astype(np.longdouble), W)).astype(np.float64)
