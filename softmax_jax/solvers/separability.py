"""Without a penalty, separable data have no finite optimum: the loss falls for ever as W grows.

Where all rows are on the right side, that is proven. Where only some can be moved there for ever, along a direction
that leaves the others where they are, a point without gradient shows it in one of two ways: a Newton step still moves
logits by about 1, or, where a solver has gone so far that nothing is left of these rows, the loss does not curve along
the direction. At an optimum some row opposes every direction, and curves.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from softmax_jax.model import Params
from softmax_jax.placement.sharding import compiled
from softmax_jax.problem.problem import MASSLESS_BIAS, Point, Problem
from softmax_jax.solvers.conjugate_gradients import conjugate_gradients
from softmax_jax.solvers.preconditioner import SecondMoment, precondition
from softmax_jax.solvers.vectors import add_scaled, centre_classes, dot

MARGIN_ROUNDING = 64  # units of rounding of the largest logit, above which a margin is one
FLAT = 1e-8  # curvature beside that of equally likely classes, below which there is none
FLAT_PRODUCTS = 300
SAFE = 0.01  # of FLAT, by which curvature is kept positive
IMPOSSIBLE = 40.0  # below the largest logit; what moves there is seen by `is_flat`
LOGIT_STEP = 0.3  # along a direction of recession a Newton step moves logits by about 1, at an optimum by nothing


@compiled()
def is_separated(problem: Problem, point: Point) -> Any:
    """Whether the net input puts every row of positive weight strictly on the side of its class: a proof.

    Scaling such parameters up lowers the loss towards 0, which no finite parameters reach. A soft target that is
    not one-hot has positive loss everywhere, so that its rows never count as separated.

    Args:
      problem: its weights say which rows count.
      point: of `problem`, at any parameters.
    """
    return problem.count(_is_mistaken, point) == 0


@compiled()
def recedes(problem: Problem, before: Point, after: Point) -> Any:
    """Whether a logit of a row of positive weight changes by more than LOGIT_STEP, up to a shift of all classes.

    Args:
      problem: its weights say which rows count.
      before: a point where all but nothing is left of the gradient.
      after: the point a Newton step further.
    """
    return problem.count(_is_moved, before, after) > 0


@compiled()
def is_flat(problem: Problem, point: Point) -> Any:
    """Whether the loss has next to no curvature along some direction in which logits move.

    Compared is the curvature d.H d with d.H_0 d, that of W = 0, where all classes that have mass are equally likely.
    Directions without curvature are what H^-1 enlarges: d = (H + c H_0)^-1 H_0 v, with v random, is in the space of the
    features, so that collinear ones do not count. A little of H_0, c, keeps rounding from making of no curvature a
    negative one, at which conjugate gradients would end before they have seen the direction.

    Args:
      problem: in which l2 is 0.
      point: of `problem`, where all but nothing is left of the gradient.
    """
    W, b = point.params
    massless = problem.rows.target_totals(b.shape[0]) == 0
    zero = problem.at(Params(jnp.zeros_like(W), jnp.where(massless, MASSLESS_BIAS, jnp.zeros_like(b))))
    keys = jax.random.split(jax.random.key(0))
    random = [jax.random.normal(k, p.shape, p.dtype) for k, p in zip(keys, point.params, strict=True)]
    spread = problem.variances()
    tiny = jnp.finfo(spread.variance.dtype).tiny
    moment = SecondMoment(spread.mean, jnp.maximum(spread.variance, tiny), None)
    random[0] /= jnp.sqrt(moment.q)[:, None]
    right = centre_classes(problem.hessian_product(zero, centre_classes(Params(*random))))

    def product(v: Params) -> Params:
        return add_scaled(problem.hessian_product(point, v), SAFE * FLAT, problem.hessian_product(zero, v))

    def preconditioned(r: Params) -> Params:
        return precondition(moment, point.curvature, problem.penalty, r)

    d, _, _ = conjugate_gradients(
        product, preconditioned, right, tol=FLAT, max_products=FLAT_PRODUCTS, while_loop=problem.while_loop
    )
    return dot(d, problem.hessian_product(point, d)) < FLAT * dot(d, problem.hessian_product(zero, d))


def _is_mistaken(T: Any, Z: Any) -> Any:
    """Columns of Z (k, r) that are not strictly on the side of their class, (r,)."""
    T = jax.nn.one_hot(T, Z.shape[0], axis=0, dtype=Z.dtype) if T.ndim == 1 else T
    own = jnp.sum(jnp.where(T == 1, Z, 0), axis=0)
    other = jnp.max(jnp.where(T == 1, -jnp.inf, Z), axis=0)
    rounding = MARGIN_ROUNDING * jnp.finfo(Z.dtype).eps * jnp.max(jnp.abs(Z), axis=0)
    return ~(jnp.any(T == 1, axis=0) & (own > other + rounding))


def _is_moved(T: Any, before: Any, after: Any) -> Any:
    """Columns (r,) in which logits (k, r) change much, those of next to impossible classes aside."""
    counts = before > jnp.max(before, axis=0, keepdims=True) - IMPOSSIBLE
    change = jnp.where(counts, after - before, 0)
    change = jnp.where(
        counts, change - jnp.sum(change, axis=0, keepdims=True) / jnp.sum(counts, axis=0, keepdims=True), 0
    )
    return jnp.max(jnp.abs(change), axis=0) > LOGIT_STEP
