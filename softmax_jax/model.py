"""The model as pure functions: Z = X W + b, O = softmax(Z), label = argmax O.

Shapes: X (n, m) features, W (m, k) a row per feature and a column per class, b (k,), Z and O (n, k).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from softmax_jax.dtypes import compute_dtype, follows_dtype
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.forks import refuse_fork
from softmax_jax.runtime.host import transfers_allowed

# On GPU and TPU a float32 product is TF32 / bf16 by default, good to 1e-3 only: full precision is stated.
PRECISION = jax.lax.Precision.HIGHEST


@with_documented_fields
class Params(NamedTuple):
    """Weights and bias.

    Attributes:
      W: (m, k) weights, a row per feature and a column per class.
      b: (k,) bias, an entry per class.
    """

    W: Any
    b: Any

    def predict(self, X: Any) -> Any:
        """Class index (n,) of the largest net input in each row of X (n, m)."""
        return to_classlabel(net_input(self, X))

    def predict_proba(self, X: Any) -> Any:
        """Output softmax(X W + b) (n, k) for the rows of X (n, m)."""
        return softmax(net_input(self, X))


def init_params(
    n_features: int, n_classes: int, seed: int = 0, *, zeros: bool = False, dtype: Any = np.float32
) -> Params:
    """Textbook initialisation: W ~ N(0, 1) from a seed, b = 0; or all zeros.

    Args:
      n_features: m, at least 1.
      n_classes: k, at least 1.
      seed: seed of NumPy's default generator; the numbers do not depend on the device.
      zeros: start at W = 0 instead.
      dtype: dtype of the parameters.

    Returns:
      Params of NumPy arrays, W (m, k) and b (k,).

    Raises:
      ValueError: n_features or n_classes is below 1.

    Example:
        >>> params = init_params(n_features=4, n_classes=3, seed=0)
        >>> params.W.shape, params.b.tolist()
        ((4, 3), [0.0, 0.0, 0.0])
    """
    if n_features < 1 or n_classes < 1:
        raise ValueError(f"n_features and n_classes must be >= 1, got {n_features} and {n_classes}.")
    shape = (n_features, n_classes)
    W = np.zeros(shape) if zeros else np.random.default_rng(seed).standard_normal(shape)
    return Params(W.astype(dtype), np.zeros(n_classes, dtype))


def one_hot_encode(y: Any, n_classes: int | None = None) -> Any:
    """Targets T (n, k) with a one in column y_i of row i, in JAX's default float dtype.

    Args:
      y: (n,) integer class indices in [0, k).
      n_classes: k; the largest index plus one where not given.

    Returns:
      (n, k) floating. Under a JAX transformation, where values cannot be refused, the row of an index outside
      [0, k) is NaN: it is never clamped or wrapped to another class.

    Raises:
      ValueError: y is not one-dimensional, not of integers, empty, or holds an index outside [0, k).

    Example:
        >>> one_hot_encode([0, 2, 1]).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    refuse_fork()
    if isinstance(y, Tracer):
        if n_classes is None:
            raise ValueError("n_classes must be given where y is traced (under jit, grad or vmap).")
        rows = jax.nn.one_hot(y, n_classes)
        return jnp.where(((y >= 0) & (y < n_classes))[:, None], rows, jnp.nan)
    labels = np.asarray(y)
    if labels.ndim != 1 or labels.size == 0 or labels.dtype.kind not in "iu":
        raise ValueError(
            "y must be a non-empty 1-d array of integer class indices, "
            f"got shape {labels.shape} and dtype {labels.dtype}."
        )
    k = int(labels.max()) + 1 if n_classes is None else n_classes
    if labels.min() < 0 or labels.max() >= k:
        raise ValueError(f"y must hold class indices in [0, {k}), got values from {labels.min()} to {labels.max()}.")
    with transfers_allowed():
        return jax.nn.one_hot(labels.astype(np.int32), k)


@follows_dtype
def net_input(params: Params, X: Any) -> Any:
    """Net input Z = X W + b.

    Args:
      params: W (m, k) and b (k,).
      X: (n, m), any real dtype; float16 and bfloat16 are accumulated in float32.

    Returns:
      (n, k) floating.

    Raises:
      ValueError: X and W disagree on m, or are not two-dimensional.

    Example:
        >>> net_input(Params(np.array([[1.0, -1.0]]), np.array([0.5, 0.0])), np.array([[2.0]])).tolist()
        [[2.5, -2.0]]
    """
    X, W, b = jnp.asarray(X), jnp.asarray(params.W), jnp.asarray(params.b)
    check_shapes(X, W, b)
    return _affine(X, W, b)


@jax.jit
def _affine(X: Any, W: Any, b: Any) -> Any:
    dtype = compute_dtype(X, W, b)
    return jnp.matmul(X.astype(dtype), W.astype(dtype), precision=PRECISION) + b.astype(dtype)[None, :]


@follows_dtype
def softmax(Z: Any) -> Any:
    """Output O = exp(Z) / sum over classes of exp(Z), row by row, stable for any finite Z (n, k).

    Args:
      Z: (n, k) net input.

    Returns:
      (n, k) floating; rows sum to 1.

    Example:
        >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
        [[0.5, 0.5], [1.0, 0.0]]
    """
    return jax.nn.softmax(jnp.asarray(Z), axis=-1)


@follows_dtype
def to_classlabel(O: Any) -> Any:
    """Class index (n,) of the largest output in each row of O (n, k); the first of equals.

    Args:
      O: (n, k) output, or the net input Z, which gives the same labels.

    Returns:
      (n,) integers in [0, k).

    Example:
        >>> to_classlabel(np.array([[0.2, 0.8], [0.9, 0.1]])).tolist()
        [1, 0]
    """
    return jnp.argmax(jnp.asarray(O), axis=-1)


def check_shapes(X: Any, W: Any, b: Any) -> None:
    """Raise ValueError unless X (n, m), W (m, k) and b (k,) fit together.

    Args:
      X: whatever has a shape: an array, a SciPy sparse matrix or a source of rows.
      W: array, a row per feature and a column per class.
      b: array, an entry per class.
    """
    if len(X.shape) != 2 or W.ndim != 2 or X.shape[1] != W.shape[0]:
        raise ValueError(f"X must be (n, m) and W (m, k) with the same m, got X of shape {X.shape}, W {W.shape}.")
    if b.shape != (W.shape[1],):
        raise ValueError(f"b must have shape ({W.shape[1]},) to match W {W.shape}, got {b.shape}.")
