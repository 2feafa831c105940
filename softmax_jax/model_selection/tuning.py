"""tune_l2: gradient descent on log l2, through the optimum.

The validation loss of the optimum is a differentiable function of the strengths (see implicit.py). Its gradient costs
one linear solve, so that a strength per feature is tuned at the price of one for all.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from softmax_jax.dtypes import compute_dtype, scope
from softmax_jax.fitting.doors import door
from softmax_jax.fitting.implicit import solve_implicit
from softmax_jax.inputs import checks
from softmax_jax.losses import cross_entropy
from softmax_jax.model import Params
from softmax_jax.model_selection.validation import checked_validation, columns_of
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import on_host

LOWEST, HIGHEST = np.log(1e-12), np.log(1e6)  # log l2 is kept between


@with_documented_fields
class TunedL2(NamedTuple):
    """The best strength met on the way.

    Attributes:
      l2: a float, or (m,) one per feature.
      params: the optimum there, NumPy W (m, k) and b (k,).
      val_loss: mean cross-entropy on the validation rows there, nats per sample.
      history: (steps + 1,) validation loss at each strength met.
      l2_history: (steps + 1,) or (steps + 1, m).
    """

    l2: Any
    params: Params
    val_loss: float
    history: np.ndarray
    l2_history: np.ndarray


@on_host
@door
def tune_l2(
    X: Any,
    y: Any,
    X_val: Any,
    y_val: Any,
    *,
    l2: float = 1e-2,
    per_feature: bool = False,
    optimiser: Any = None,
    steps: int = 30,
    sample_weight: Any = None,
    fit_intercept: bool = True,
) -> TunedL2:
    """Lower the validation loss of the optimum by gradient descent on log l2.

    Args:
      X: (n, m) dense features; float64 is computed in float64.
      y: (n,) labels, or soft targets (n, k).
      X_val: (n_val, m) features; columns of frames are paired by name with those of X.
      y_val: (n_val,) labels, all of which occur in y; or soft targets.
      l2: strength > 0 to start from.
      per_feature: one strength for each feature instead of one for all.
      optimiser: any optax optimiser of log l2; adam(0.5) by default.
      steps: updates, >= 1.
      sample_weight: (n,) >= 0, of any scale.
      fit_intercept: whether the bias is free.

    Returns:
      TunedL2: the strength with the least validation loss among those met.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    start = checks.number(l2, "l2", low=0, low_open=True)
    steps = checks.number(steps, "steps", low=1, integer=True)
    given, X = X, np.asarray(checks.features(X))
    T, classes = checks.targets(y, len(X))
    columns = columns_of(given, y, T, classes)
    validation = checked_validation(X_val, y_val, X.shape[1], classes, columns, sparse=False)
    if validation is None:
        raise ValueError("X_val and y_val must be given, got None for both.")
    X_val, T_val = np.asarray(validation[0]), validation[1]
    weight = checks.weights(sample_weight, len(X))
    dtype = compute_dtype(X)
    k = len(classes)
    with scope(dtype):
        arrays = [jnp.asarray(a, dtype) for a in (X, _dense(T, k), X_val, _dense(T_val, k))]
        data = (*arrays, None if weight is None else jnp.asarray(weight, dtype), fit_intercept)
        shape = (X.shape[1],) if per_feature else ()
        log_l2 = jnp.full(shape, np.log(start), dtype)
        return _descended(data, log_l2, optax.adam(0.5) if optimiser is None else optimiser, steps)


def _descended(data: tuple[Any, ...], log_l2: Any, optimiser: Any, steps: int) -> TunedL2:
    state = optimiser.init(log_l2)
    met, losses, best, params = [], [], np.inf, None
    for step in range(steps + 1):
        (loss, found), gradient = _value_and_gradient(log_l2, params, *data)
        met.append(np.exp(np.array(log_l2)))
        losses.append(float(loss))
        if not np.isfinite(losses[-1]):
            break  # no optimum was found there
        if losses[-1] < best:
            best, winner = losses[-1], step
            kept = Params(*(np.array(p) for p in found))
        params = found
        updates, state = optimiser.update(gradient, state, log_l2)
        moved: Any = optax.apply_updates(log_l2, updates)
        log_l2 = jnp.clip(moved, LOWEST, HIGHEST)
    if not np.isfinite(best):
        raise ValueError(f"No optimum was found at l2={np.exp(float(jnp.mean(log_l2))):.3g}: start from a larger l2.")
    l2 = met[winner]
    return TunedL2(float(l2) if l2.ndim == 0 else l2, kept, best, np.array(losses), np.array(met))


@functools.partial(jax.jit, static_argnames="fit_intercept")
def _value_and_gradient(
    log_l2: Any, init: Any, X: Any, T: Any, X_val: Any, T_val: Any, weight: Any, fit_intercept: bool
) -> Any:
    """The validation loss and the optimum, and the gradient of the loss."""

    def loss(log_l2: Any) -> tuple[Any, Params]:
        params = solve_implicit(X, T, jnp.exp(log_l2), weight, init=init, fit_intercept=fit_intercept)
        return cross_entropy(params, X_val, T_val), params

    return jax.value_and_grad(loss, has_aux=True)(log_l2)


def _dense(T: np.ndarray, k: int) -> np.ndarray:
    return np.eye(k)[T] if T.ndim == 1 else T
