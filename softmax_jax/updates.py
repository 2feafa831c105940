"""The update step: `jax.jit` of `jax.grad` of the loss, and an optax optimiser.

theta <- theta - eta dJ/dtheta        with optax.sgd(eta); any other optimiser makes its own step of the gradient
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from softmax_jax.dtypes import follows_dtype
from softmax_jax.losses import objective
from softmax_jax.model import Params
from softmax_jax.runtime.fields import with_documented_fields

if TYPE_CHECKING:
    import optax


@with_documented_fields
class Update(NamedTuple):
    """What an update gives.

    Attributes:
      params: parameters after the update.
      state: of the optimiser after it.
      loss: () before it.
    """

    params: Params
    state: Any
    loss: Any


def update(
    loss: Callable[..., Any], optimiser: optax.GradientTransformation, params: Params, state: Any, *args: Any
) -> Update:
    """One update of `params` by the gradient of `loss(params, *args)`; traceable.

    Args:
      loss: a pure function.
      optimiser: optax gradient transformation.
      params: what `loss` is differentiated with respect to.
      state: of the optimiser.
      args: further ones of `loss`.
    """
    import optax  # when it is used: see losses.py

    value, gradient = jax.value_and_grad(loss)(params, *args)
    change, state = optimiser.update(gradient, state, params)
    moved: Any = optax.apply_updates(params, change)
    return Update(moved, state, value)


@follows_dtype
@functools.partial(jax.jit, static_argnames="optimiser")
def gradient_step(
    params: Params, state: Any, X: Any, T: Any, l2: Any, sample_weight: Any = None, *, optimiser: Any
) -> Update:
    """One compiled update of J on the rows given, a minibatch or all; float64 where X is.

    Args:
      params: W (m, k) and b (k,).
      state: of the optimiser, `optimiser.init(params)` at first.
      X: (n, m) features.
      T: (n, k) one-hot or soft targets, rows sum to 1.
      l2: scalar >= 0, of the penalty l2/2 ||W||^2.
      sample_weight: (n,) >= 0, normalised to mean 1.
      optimiser: optax gradient transformation, such as `optax.sgd(0.1)`; made once, because each is compiled for.

    Returns:
      Update(params, state, loss): J () in nats per sample is that before the update.

    Raises:
      ValueError: shapes disagree.

    Example:
        >>> import numpy as np, optax
        >>> from softmax_jax.model import init_params
        >>> X, T, descent = np.array([[0.0], [1.0]]), np.eye(2), optax.sgd(1.0)
        >>> params, state, loss = init_params(1, 2, zeros=True, dtype=np.float64), None, None
        >>> state = descent.init(params)
        >>> for _ in range(3):
        ...     params, state, loss = gradient_step(params, state, X, T, 0.1, optimiser=descent)
        >>> print(f"{loss:.3f}")  # from log 2 = 0.693
        0.535
    """
    return update(lambda params: objective(params, X, T, l2, sample_weight), optimiser, params, state)
