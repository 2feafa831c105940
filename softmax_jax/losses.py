"""J(W, b) = (1/n) sum_i s_i H(T_i, O_i) + l2/2 ||W||^2, in nats per sample; the bias is never penalised.

H(T, O) = -sum_j T_j log O_j. log O is formed from the net input by log-sum-exp, never as log(softmax(Z)), so
that logits of +-1e30 give finite losses and gradients.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.dtypes import compute_dtype, follows_dtype
from softmax_jax.model import PRECISION, Params, net_input


def normalised_weights(sample_weight: Any, n: int, dtype: Any) -> Any:
    """Weights s_i / n (n,), which sum to one; 1/n each where `sample_weight` is None.

    Args:
      sample_weight: (n,) >= 0 of any scale, at least one positive, or None; a JAX array is trusted to hold such values.
      n: rows.
      dtype: floating, of the result.

    Raises:
      ValueError: not of shape (n,), or values that are not as described.
    """
    if sample_weight is None:
        return jnp.full(n, 1 / n, dtype)
    on_host = not isinstance(sample_weight, jax.Array)  # there, subnormal weights are not flushed to zero
    weight: Any = np.asarray(sample_weight, np.float64) if on_host else sample_weight
    if weight.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), one per row of X, got {weight.shape}.")
    if on_host:
        if not (np.isfinite(weight).all() and weight.min() >= 0 and weight.max() > 0):
            raise ValueError("sample_weight must be finite, >= 0 and not all zero.")
        weight = jnp.asarray(weight / weight.max(), dtype)
    root = jax.lax.rsqrt(jax.lax.stop_gradient(jnp.max(weight)))
    scaled = (weight * root * root).astype(dtype)  # at most 1; 1 / max is flushed to zero for huge weights
    return scaled / jnp.sum(scaled)


@follows_dtype
def cross_entropy(params: Params, X: Any, T: Any, sample_weight: Any = None) -> Any:
    """Weighted mean cross-entropy (1/n) sum_i s_i H(T_i, O_i), where s has mean 1.

    Args:
      params: W (m, k) and b (k,).
      X: (n, m) features.
      T: (n, k) one-hot or soft targets, rows sum to 1.
      sample_weight: (n,) >= 0, at least one positive; any scale.

    Returns:
      () scalar, nats per sample.

    Raises:
      ValueError: shapes disagree.

    Example:
        >>> zero = Params(np.zeros((1, 2)), np.zeros(2))
        >>> loss = cross_entropy(zero, np.array([[0.0], [1.0]]), np.eye(2))
        >>> print(f"{loss:.4f}")  # both classes have probability 1/2: log 2
        0.6931
    """
    Z = net_input(params, X)
    T = jnp.asarray(T)
    check_targets(T, Z)
    return jnp.sum(normalised_weights(sample_weight, Z.shape[0], Z.dtype) * sample_losses(Z, T))


@jax.jit
def sample_losses(Z: Any, T: Any) -> Any:
    """H(T_i, O_i) of each row (n,), nats.

    Args:
      Z: (n, k) net input, floating.
      T: (n,) integer class indices, or (n, k) targets of any real dtype.
    """
    import optax  # a tenth of a second, which exact fits need not wait for

    if T.ndim == 1:
        return optax.losses.softmax_cross_entropy_with_integer_labels(Z, T)
    return optax.losses.softmax_cross_entropy(Z, T.astype(Z.dtype))


@follows_dtype
def cross_entropy_cost(T: Any, O: Any) -> Any:
    """Textbook cost on probabilities: the mean over rows of -sum_j T_j log O_j, with 0 log 0 = 0.

    Args:
      T: (n, k) targets.
      O: (n, k) outputs, rows sum to 1.

    Returns:
      () scalar, nats per sample; inf where a target class has output 0. To train, use `cross_entropy`.

    Raises:
      ValueError: T and O differ in shape.

    Example:
        >>> cost = cross_entropy_cost(np.eye(2), np.array([[0.5, 0.5], [0.0, 1.0]]))
        >>> print(f"{cost:.4f}")  # (log 2 + 0) / 2
        0.3466
    """
    T, O = jnp.asarray(T), jnp.asarray(O)
    check_targets(T, O)
    return -jnp.mean(jnp.sum(jax.scipy.special.xlogy(T.astype(O.dtype), O), axis=-1))


@follows_dtype
def l2_penalty(params: Params, l2: Any) -> Any:
    """The penalty l2/2 ||W||^2: a () scalar in nats per sample; b is not penalised.

    Args:
      params: W (m, k) and b (k,); float16 and bfloat16 are computed in float32.
      l2: scalar >= 0, of the penalty l2/2 ||W||^2.

    Example:
        >>> params = Params(np.array([[3.0, -4.0]]), np.array([100.0, 0.0]))
        >>> print(l2_penalty(params, l2=0.1))  # 0.1 / 2 * (9 + 16); the bias is free
        1.25
    """
    W = jnp.asarray(params.W)
    return ridge(W.astype(compute_dtype(W)), l2)


@jax.jit
def ridge(W: Any, l2: Any) -> Any:
    """l2/2 ||W||^2 (), in the dtype of W.

    Args:
      W: (m, k) floating.
      l2: scalar of either sign: a change of strength gives the change of the penalty.
    """
    return l2 / 2 * jnp.vdot(W, W, precision=PRECISION)


@follows_dtype
def objective(params: Params, X: Any, T: Any, l2: Any, sample_weight: Any = None) -> Any:
    """J = cross-entropy + l2/2 ||W||^2; `jax.grad` of it is the gradient.

    Args:
      params: W (m, k) and b (k,).
      X: (n, m) features.
      T: (n, k) one-hot or soft targets, rows sum to 1.
      l2: scalar >= 0, of the penalty l2/2 ||W||^2; b is not penalised.
      sample_weight: (n,) >= 0, normalised to mean 1.

    Returns:
      () scalar, nats per sample.

    Raises:
      ValueError: shapes disagree.

    Example:
        >>> X, T = np.array([[0.0], [1.0]]), np.eye(2)
        >>> params = Params(np.array([[3.0, -4.0]]), np.zeros(2))
        >>> parts = cross_entropy(params, X, T) + l2_penalty(params, 0.1)
        >>> bool(objective(params, X, T, 0.1) == parts)
        True
    """
    return cross_entropy(params, X, T, sample_weight) + l2_penalty(params, l2)


def check_targets(T: Any, Z: Any) -> None:
    """Raise ValueError unless targets T have the shape (n, k) of the outputs.

    Args:
      T: array that must be (n, k), not class indices.
      Z: (n, k) net input or output; only its shape is looked at.
    """
    if T.shape != Z.shape:
        raise ValueError(f"T must have shape {Z.shape}, a row per sample and a column per class, got {T.shape}.")
