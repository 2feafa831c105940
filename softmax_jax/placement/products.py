"""Products with X in float64, outside of any Problem: on the host where X is there, else on its device.

Dense rows are promoted by blocks of columns, so that X in a narrower dtype is not copied as a whole. On the host it is
NumPy or SciPy that multiplies: nothing is compiled.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.inputs.conversion import is_jax, is_sparse
from softmax_jax.model import PRECISION

COLUMNS = 4096  # promoted at a time


def as_near(X: Any) -> Any:
    """X (n, m) as NumPy where it lies on the host, or sparse or on an accelerator as it is."""
    on_host = is_jax(X) and next(iter(X.devices())).platform == "cpu"
    return np.asarray(X) if on_host else X


def gram(X: Any, mean: np.ndarray) -> np.ndarray:
    """(X - mean) (X - mean)^T (n, n); where X is sparse, rounded as X X^T is.

    Args:
      X: (n, m) dense or CSR, NumPy or JAX.
      mean: (m,) float64.
    """
    if is_jax(X):
        return _on_device(_device_gram, X, mean)
    if is_sparse(X):
        wide = X.astype(np.float64)
        crossed = wide @ mean
        return (wide @ wide.T).toarray() - crossed[:, None] - crossed + mean @ mean
    K = np.zeros((len(X), len(X)))
    for columns in _blocks(X):
        A = X[:, columns].astype(np.float64, copy=False) - mean[columns]
        K += A @ A.T
    return K


def times(X: Any, W: np.ndarray) -> np.ndarray:
    """X W (n, k).

    Args:
      X: as for `gram`.
      W: (m, k) float64.
    """
    if is_jax(X):
        return _on_device(_device_times, X, W)
    if is_sparse(X):
        return X.astype(np.float64) @ W
    return sum((X[:, c].astype(np.float64, copy=False) @ W[c] for c in _blocks(X)), np.zeros((len(X), W.shape[1])))


def transposed(X: Any, R: np.ndarray) -> np.ndarray:
    """X^T R (m, k).

    Args:
      X: as for `gram`.
      R: (n, k) float64.
    """
    if is_jax(X):
        return _on_device(_device_transposed, X, R)
    if is_sparse(X):
        return X.T.astype(np.float64) @ R
    return np.concatenate([X[:, c].T.astype(np.float64, copy=False) @ R for c in _blocks(X)])


def _blocks(X: np.ndarray) -> list[slice]:
    return [slice(start, start + COLUMNS) for start in range(0, X.shape[1], COLUMNS)]


def _on_device(product: Any, *factors: Any) -> np.ndarray:
    with scope(np.float64):
        return np.array(product(*factors))


@jax.jit
def _device_gram(X: Any, mean: Any) -> Any:
    A = X.astype(mean.dtype) - mean[None]
    return jnp.matmul(A, A.T, precision=PRECISION)


@jax.jit
def _device_times(X: Any, W: Any) -> Any:
    return jnp.matmul(X.astype(W.dtype), W, precision=PRECISION)


@jax.jit
def _device_transposed(X: Any, R: Any) -> Any:
    return jnp.matmul(X.T.astype(R.dtype), R, precision=PRECISION)
