"""Do the columns of X differ so much in spread that one penalty cannot suit them all? From a sample of rows, in words.

A weight's size is in the inverse unit of its column: with columns of deviation 1e-3 and 1e4 the one strength holds the
weights of the first at zero and leaves those of the second free, whatever it is; and solvers take many more passes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data.rows.source import RowSource, computed_in
from softmax_jax.dtypes import has_float64, scope
from softmax_jax.inputs.conversion import is_jax, is_sparse
from softmax_jax.problem.streamed import Survey, survey

LARGEST_SPREAD = 1e3  # ratio of deviations beyond which it is said
_ROWS = 1024  # that are looked at
_FEWEST = 10  # of which deviations are told: of two or three rows they differ by chance


class Surveyed(NamedTuple):
    """Rows that are read by blocks, and what one pass over them found; in their own units."""

    source: RowSource
    survey: Survey
    scale: float = 1.0
    offset: float = 0.0


def surveyed(X: RowSource) -> Surveyed:
    """X after a pass over it, for who has no problem of its rows at hand.

    Raises:
      ValueError: X is not finite, or cannot be read.
    """
    n = X.shape[0]
    return Surveyed(X, survey(X, np.full(n, 1 / n), n, np.dtype(np.float64) if has_float64() else computed_in(X.dtype)))


def spread_message(X: Any, rows: Any = None) -> str:
    """A sentence where the columns of X differ by more than LARGEST_SPREAD in spread, with the cure; else "".

    Args:
      X: (n, m) checked features, dense or CSR; rows that are read by blocks are not looked at by themselves.
      rows: of their problem, whose first pass has found the deviations of all of them (`problem.streamed`), or what
        `surveyed` gave; else None.
    """
    deviations = _deviations(X) if rows is None else _surveyed(rows)
    if len(deviations) < 2 or deviations.max() / LARGEST_SPREAD <= deviations.min():
        return ""
    low, high = deviations.min(), deviations.max()
    with np.errstate(over="ignore"):
        factor = high / low
    return (
        f"The columns of X differ in spread by a factor of {factor:.1e} (standard deviations {low:.1e} to "
        f"{high:.1e}): one penalty cannot suit them all. Standardise them: linear_probe and softmax-jax do "
        "(standardise=True), elsewhere (X - X.mean(axis=0)) / X.std(axis=0) or a StandardScaler does."
    )


def _deviations(X: Any) -> np.ndarray:
    """Standard deviations of the columns that vary beyond rounding, over some rows spread over X."""
    if callable(getattr(X, "reader", None)):
        return np.zeros(0)
    if is_jax(X):  # of an array on several devices or processes, what the first one of these has
        X = X.addressable_data(0)
    step = max(1, -(-X.shape[0] // _ROWS))
    with scope(X.dtype):
        rows = X[::step]  # of a JAX array where it lies: these rows alone come to the host
    rows = np.asarray(rows) if is_jax(rows) else rows
    if rows.shape[0] < _FEWEST:
        return np.zeros(0)
    rounding = 8 * float(np.finfo(X.dtype).eps if X.dtype.kind == "f" else 2.0**-8)
    largest = _largest(rows)
    unit = np.where(largest > 0, largest, 1)  # squares of what is as large as its dtype holds overflow
    if is_sparse(rows):
        mean, square = _moments(rows, unit)
        found, largest = np.sqrt(np.maximum(square - mean**2, 0)), np.sqrt(square)
    else:
        wide = np.asarray(rows, np.float64) / unit
        found, largest = (wide - wide[:1]).std(axis=0), largest > 0  # of a constant exactly 0
    return (found * unit)[found > rounding * largest]


def _largest(rows: Any) -> np.ndarray:
    """The largest magnitudes (m,) of columns, dense or CSR."""
    if not is_sparse(rows):
        return np.abs(np.asarray(rows, np.float64)).max(axis=0)
    found = np.zeros(rows.shape[1])
    np.maximum.at(found, rows.indices, np.abs(rows.data.astype(np.float64)))
    return found


def _surveyed(rows: Any) -> np.ndarray:
    """As `_deviations`, of what the first pass over the rows of a source found, in the units of the source."""
    seen, scale = rows.survey, np.asarray(rows.scale, np.float64)
    if rows.source.shape[0] < _FEWEST:
        return np.zeros(0)
    found = np.sqrt(seen.variance) / scale
    largest = np.maximum(np.abs(seen.low), np.abs(seen.high)) / scale + np.abs(np.asarray(rows.offset, np.float64))
    dtype = np.dtype(rows.source.dtype)
    rounding = 8 * float(np.finfo(dtype).eps if dtype.kind == "f" else 2.0**-8)
    return found[np.isfinite(largest) & (found > rounding * largest)]


def _moments(rows: Any, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means (m,) of the entries of a CSR matrix in a unit of each column, and of their squares."""
    n, m = rows.shape
    values = rows.data.astype(np.float64) / unit[rows.indices]
    return tuple(np.bincount(rows.indices, v, m) / n for v in (values, values**2))  # type: ignore[return-value] # two
