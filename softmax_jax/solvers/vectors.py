"""Vector arithmetic on Params."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from softmax_jax.model import Params


def dot(a: Params, b: Params) -> Any:
    """Inner product () over W and b."""
    return jnp.vdot(a.W, b.W) + jnp.vdot(a.b, b.b)


def add_scaled(a: Params, t: Any, b: Params) -> Params:
    """The vector a + t b."""
    return jax.tree.map(lambda x, y: x + t * y, a, b)


def negative(a: Params) -> Params:
    """-a."""
    return jax.tree.map(jnp.negative, a)


def centre_classes(a: Params) -> Params:
    """`a` without its mean over classes, a direction along which softmax does not change."""
    return Params(a.W - jnp.mean(a.W, axis=1, keepdims=True), a.b - jnp.mean(a.b))
