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


def centre_classes(a: Params, classes: Any = None) -> Params:
    """`a` without its mean over classes, a direction along which softmax does not change.

    Args:
      a: W (m, k) and b (k,).
      classes: () how many there are, where the last entries are padding, and zero; None where none is.
    """
    return jax.tree.map(lambda x: centred(x, classes), a)


def centred(x: Any, classes: Any) -> Any:
    """`x` less its mean over the last axis.

    Args:
      x: (..., k) floating, of one or two axes.
      classes: as for `centre_classes`.
    """
    if classes is None:
        return x - jnp.mean(x, axis=-1, keepdims=True)
    here = jnp.expand_dims(_is_present(x, classes), range(x.ndim - 1))
    return jnp.where(here, x - jnp.sum(x, axis=-1, keepdims=True) / classes, 0)


def present(b: Any, classes: Any) -> Any:
    """One for each class that is there, zero for padding: (k,) in the dtype of b (k,).

    Args:
      b: whose shape and dtype are taken.
      classes: () how many there are; None where none is padding.
    """
    return jnp.ones_like(b) if classes is None else _is_present(b, classes).astype(b.dtype)


def _is_present(x: Any, classes: Any) -> Any:
    return jnp.arange(x.shape[-1], dtype=x.dtype) < classes
