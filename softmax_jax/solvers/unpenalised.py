"""Without a penalty the units of columns say nothing: no verdict and no stop may depend on them.

Columns of very different scale are multiplied by powers of two, which is exact, so that their deviations are about 1. A
gradient is measured by what it asks of the logits: its entry for a column, divided by the column's variance, is
about the change of a coefficient, and times the column's reach (the largest distance of an entry from the mean) the
change of the logit that this moves most. A value that few rows have thereby counts as much as one of many.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.placement.sharding import over_rows
from softmax_jax.problem.blocked import BlockedProblem, replaced
from softmax_jax.problem.problem import Columns, Data, Problem, composed

LIKE_ONE = 2.0**10  # deviations within this factor of 1 are left as they are


def standardised(data: Data) -> tuple[Data, np.ndarray | None]:
    """The data, which have no penalty, with the units in which gradients are measured.

    Returns:
      The data; and the powers of two (m,) by which their columns were multiplied, or None where they were not.
    """
    exact, training = data.exact, data.training
    with scope(exact.dtype):
        mean, variance, reach = (np.asarray(a, np.float64) for a in composed(exact, _seen)(exact))
    varies = variance > (np.finfo(np.float64).eps * mean) ** 2
    deviation = np.sqrt(np.where(varies, variance, 1))
    scale = None
    if max(deviation.max(), 1 / deviation.min()) > LIKE_ONE and _can_scale(exact):
        scale = 2.0 ** -np.round(np.log2(deviation))
        mean, variance, reach = mean * scale, variance * scale**2, reach * scale
        with scope(exact.dtype):
            exact = _scaled(exact, scale)
        training = _with_features_of(training, exact, scale)
    unit = np.where(varies, reach / np.where(varies, variance, 1), 0)
    wide = _measured(exact, mean, unit)
    narrow = wide if data.training is data.exact else _measured(training, mean, unit)
    return data._replace(training=narrow, exact=wide), scale


def _can_scale(problem: Any) -> bool:
    """Whether powers of two are exact in the dtype in which X is stored: float16 has too few."""
    return problem.is_streamed or np.dtype(problem.X.dtype) != np.float16


def _scaled(problem: Any, scale: np.ndarray) -> Any:
    if problem.is_streamed:
        return BlockedProblem(problem.rows.scaled(scale), problem.l2, problem.intercept, gradient=problem.gradient)
    return _in_memory(problem, scale.astype(problem.dtype))


def _with_features_of(training: Any, exact: Any, scale: np.ndarray) -> Any:
    return _scaled(training, scale) if training.is_streamed else replaced(training, X=exact.X)


def _measured(problem: Any, mean: np.ndarray, unit: np.ndarray) -> Any:
    with scope(problem.dtype):
        largest = np.finfo(problem.dtype).max
        columns = Columns(*(jnp.asarray(np.clip(a, -largest, largest), problem.dtype) for a in (mean, unit)))
        return replaced(problem, columns=columns)


@jax.jit
@over_rows
def _seen(problem: Problem) -> tuple[Any, Any, Any]:
    """Mean, variance and reach of the columns (m,)."""
    mean, variance = problem.variances()
    low, high = problem.extent()
    return mean, variance, jnp.maximum(high - mean, mean - low)


@jax.jit
@over_rows
def _in_memory(problem: Problem, scale: Any) -> Problem:
    return replaced(problem, X=problem.X.scaled(scale))
