"""Without a penalty, separable data have no finite optimum: the loss falls for ever as W grows."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from softmax_jax.problem import Point, Problem
from softmax_jax.sharding import over_rows

LOGIT_STEP = 0.3  # along a direction of recession a Newton step moves logits by about 1, at an optimum by nothing


@jax.jit
@over_rows
def is_separated(problem: Problem, point: Point) -> Any:
    """Whether the net input puts every row of positive weight strictly on the side of its class: a proof.

    Scaling such parameters up lowers the loss towards 0, which no finite parameters reach. A soft target that is
    not one-hot has positive loss everywhere, so that its rows never count as separated.
    """
    return problem.count(_is_mistaken, point) == 0


@jax.jit
@over_rows
def recedes(problem: Problem, before: Point, after: Point) -> Any:
    """Whether a logit of a row of positive weight changes by more than LOGIT_STEP, up to a shift of all classes."""
    return problem.count(_is_moved, before, after) > 0


def _is_mistaken(T: Any, Z: Any) -> Any:
    """Columns of Z (k, r) that are not strictly on the side of their class, (r,)."""
    T = jax.nn.one_hot(T, Z.shape[0], axis=0, dtype=Z.dtype) if T.ndim == 1 else T
    own = jnp.sum(jnp.where(T == 1, Z, 0), axis=0)
    other = jnp.max(jnp.where(T == 1, -jnp.inf, Z), axis=0)
    return ~(jnp.any(T == 1, axis=0) & (own > other))


def _is_moved(T: Any, before: Any, after: Any) -> Any:
    """Columns (r,) in which logits (k, r) change much."""
    change = after - before
    change -= jnp.mean(change, axis=0, keepdims=True)
    return jnp.max(jnp.abs(change), axis=0) > LOGIT_STEP
