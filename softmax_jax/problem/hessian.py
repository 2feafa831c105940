"""The dense Hessian, from all rows or from some of them, at random."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import lax

from softmax_jax.model import PRECISION
from softmax_jax.problem import logits
from softmax_jax.problem.features import DenseFeatures
from softmax_jax.problem.problem import Point, Problem, Spread
from softmax_jax.problem.sampling import comb


def hessian_blocks(problem: Problem) -> int:
    """Blocks of rows in all the data of one device."""
    N = problem.shape[0]
    return N // problem.in_memory.tiles.hessian_rows(N)


def dense_hessian(problem: Problem, point: Point, blocks: Any, spread: Spread | None = None) -> Any:
    """The dense Hessian (k (m + 1), k (m + 1)), classes outermost, the bias last within a class.

    Args:
      problem: in device memory.
      point: where.
      blocks: () integer, blocks of rows to take, each from all over the data; with `hessian_blocks` it is exact.
      spread: of the features; where given, the Hessian is that of W and b + mean W, as for features of mean zero,
        and the variance that the rows taken miss is made up for.
    """
    rows, (N, m), k = problem.in_memory, problem.shape, point.curvature.shape[0]
    size = rows.tiles.hessian_rows(N)
    mean = jnp.zeros(m, problem.dtype) if spread is None else spread.mean

    def add(i: Any, carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        total, seen, square = carry
        some = None if size == N else comb((i * _scatter(N // size)) % (N // size), N, size)
        X, w = rows.X.take(some).astype(problem.dtype), rows.weights if some is None else rows.weights[some]
        if point.Z is None:
            Z = DenseFeatures(X).forward(point.params.W) + point.params.b[:, None]
        else:
            Z = point.Z if some is None else point.Z[:, some]
        X -= mean[None]
        A = jnp.concatenate([X, jnp.broadcast_to(problem.intercept, (size, 1))], axis=1)
        H = logits.dense_curvature(Z, A, w)
        return total + H, seen + jnp.sum(w), square + jnp.matmul(w, X**2, precision=PRECISION)

    zero = jnp.zeros((), problem.dtype)
    start = (jnp.zeros((k * (m + 1), k * (m + 1)), problem.dtype), zero, jnp.zeros(m, problem.dtype))
    sums = add(0, start) if size == N else lax.fori_loop(0, blocks, add, start)
    H, seen, square = rows.collectives.total(sums)
    H, variance = (a / jnp.maximum(seen, jnp.finfo(seen.dtype).tiny) for a in (H, square))
    diagonal = jnp.zeros((k, m + 1), problem.dtype).at[:, :m].add(problem.l2)
    if spread is not None:
        missed = jnp.where(blocks < hessian_blocks(problem), missed_variance(variance, spread.variance), 0)
        diagonal = diagonal.at[:, :m].add(point.curvature[:, None] * missed[None])
    return H + jnp.diag(diagonal.reshape(-1))


def missed_variance(found: Any, variance: Any) -> Any:
    """What a sample of rows missed of each column's variance (m,), if it found less than a quarter of it, else zero.

    Rare values may occur in no row of a sample, and their column would look constant.

    Args:
      found: (m,) variance of each column in the sample.
      variance: (m,) from all rows.
    """
    return jnp.where(found < variance / 4, variance - found, 0)


def _scatter(blocks: int) -> int:
    """A number coprime to `blocks` near its golden section: the first of its multiples are spread evenly."""
    step = max(1, round(0.618 * blocks))
    while math.gcd(step, blocks) > 1:
        step += 1
    return step
