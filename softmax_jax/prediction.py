"""Predictions on the host in NumPy: net input and log-probabilities that stay finite for any finite X.

    log O = Z - max Z - log sum exp(Z - max Z),   row by row

Fitted parameters are NumPy arrays, so predictions need no device, no compilation and no float64 switch. A JAX
array X is multiplied where it lies; only Z comes back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from softmax_jax.data.rows.reading import in_blocks
from softmax_jax.data.rows.source import RowSource, computed_in
from softmax_jax.inputs.conversion import is_jax, is_sparse
from softmax_jax.model import Params, net_input

_BLOCK = 1 << 24  # elements of X that are converted to the dtype of computation at a time


def host_net_input(params: Params, X: Any) -> np.ndarray:
    """Net input Z = X W + b as a NumPy array, in the wider dtype of X and W and at least float32.

    Args:
      params: NumPy W (m, k) and b (k,).
      X: (n, m) finite floating NumPy or JAX array, SciPy CSR matrix, or source of rows, which is read once.

    Returns:
      (n, k). In a row whose products overflow, Z is shifted so that its largest entry is 0, which leaves
      softmax, labels and differences as they are.
    """
    if isinstance(X, RowSource):
        return _of_source(params, X)
    if is_jax(X):
        Z = np.array(net_input(params, X))
    else:
        dtype = np.result_type(X.dtype, params.W.dtype, np.float32)
        W, b = params.W.astype(dtype, copy=False), params.b.astype(dtype, copy=False)
        Z = np.empty((X.shape[0], W.shape[1]), dtype)
        rows = X.shape[0] if is_sparse(X) else max(1, _BLOCK // X.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, X.shape[0], rows):
                Z[start : start + rows] = X[start : start + rows].astype(dtype, copy=False) @ W + b
    overflown = ~np.isfinite(Z).all(axis=1)
    if overflown.any():
        Z[overflown] = _scaled_net_input(params, X[overflown]).clip(np.finfo(Z.dtype).min)
    return Z


def _of_source(params: Params, X: RowSource) -> np.ndarray:
    """Z of rows that are read by blocks."""
    k = params.W.shape[1]
    dtype = np.result_type(computed_in(X.dtype), params.W.dtype)
    Z = np.empty((X.shape[0], k), dtype)
    for start, block in in_blocks(X, k):
        Z[start : start + len(block)] = host_net_input(params, block)
    return Z


def log_softmax(Z: np.ndarray) -> np.ndarray:
    """Logarithm of softmax(Z) by log-sum-exp (n, k); rows of -inf differences are kept, never NaN."""
    with np.errstate(over="ignore", under="ignore"):
        return special.log_softmax(Z, axis=1)


def host_softmax(Z: np.ndarray) -> np.ndarray:
    """The rows of softmax(Z) (n, k), divided by their sum so that they sum to 1."""
    with np.errstate(over="ignore", under="ignore"):
        return special.softmax(Z, axis=1)


def _scaled_net_input(params: Params, X: Any) -> np.ndarray:
    """Z less its largest entry in each row, by way of X over its largest entry; below range it is -inf."""
    if is_sparse(X):
        X = X.astype(np.float64)
        scale = np.maximum(abs(X).max(axis=1).toarray().reshape(-1, 1), 1.0)
        scaled = X.multiply(1 / scale).tocsr()
    else:
        X = np.asarray(X, np.float64)
        scale = np.maximum(np.abs(X).max(axis=1, keepdims=True), 1.0)
        scaled = X / scale
    largest = max(float(np.abs(params.W).max()), 1.0)
    Z = scaled @ (params.W.astype(np.float64) / largest) + params.b.astype(np.float64) / largest / scale
    with np.errstate(over="ignore"):
        return (Z - Z.max(axis=1, keepdims=True)) * scale * largest
