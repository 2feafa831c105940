"""Where a fit starts: at zero, at random, or at given parameters, classes without mass aside."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.model import Params, init_params
from softmax_jax.problem.problem import MASSLESS_BIAS
from softmax_jax.solvers.protocol import Record


def start_params(init: Any, solver: Record, m: int, k: int, dtype: np.dtype, seed: int) -> Params:
    """The parameters to start from; exact solvers take out the shift of all classes, which only costs penalty.

    Args:
      init: None (zeros; N(0, 1) for gradient descent), "zeros", "normal", or Params of W (m, k) and b (k,).
      solver: a record; only whether it is exact counts.
      m: features.
      k: classes.
      dtype: floating, of the result.
      seed: of N(0, 1); the bias starts at zero.

    Raises:
      ValueError: `init` is none of these, of other shapes, or not finite.
    """
    descent = not solver.is_exact
    params = given_start("normal" if init is None and descent else init, m, k, dtype, seed)
    if descent:
        return params
    return Params(params.W - params.W.mean(axis=1, keepdims=True), params.b)


def given_start(init: Any, m: int, k: int, dtype: np.dtype, seed: int = 0) -> Params:
    """The parameters that `init` says, as they are: zeros of W stay zeros.

    Args:
      init: None or "zeros", "normal", or Params of W (m, k) and b (k,).
      m: features.
      k: classes.
      dtype: floating, of the result.
      seed: of N(0, 1); the bias starts at zero.

    Raises:
      ValueError: as `start_params`.
    """
    if not (init is None or isinstance(init, str)):
        return checked_params(init, m, k, dtype)
    if init not in (None, "zeros", "normal"):
        raise ValueError(f"init must be None, 'zeros', 'normal' or Params, got {init!r}.")
    return init_params(m, k, seed, zeros=init != "normal", dtype=dtype)


def class_mass(T: np.ndarray, weight: np.ndarray | None, k: int) -> np.ndarray:
    """The weight of each class (k,).

    Args:
      T: (n,) integer class indices, or (n, k) soft targets.
      weight: (n,) >= 0 of any scale; None for 1 each.
      k: classes, of which some may not occur in T.
    """
    if T.ndim == 1:
        return np.bincount(T, weights=weight, minlength=k)
    return T.sum(axis=0) if weight is None else weight @ T


def without_massless(params: Params, mass: np.ndarray) -> Params:
    """The parameters with a bias for classes of no `mass` (..., k) that makes them so improbable that nothing moves it.

    J falls for ever as such a bias does, and a solver would follow it as far as numbers reach.

    Args:
      params: W (..., m, k) and b (..., k), NumPy.
      mass: (..., k) >= 0, the weight of each class, of any scale; exactly zero where it does not occur.
    """
    none = mass == 0
    if not none.any():
        return params
    b = np.array(params.b)
    others = np.sum(np.where(none, 0, b), axis=-1, keepdims=True) / np.maximum(np.sum(~none, axis=-1, keepdims=True), 1)
    return Params(params.W, np.where(none, np.minimum(b, others + MASSLESS_BIAS), b).astype(b.dtype))


def checked_params(init: Any, m: int, k: int, dtype: np.dtype) -> Params:
    """Params (W, b) of the right shapes, finite, in `dtype`; else ValueError.

    Args:
      init: what the caller gave; a pair of array-likes is taken as (W, b).
      m: rows that W has to have, a feature each.
      k: columns of W and entries of b, a class each.
      dtype: floating, of the result.
    """
    try:
        W, b = (np.array(p, dtype) for p in init)
    except (TypeError, ValueError) as error:
        raise ValueError(f"init must be None, 'zeros', 'normal' or Params(W, b), got {type(init).__name__}.") from error
    if W.shape != (m, k) or b.shape != (k,):
        raise ValueError(
            f"init must have W of shape {(m, k)} and b of shape {(k,)} to match X and y, got {W.shape} and {b.shape}."
        )
    if not (np.isfinite(W).all() and np.isfinite(b).all()):
        raise ValueError("init must be finite, got NaN or infinity in it.")
    return Params(W, b)
