"""Sums over blocks of rows: what a block is, how large it is, and how what is found of each adds up.

A *part* is a function of the tiles, the net inputs, targets and weights of some rows, and of other arguments; it
returns sums over these rows, and R (k, r) or None. A *kernel* makes a part a jitted function of a block. Sums over
blocks are compensated, so that their rounding is that of one block.

References:
  Knuth, The Art of Computer Programming 2, 3rd ed. 1997, section 4.2.2, theorem B (the error of a sum, exactly).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from softmax_jax.model import Params
from softmax_jax.problem.features import DenseFeatures
from softmax_jax.problem.tiles import Tiles, power_of_two

FREE_SHARE = 64  # of the free memory, a block's logits take at most one part in so many
PART_ROWS = 256  # fewer than that would not make fast products
PARAMS_BYTES = 2**20  # of parameters, up to which adding up parts costs little
CACHED_ARRAYS = 6  # of n x k numbers that a fit takes where logits are stored


class Block(NamedTuple):
    """Some rows in the dtype of computation: X (r, m), T (r,) class indices or (k, r) soft targets, weights w (r,)."""

    X: Any
    T: Any
    w: Any


class Net(NamedTuple):
    """The net input of parameters: Z (k, N), or None where no logits are stored."""

    params: Params
    Z: Any


class Folded(NamedTuple):
    """What a pass finds: the sums of a part, and where its R was to be pulled back, X^T R^T (m, k), row sums (k,)."""

    sums: Any
    dW: Any = None
    db: Any = None


Part = Callable[..., tuple[Any, Any]]  # of (tiles, Z, ..., T, w, *args)


class Total(NamedTuple):
    """A sum over blocks so far, and what rounding has taken from it."""

    value: Any
    error: Any


def no_total(kernel: Any, block: Any, *args: Any) -> Total:
    """Zeros for the sum of `kernel`.

    Args:
      kernel: what `kernel` made of a part.
      block: a Block, or the shapes and dtypes of one.
      args: of the kernel after the block.
    """
    shapes = kernel.eval_shape(block, *args)
    zero, error = (jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes) for _ in range(2))
    return Total(zero, error)


def add(total: Total, part: Any) -> Total:
    """The total and one part more.

    Args:
      total: of the parts so far.
      part: what a kernel found of one more block, of the same structure as the value of `total`.
    """

    def error(old: Any, new: Any, x: Any, lost: Any) -> Any:
        taken = new - old
        return lost + ((old - (new - taken)) + (x - taken))

    value = jax.tree.map(jnp.add, total.value, part)
    return Total(value, jax.tree.map(error, total.value, value, part, total.error))


def finished(total: Total) -> Any:
    """The sum."""
    return jax.tree.map(jnp.add, total.value, total.error)


def feature_major(found: Folded) -> Folded:
    """What kernels have found, with dW (m, k)."""
    return found if found.dW is None else found._replace(dW=found.dW.T)


def in_parts(tiles: Tiles, kernel: Any, take: Any, rows: int, *args: Any) -> Any:
    """kernel(take(0, rows), *args), as the sum over parts take(start, r) whose rows and logits stay in cache.

    Args:
      tiles: of the platform, which say how large a part is.
      kernel: whose first argument after the block holds params.
      take: from the first row and the number of rows to a Block.
      rows: of all parts, a power of two.
      args: of the kernel.
    """
    W = jax.tree.leaves(args)[0]
    if tiles.part_bytes is None:
        return kernel(take(0, rows), *args)
    size = power_of_two(tiles.part_bytes // (max(W.shape) * W.dtype.itemsize))
    if W.size * W.dtype.itemsize > PARAMS_BYTES or size < PART_ROWS or size >= rows:
        return kernel(take(0, rows), *args)

    def body(j: Any, total: Any) -> Any:
        return jax.tree.map(jnp.add, total, kernel(take(j * size, size), *args))

    shapes = kernel.eval_shape(jax.eval_shape(lambda: take(0, size)), *args)
    zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    return lax.fori_loop(0, rows // size, body, zero)


@functools.cache
def kernel(tiles: Tiles, part: Part, pull: str | None) -> Any:
    """The jitted function (block, params of each net input, args of the part) -> Folded, its dW class-major (k, m).

    Args:
      tiles: of the platform.
      part: a function of a module, or one that is made once.
      pull: None, or how R is pulled back: "closed_form" or "autodiff".
    """

    @jax.jit
    def folded(block: Block, params: tuple[Params, ...], *args: Any) -> Folded:
        X = DenseFeatures(block.X, tiles=tiles)
        nets = [X.forward(each.W) + each.b[:, None] for each in params]
        sums, R = part(tiles, *nets, block.T, block.w, *args)
        if pull is None:
            return Folded(sums)
        if pull == "autodiff":
            return Folded(sums, X.transposed(R).T, jnp.sum(R, axis=1))
        return Folded(sums, jnp.matmul(R, block.X, precision=tiles.precision(R.dtype)), jnp.sum(R, axis=1))

    return folded


def chosen_rows(tiles: Tiles, n: int, k: int, itemsize: int, free: int) -> int | None:
    """Rows of a block, or None where all logits may be stored.

    Args:
      tiles: of the platform.
      n: rows.
      k: classes.
      itemsize: bytes of a number in the dtype of training.
      free: bytes of free memory.
    """
    if CACHED_ARRAYS * n * k * itemsize <= tiles.stored_share * free:
        return None
    return rows_per_block(tiles, k * itemsize, free)


def rows_per_block(tiles: Tiles, row_bytes: int, free: int) -> int:
    """A power of two of rows that take little of the `free` bytes, at least 1.

    Args:
      tiles: of the platform, which say how many bytes at most.
      row_bytes: of the features or logits of a row, at least 1.
      free: bytes of free memory.
    """
    return power_of_two(min(tiles.block_bytes, free // FREE_SHARE) // row_bytes)


def streamed_rows(tiles: Tiles, row_bytes: int, k: int, free: int) -> int:
    """Rows of a block that is read: neither their features nor their k logits take more than a block may.

    Args:
      tiles: of the platform.
      row_bytes: of the features of a row.
      k: classes.
      free: bytes of free memory.
    """
    return rows_per_block(tiles, max(row_bytes, 8 * k), free)
