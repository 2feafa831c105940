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
    """Whether `point` puts every row of positive weight strictly on the side of its class: a proof.

    Scaling such parameters up lowers the loss towards 0, which no finite parameters reach. A soft target that is
    not one-hot has positive loss everywhere, so that its rows never count as separated.
    """
    Z = point.Z
    k = Z.shape[0]
    T = jax.nn.one_hot(problem.T, k, axis=0, dtype=Z.dtype) if problem.T.ndim == 1 else problem.T
    own = jnp.sum(jnp.where(T == 1, Z, 0), axis=0)
    other = jnp.max(jnp.where(T == 1, -jnp.inf, Z), axis=0)
    hard = jnp.any(T == 1, axis=0)
    return ~problem.largest(jnp.any((problem.weights > 0) & ~(hard & (own > other))))


@jax.jit
@over_rows
def largest_logit_change(problem: Problem, before: Point, after: Point) -> Any:
    """The largest change of a logit in a row of positive weight, up to a shift of all classes; () scalar."""
    change = after.Z - before.Z
    change -= jnp.mean(change, axis=0, keepdims=True)
    return problem.largest(jnp.max(jnp.where(problem.weights > 0, jnp.max(jnp.abs(change), axis=0), 0)))
