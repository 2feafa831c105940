"""Where a fit starts: at zero, at random, or at given parameters, classes without mass aside."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.model import Params, init_params
from softmax_jax.problem.problem import MASSLESS_BIAS
from softmax_jax.solvers.protocol import Record


def start_params(init: Any, solver: Record, m: int, k: int, dtype: np.dtype, seed: int) -> Params:
    """The parameters to start from; exact solvers take out the shift of all classes, which only costs penalty."""
    descent = not solver.is_exact
    if init is None:
        init = "normal" if descent else "zeros"
    if isinstance(init, str):
        if init not in ("zeros", "normal"):
            raise ValueError(f"init must be None, 'zeros', 'normal' or Params, got {init!r}.")
        params = init_params(m, k, seed, zeros=init == "zeros", dtype=dtype)
    else:
        params = checked_params(init, m, k, dtype)
    if descent:
        return params
    return Params(params.W - params.W.mean(axis=1, keepdims=True), params.b)


def class_mass(T: np.ndarray, weight: np.ndarray | None, k: int) -> np.ndarray:
    """The weight of each class (k,)."""
    if T.ndim == 1:
        return np.bincount(T, weights=weight, minlength=k)
    return T.sum(axis=0) if weight is None else weight @ T


def without_massless(params: Params, mass: np.ndarray) -> Params:
    """The parameters with a bias for classes of no `mass` (..., k) that makes them so improbable that nothing moves it.

    J falls for ever as such a bias does, and a solver would follow it as far as numbers reach.
    """
    none = mass == 0
    if not none.any():
        return params
    b = np.array(params.b)
    others = np.sum(np.where(none, 0, b), axis=-1, keepdims=True) / np.maximum(np.sum(~none, axis=-1, keepdims=True), 1)
    return Params(params.W, np.where(none, np.minimum(b, others + MASSLESS_BIAS), b).astype(b.dtype))


def checked_params(init: Any, m: int, k: int, dtype: np.dtype) -> Params:
    """Params (W, b) of the right shapes, finite, in `dtype`; else ValueError."""
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
