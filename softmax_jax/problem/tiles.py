"""Tiles: how much of the data is worked on at a time, and how products are computed, which the platform decides.

A CPU is fast on what stays in its caches: it goes over the logits (k, N) in blocks of columns, computes an exponential
once, and stores it. An accelerator loses time with every kernel that is launched, and its compiler fuses what would be
kept in cache elsewhere: there all is done at once, unless memory demands otherwise.
`placement/platform` decides which of the two a problem gets.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from softmax_jax.model import PRECISION

LEAST_COLUMNS, MOST_COLUMNS = 256, 2048  # of a block of logits


class Tiles(NamedTuple):
    """What is worked on at a time; None stands for all of it.

    Attributes:
      logits: elements of a block of logits.
      small: elements up to which logits are not cut: the program is smaller without a loop.
      promoted: rows of an X in a narrower dtype than the computation that are promoted together.
      part_bytes: of the rows of a part of a block of rows, and of their logits.
      hessian: rows of which a dense Hessian is made together, each of k m numbers.
      block_bytes: of the logits of a block of rows, where memory does not hold those of all.
      stored_share: of the free memory, what n x k arrays of a fit may take for logits to be stored.
      products: how products with X are computed in float32, an algorithm of XLA; None for full precision.
    """

    logits: int | None
    small: int
    promoted: int | None
    part_bytes: int | None
    hessian: int
    block_bytes: int
    stored_share: float
    products: lax.DotAlgorithmPreset | None = None

    @property
    def in_cache(self) -> bool:
        """Whether blocks are small, and what is computed of them is better stored than computed again."""
        return self.logits is not None

    def precision(self, dtype: Any) -> Any:
        """Of a product with X in `dtype`."""
        return self.products if self.products is not None and dtype == np.float32 else PRECISION

    def kept(self, x: Any) -> Any:
        """`x`, computed once for all its uses where that is faster."""
        return lax.optimization_barrier(x) if self.in_cache else x

    def again(self, x: Any, function: Any, *small: Any) -> Any:
        """`x`, for another use: computed anew as function(*small) where else one pass would store it for the next.

        Args:
          x: large; what `function` gives for `small`.
          function: of arrays much smaller than `x`; it may close over large ones.
          small: of which one at least sets the computation apart from that of `x`.
        """
        return x if self.in_cache else function(*lax.optimization_barrier(small))

    def target_entries(self, T: Any, D: Any) -> Any:
        """The entry of D (k, N) in the row that is each column's target T (N,): read alone, or in a sum that fuses."""
        if self.in_cache:
            return D.at[T, jnp.arange(D.shape[1], dtype=T.dtype)].get(mode="promise_in_bounds")
        return jnp.sum(jnp.where(is_target(T, D.shape[0]), D, 0), axis=0)

    def target_totals(self, T: Any, w: Any, k: int) -> Any:
        """The sum of w (N,) for each of k targets T (N,): one by one, or in a sum whose order is always the same."""
        if self.in_cache:
            return jax.ops.segment_sum(w, T, num_segments=k)
        return jnp.sum(jnp.where(is_target(T, k), w[None], 0), axis=1)

    def over(self, block: Any, *arrays: Any) -> tuple[Any, Any]:
        """`block` of the arrays, cut along their last axis: its first results summed, its second side by side.

        Args:
          block: from blocks of all arrays to sums and a (k, columns) array, or None.
          arrays: the first one (k, N); the last axis of each is N.
        """
        k, N = arrays[0].shape
        columns = self._columns(k, N)
        if columns == N:
            return block(*arrays)

        def cut(i: Any) -> list[Any]:
            return [lax.dynamic_slice_in_dim(a, i * columns, columns, axis=a.ndim - 1) for a in arrays]

        sums, part = jax.eval_shape(lambda: block(*cut(0)))
        whole = None if part is None else jnp.zeros((k, N), part.dtype)

        def body(i: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
            total, whole = carry
            new, part = block(*cut(i))
            total = jax.tree.map(jnp.add, total, new)
            if whole is not None:
                whole = lax.dynamic_update_slice_in_dim(whole, part, i * columns, axis=1)
            return total, whole

        zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), sums)
        return lax.fori_loop(0, N // columns, body, (zero, whole))

    def promoted_rows(self, N: int) -> int:
        """How many of N rows are promoted at a time."""
        return _at_most(self.promoted, N)

    def hessian_rows(self, N: int) -> int:
        """How many of N rows a dense Hessian takes at a time."""
        return _at_most(self.hessian, N)

    def _columns(self, k: int, N: int) -> int:
        if self.logits is None or k * N <= self.small:
            return N
        wanted = self.logits // (1 << (k - 1).bit_length())
        return block_rows(N, min(MOST_COLUMNS, max(LEAST_COLUMNS, wanted)))


CACHED = Tiles(2**18, 2**16, 2048, 2**20, 512, 2**26, 0.25)
FUSED = Tiles(None, 0, None, None, 2**16, 2**31, 0.6)  # an accelerator's memory is nobody else's


def is_target(T: Any, k: int) -> Any:
    """Whether each entry of a (k, N) array is that of its column's target T (N,)."""
    return jnp.arange(k, dtype=T.dtype)[:, None] == T[None]


def block_rows(N: int, largest: int) -> int:
    """The largest power of two that divides N, at most `largest`.

    Args:
      N: rows or columns to be cut, at least 1.
      largest: a power of two.
    """
    return min(N & -N, largest)


def power_of_two(count: int) -> int:
    """The largest power of two that is at most `count`, at least 1."""
    return 1 << max(0, count.bit_length() - 1)


def _at_most(rows: int | None, N: int) -> int:
    return N if rows is None or rows >= N else block_rows(N, rows)
