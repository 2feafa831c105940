"""The gradient and Hessian-vector product of J, by autodiff and in closed form; one report compares them.

    dJ/dW = X^T (s (O - T)) / n + l2 W          the transpose of ((O - T)^T X) / n + l2 W^T
    dJ/db = mean(s (O - T))
    H V   = X^T (s (O * D - O sum_j O_j D_j)) / n + l2 V,    D = X V_W + V_b the change of Z along V

The closed form is autodiff's only twin: two sources of the same numbers, kept because tests compare them.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from softmax_jax.dtypes import follows_dtype
from softmax_jax.losses import check_targets, normalised_weights, objective
from softmax_jax.model import PRECISION, Params, net_input


@follows_dtype
def autodiff_gradient(params: Params, X: Any, T: Any, l2: Any, sample_weight: Any = None) -> Params:
    """Gradient of J by `jax.grad` of `objective`.

    Args:
      params: W (m, k) and b (k,).
      X: (n, m) features.
      T: (n, k) one-hot or soft targets, rows sum to 1.
      l2: scalar >= 0, of the penalty l2/2 ||W||^2.
      sample_weight: (n,) >= 0, normalised to mean 1.

    Returns:
      Params: the gradient for W (m, k) and for b (k,).

    Raises:
      ValueError: shapes disagree.

    Example:
        >>> import numpy as np
        >>> X, T = np.array([[0.0], [1.0]]), np.eye(2)
        >>> zero = Params(np.zeros((1, 2)), np.zeros(2))
        >>> autodiff_gradient(zero, X, T, l2=0.1).W.tolist()  # to lower J, class 1 needs more weight
        [[0.25, -0.25]]
    """
    return jax.grad(objective)(_as_arrays(params), X, T, l2, sample_weight)


@follows_dtype
def closed_form_gradient(params: Params, X: Any, T: Any, l2: Any, sample_weight: Any = None) -> Params:
    """Gradient of J written out: dW = X^T (s (O - T)) / n + l2 W, db = mean(s (O - T)).

    Args:
      params: W (m, k) and b (k,).
      X: (n, m) features.
      T: (n, k) one-hot or soft targets, rows sum to 1.
      l2: scalar >= 0, of the penalty l2/2 ||W||^2.
      sample_weight: (n,) >= 0, normalised to mean 1.

    Returns:
      Params: the gradient for W (m, k) and for b (k,).

    Raises:
      ValueError: shapes disagree.

    Example:
        >>> import numpy as np
        >>> X, T = np.array([[0.0], [1.0]]), np.eye(2)
        >>> zero = Params(np.zeros((1, 2)), np.zeros(2))
        >>> closed_form_gradient(zero, X, T, l2=0.1).W.tolist()  # X^T (O - T) / n
        [[0.25, -0.25]]
    """
    Z = net_input(params, X)
    T = jnp.asarray(T)
    check_targets(T, Z)
    s = normalised_weights(sample_weight, Z.shape[0], Z.dtype)
    return _pull_back(X, _residual(Z, T, s), l2, params)


@follows_dtype
@jax.jit
def both_gradients(params: Params, X: Any, T: Any, l2: Any, sample_weight: Any = None) -> tuple[Params, Params]:
    """`autodiff_gradient` and `closed_form_gradient`, in one program; arguments as theirs."""
    given = params, X, T, l2, sample_weight
    return autodiff_gradient(*given), closed_form_gradient(*given)


@follows_dtype
def autodiff_hvp(params: Params, X: Any, T: Any, l2: Any, direction: Params, sample_weight: Any = None) -> Params:
    """Hessian of J times `direction`, forward over reverse: the derivative of the gradient along it.

    Args:
      params: W (m, k) and b (k,).
      X: (n, m) features.
      T: (n, k) targets.
      l2: scalar >= 0.
      direction: Params, the vector that the Hessian multiplies.
      sample_weight: (n,) >= 0, normalised to mean 1.

    Returns:
      Params.

    Raises:
      ValueError: shapes disagree.

    Example:
        >>> import numpy as np
        >>> X, T = np.array([[0.0], [1.0]]), np.eye(2)
        >>> zero = Params(np.zeros((1, 2)), np.zeros(2))
        >>> along = Params(np.array([[1.0, -1.0]]), np.zeros(2))
        >>> product = autodiff_hvp(zero, X, T, 0.1, along)
        >>> np.allclose(product.W, closed_form_hvp(zero, X, T, 0.1, along).W)
        True
    """
    at, along = _as_arrays(params), _as_arrays(direction)
    return jax.jvp(lambda p: jax.grad(objective)(p, X, T, l2, sample_weight), (at,), (along,))[1]


@follows_dtype
def closed_form_hvp(params: Params, X: Any, T: Any, l2: Any, direction: Params, sample_weight: Any = None) -> Params:
    """Hessian of J times `direction`, written out; T has no part in it.

    Args:
      params: W (m, k) and b (k,), where the Hessian is taken.
      X: (n, m) features.
      T: (n, k) targets; only their shape is looked at.
      l2: scalar >= 0, of the penalty l2/2 ||W||^2.
      direction: Params, the vector that the Hessian multiplies.
      sample_weight: (n,) >= 0, normalised to mean 1.

    Returns:
      Params: the product for W (m, k) and for b (k,).

    Raises:
      ValueError: shapes disagree.

    Example:
        >>> import numpy as np
        >>> X, T = np.array([[0.0], [1.0]]), np.eye(2)
        >>> zero = Params(np.zeros((1, 2)), np.zeros(2))
        >>> along = Params(np.array([[1.0, -1.0]]), np.zeros(2))
        >>> print(closed_form_hvp(zero, X, T, 0.1, along).W.round(3))  # 1/4 from the loss, 0.1 from the penalty
        [[ 0.35 -0.35]]
    """
    Z = net_input(params, X)
    check_targets(jnp.asarray(T), Z)
    O, D = jax.nn.softmax(Z, axis=-1), net_input(direction, X)
    s = normalised_weights(sample_weight, Z.shape[0], Z.dtype)
    return _pull_back(X, _curved(O, D, s), l2, direction)


@jax.jit
def _residual(Z: Any, T: Any, s: Any) -> Any:
    return s[:, None] * (jax.nn.softmax(Z, axis=-1) - T.astype(Z.dtype))


@jax.jit
def _curved(O: Any, D: Any, s: Any) -> Any:
    return s[:, None] * (O * (D - jnp.sum(O * D, axis=-1, keepdims=True)))


@jax.jit
def _pull_back(X: Any, R: Any, l2: Any, params: Params) -> Params:
    """(X^T R + l2 W, the column sums of R)."""
    dW = jnp.matmul(jnp.asarray(X).astype(R.dtype).T, R, precision=PRECISION)
    return Params(dW + l2 * jnp.asarray(params.W, R.dtype), jnp.sum(R, axis=0))


def _as_arrays(params: Params) -> Params:
    return Params(jnp.asarray(params.W), jnp.asarray(params.b))
