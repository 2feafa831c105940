"""What is odd about the data of a fit, in words: features that say nothing or depend on one another, empty classes.

The fit of such data is right and may well have converged; what it found is not what a reader would take it for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from softmax_jax.data.rows.reading import in_blocks, some_rows
from softmax_jax.fitting.spread import spread_message
from softmax_jax.inputs.conversion import is_sparse

LARGEST_RANK_TEST = 4096  # features above which linear dependence is not looked for: it costs m^3
_SMALL_W = 1e-8  # weights below it hint at features without any variation
_BLOCK_ROWS = 4096
_BLOCK_ELEMENTS = 2**24


def data_warnings(
    result: Any,
    X: Any,
    T: np.ndarray,
    weight: np.ndarray | None,
    *,
    l2: float,
    fit_intercept: bool,
    l1: float = 0.0,
) -> list[str]:
    """A sentence for each oddity that was found.

    Args:
      result: what `fit` returned for the data.
      X: (n, m) checked features, dense or CSR, or a source of rows.
      T: (n,) class indices or (n, k) soft targets.
      weight: (n,) or None.
      l2: strength.
      fit_intercept: whether the bias is free.
      l1: strength of Omega.

    Returns:
      Sentences, none for ordinary data.
    """
    words = []
    if np.abs(result.params.W).max() < _SMALL_W and _is_constant(X):
        words.append(
            "X is numerically constant: no feature varies by more than rounding can tell, so that the model knows "
            "the frequencies of the classes only. Scale the features."
        )
    if fit_intercept and T.ndim == 2:
        mass = T.sum(axis=0) if weight is None else weight @ T
        if (mass == 0).any():
            names = ", ".join(str(c) for c in result.classes[mass == 0].tolist())
            words.append(
                f"No row of y gives class {names} any probability: its free bias has no finite optimum, and is set so "
                "that the class is next to impossible. Leave the class out, or smooth the targets."
            )
    if (
        l2 == 0
        and l1 == 0
        and result.status not in ("diverging", "nonfinite")
        and _is_dependent(X, weight, fit_intercept)
    ):
        words.append(
            "With l2=0 the coefficients are not unique: some features are linear combinations of others"
            + (" or constant" if fit_intercept else "")
            + ". The probabilities are right. Leave these features out, or set l2 > 0."
        )
    if (l2 > 0 or l1 > 0) and (spread := spread_message(X)):
        words.append(spread)
    return words


def _is_constant(X: Any) -> bool:
    """Whether the differences within each column are so small that their squares underflow."""
    smallest = np.sqrt(float(np.finfo(np.float64 if X.dtype == np.float64 else np.float32).tiny))
    first = None
    for block in _blocks(X):
        first = block[:1].copy() if first is None else first
        if (np.abs(block - first) > smallest).any():
            return False
    return True


def _is_dependent(X: Any, weight: np.ndarray | None, fit_intercept: bool) -> bool:
    """Whether the columns of X, with one of ones where the bias is free, are linearly dependent to rounding."""
    n, m = X.shape
    if m > LARGEST_RANK_TEST:
        return False
    rows = np.arange(n) if weight is None else np.flatnonzero(weight)
    if len(rows) < m + fit_intercept:
        return True
    some = rows[:: max(1, len(rows) // (4 * m))]  # ascending; independent in some rows is independent in all
    return _gram_is_singular(X, some, fit_intercept) and (
        len(some) == len(rows) or _gram_is_singular(X, rows, fit_intercept)
    )


def _gram_is_singular(X: Any, rows: np.ndarray, centre: bool) -> bool:
    """Whether the correlations of the columns over `rows` have an eigenvalue of zero to rounding."""
    m = X.shape[1]
    chosen = X if len(rows) == X.shape[0] else some_rows(X, rows)
    scale = np.max([np.abs(block).max(axis=0) for block in _blocks(chosen)], axis=0)
    if (scale == 0).any():
        return True
    mean = np.zeros(m)
    if centre:
        mean = np.sum([(block / scale).sum(axis=0) for block in _blocks(chosen)], axis=0) / len(rows)
    gram = np.zeros((m, m))
    for block in _blocks(chosen):
        A = block / scale - mean
        gram += A.T @ A
    norm = np.sqrt(np.diag(gram))
    eps = np.finfo(np.float64).eps
    if (norm <= 8 * eps * np.sqrt(len(rows))).any():
        return True
    return bool(np.linalg.eigvalsh(gram / np.outer(norm, norm))[0] < 8 * eps * m)


def _blocks(X: Any) -> Iterator[np.ndarray]:
    """The rows of X, some at a time, dense and in float64."""
    rows = max(1, min(_BLOCK_ROWS, _BLOCK_ELEMENTS // X.shape[1]))
    for _, block in in_blocks(X):
        for start in range(0, block.shape[0], rows):
            part = block[start : start + rows]
            yield np.array(part.toarray() if is_sparse(part) else part, np.float64)
