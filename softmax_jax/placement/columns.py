"""A problem of some of the features: what a fit works on while most weights are zero.

Columns of dense X are gathered on the device; of sparse X on the host, where a compressed column is a slice; of rows
that are read by blocks in each pass. The last columns are zeros: few widths, few
compiled programs.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from softmax_jax.data.rows.views import MappedRows
from softmax_jax.dtypes import scope
from softmax_jax.placement.sharding import compiled
from softmax_jax.problem.problem import Data, Problem
from softmax_jax.problem.sparse import SparseFeatures, sparse_columns
from softmax_jax.problem.streamed import StreamedRows

LEAST_WIDTH = 256


def padded_width(count: int) -> int:
    """The least of 256, 512, 1024, ... that is at least `count`."""
    return max(LEAST_WIDTH, 1 << (count - 1).bit_length())


def with_columns(data: Data, index: np.ndarray) -> Data:
    """The problem of the features `index` alone, in that order; strengths, targets and weights are those of `data`.

    Args:
      data: with columns shifted or not.
      index: (s,) int32, each at most once; -1 for a column of zeros.
    """
    exact, training = data.exact, data.training
    if isinstance(exact.rows, StreamedRows):
        rows = _streamed_columns(exact.rows, index)
        narrow = exact.replaced(rows=rows)
    elif isinstance(exact.in_memory.X, SparseFeatures):
        with scope(exact.dtype):
            narrow = exact.replaced(X=sparse_columns(exact.in_memory.X, index, exact.rows.collectives.count))
    else:
        with scope(exact.dtype):
            narrow = _gathered(exact, jnp.asarray(index))
    same = training is exact
    training = narrow if same else training.replaced(rows=training.rows.with_features_of(narrow.rows))
    return Data(training, narrow, data.dtype)


@compiled()
def _gathered(problem: Problem, index: Any) -> Problem:
    return problem.replaced(X=problem.in_memory.X.columns(index))


def _streamed_columns(rows: StreamedRows, index: np.ndarray) -> StreamedRows:
    """The columns of rows that are read by blocks."""
    kept = index >= 0

    def of(values: np.ndarray, empty: float = 0.0) -> np.ndarray:
        return np.where(kept, values[..., index], empty).astype(values.dtype)

    seen = rows.survey
    columns = {name: of(getattr(seen, name)) for name in seen._fields if name != "sample_weight"}
    source = MappedRows(rows.source, of, len(index), rows.source.dtype)
    units = {"offset": of(rows.offset), "scale": of(rows.scale, 1.0)}
    return dataclasses.replace(rows, source=source, survey=seen._replace(**columns), **units)
