"""Vector arithmetic on Params."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from softmax_jax.model import Params


def dot(a: Params, b: Params) -> Any:
    """Inner product () over W and b.

    Args:
      a: W (m, k) and b (k,).
      b: of the same shapes and dtype.
    """
    return jnp.vdot(a.W, b.W) + jnp.vdot(a.b, b.b)


def add_scaled(a: Params, t: Any, b: Params) -> Params:
    """The vector a + t b.

    Args:
      a: W (m, k) and b (k,).
      t: () of any sign, in the dtype of both, or a number of Python.
      b: of the same shapes.
    """
    return jax.tree.map(lambda x, y: x + t * y, a, b)


def negative(a: Params) -> Params:
    """-a."""
    return jax.tree.map(jnp.negative, a)


def centre_classes(a: Params) -> Params:
    """`a` without its mean over classes, a direction along which softmax does not change."""
    return Params(a.W - jnp.mean(a.W, axis=1, keepdims=True), a.b - jnp.mean(a.b))
