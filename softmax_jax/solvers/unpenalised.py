"""Without a penalty the units of columns say nothing: no verdict and no stop may depend on them.

Columns of very different scale are multiplied by powers of two, which is exact, so that their deviations are about 1. A
gradient is measured by what it asks of the logits: its entry for a column, divided by the column's variance, is
about the change of a coefficient, and times the column's reach (the largest distance of an entry from the mean) the
change of the logit that this moves most. A value that few rows have thereby counts as much as one of many.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.placement.sharding import compiled
from softmax_jax.problem.problem import Columns, Data, Problem

LIKE_ONE = 2.0**10  # deviations within this factor of 1 are left as they are


def standardised(data: Data) -> tuple[Data, np.ndarray | None]:
    """The data, which have no penalty, with the units in which gradients are measured.

    Returns:
      The data; and the powers of two (m,) by which their columns were multiplied, or None where they were not.
    """
    exact, training = data.exact, data.training
    with scope(exact.dtype):
        mean, variance, reach = (np.asarray(a, np.float64) for a in _seen(exact))
    varies = variance > (np.finfo(np.float64).eps * mean) ** 2
    deviation = np.sqrt(np.where(varies, variance, 1))
    scale = None
    if max(deviation.max(), 1 / deviation.min()) > LIKE_ONE and exact.rows.can_scale:
        scale = 2.0 ** -np.round(np.log2(deviation))
        mean, variance, reach = mean * scale, variance * scale**2, reach * scale
        with scope(exact.dtype):
            exact = _scaled(exact, scale.astype(exact.dtype))
        training = training.replaced(rows=training.rows.with_features_of(exact.rows))
    unit = np.where(varies, reach / np.where(varies, variance, 1), 0)
    wide = _measured(exact, mean, unit)
    narrow = wide if data.training is data.exact else _measured(training, mean, unit)
    return data._replace(training=narrow, exact=wide), scale


def _measured(problem: Problem, mean: np.ndarray, unit: np.ndarray) -> Problem:
    with scope(problem.dtype):
        largest = np.finfo(problem.dtype).max
        columns = Columns(*(jnp.asarray(np.clip(a, -largest, largest), problem.dtype) for a in (mean, unit)))
        return problem.replaced(columns=columns)


@compiled()
def _seen(problem: Problem) -> tuple[Any, Any, Any]:
    """Mean, variance and reach of the columns (m,)."""
    mean, variance = problem.variances()
    low, high = problem.rows.extent()
    return mean, variance, jnp.maximum(high - mean, mean - low)


@compiled()
def _scaled(problem: Problem, scale: Any) -> Problem:
    return problem.replaced(rows=problem.rows.scaled(scale))
