"""Sums over blocks of rows: what a block is, how large it is, and how the results of a kernel add up.

A *kernel* is a jitted function of a block and some arguments. Sums over blocks are compensated, so that their rounding
is that of one block.

References:
  Knuth, The Art of Computer Programming 2, 3rd ed. 1997, section 4.2.2, theorem B (the error of a sum, exactly).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from softmax_jax.model import PRECISION, Params
from softmax_jax.problem.features import DenseFeatures

BLOCK_BYTES = 2**26  # of the logits of a block, at most: large enough for fast products
FREE_SHARE = 64  # of the free memory, a block's logits take at most one part in so many
PART_BYTES = 2**20  # of the rows of a part of a block, and of their logits: they stay in cache
PART_ROWS = 256  # fewer than that would not make fast products
PARAMS_BYTES = 2**20  # of parameters, up to which adding up parts costs little
CACHED_ARRAYS = 6  # of n x k numbers that a fit takes where logits are stored
CACHED_SHARE = 0.25  # of the free memory that they may take


class Block(NamedTuple):
    """Some rows in the dtype of computation: X (r, m), T (r,) class indices or (k, r) soft targets, weights w (r,)."""

    X: Any
    T: Any
    w: Any


class Total(NamedTuple):
    """A sum over blocks so far, and what rounding has taken from it."""

    value: Any
    error: Any


def no_total(kernel: Any, block: Any, *args: Any) -> Total:
    """Zeros for the sum of `kernel`."""
    shapes = kernel.eval_shape(block, *args)
    zero, error = (jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes) for _ in range(2))
    return Total(zero, error)


def add(total: Total, part: Any) -> Total:
    """The total and one part more."""

    def error(old: Any, new: Any, x: Any, lost: Any) -> Any:
        taken = new - old
        return lost + ((old - (new - taken)) + (x - taken))

    value = jax.tree.map(jnp.add, total.value, part)
    return Total(value, jax.tree.map(error, total.value, value, part, total.error))


def finished(total: Total) -> Any:
    """The sum."""
    return jax.tree.map(jnp.add, total.value, total.error)


def in_parts(kernel: Any, take: Any, rows: int, *args: Any) -> Any:
    """kernel(take(0, rows), *args), as the sum over parts take(start, r) whose rows and logits stay in cache.

    Args:
      kernel: whose first argument after the block holds params.
      take: from the first row and the number of rows to a Block.
      rows: of all parts, a power of two.
      args: of the kernel.
    """
    W = jax.tree.leaves(args)[0]
    size = power_of_two(PART_BYTES // (max(W.shape) * W.dtype.itemsize))
    if W.size * W.dtype.itemsize > PARAMS_BYTES or size < PART_ROWS or size >= rows:
        return kernel(take(0, rows), *args)

    def body(j: Any, total: Any) -> Any:
        return jax.tree.map(jnp.add, total, kernel(take(j * size, size), *args))

    shapes = kernel.eval_shape(jax.eval_shape(lambda: take(0, size)), *args)
    zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    return lax.fori_loop(0, rows // size, body, zero)


def net_input(block: Block, params: Params) -> Any:
    """Z (k, r) of a block."""
    return DenseFeatures(block.X).forward(params.W) + params.b[:, None]


def pull_back(block: Block, R: Any) -> Any:
    """R X (k, m) for R (k, r): the transpose of X^T R^T, so that blocks add up without transposing."""
    return jnp.matmul(R, block.X, precision=PRECISION)


def chosen_rows(n: int, k: int, itemsize: int, free: int) -> int | None:
    """Rows of a block, or None where all logits may be stored.

    Args:
      n: rows.
      k: classes.
      itemsize: bytes of a number in the dtype of training.
      free: bytes of free memory.
    """
    if CACHED_ARRAYS * n * k * itemsize <= CACHED_SHARE * free:
        return None
    return rows_per_block(k * itemsize, free)


def rows_per_block(row_bytes: int, free: int) -> int:
    """A power of two of rows that take at most BLOCK_BYTES and little of the `free` bytes, at least 1."""
    return power_of_two(min(BLOCK_BYTES, free // FREE_SHARE) // row_bytes)


def power_of_two(count: int) -> int:
    """The largest power of two that is at most `count`, at least 1."""
    return 1 << max(0, count.bit_length() - 1)
