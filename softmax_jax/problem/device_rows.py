"""Rows in device memory: with all logits stored beside them, or worked on by blocks, so that logits are short-lived."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from softmax_jax.model import Params
from softmax_jax.problem import logits
from softmax_jax.problem.blocks import (
    Block,
    Folded,
    Net,
    Part,
    add,
    feature_major,
    finished,
    in_parts,
    kernel,
    no_total,
)
from softmax_jax.problem.collectives import ALONE, Collectives
from softmax_jax.problem.tiles import Tiles, block_rows


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DeviceRows:
    """X, T and weights in device memory.

    Attributes:
      X: features record of N rows, such as DenseFeatures; padding rows are zero.
      T: (N,) int32 class indices, or (k, N) soft targets, in any dtype.
      weights: (N,) s_i / n, summing to one; zero on padding. Their dtype is the dtype of all computation.
      T_scale: (N,) that columns of T are multiplied by, so that they sum to one; None where they do.
      mean_squares: (m,) what `squares` gives, where many certificates ask for it; None to sum it each time.
      size: rows of a block, a divisor of N; None to store the logits of all rows.
      collectives: the devices that share the rows; where there are several, the passes are to be called inside
        `sharding.over_rows`.
    """

    X: Any
    T: Any
    weights: Any
    T_scale: Any = None
    mean_squares: Any = None
    size: int | None = dataclasses.field(default=None, metadata={"static": True})
    collectives: Collectives = dataclasses.field(default=ALONE, metadata={"static": True})

    is_streamed = False

    @property
    def dtype(self) -> Any:
        """The dtype of all computation."""
        return self.weights.dtype

    @property
    def tiles(self) -> Tiles:
        """How much is worked on at a time, and how products are computed: those of X."""
        return self.X.tiles

    @property
    def stored_dtype(self) -> Any:
        """The dtype in which X is stored."""
        return self.X.dtype

    @property
    def shape(self) -> tuple[int, int]:
        """(N, m) of the features, padding included."""
        return self.X.shape

    @property
    def count(self) -> int:
        """Rows that sums are taken over, on all devices."""
        return self.X.shape[0] * self.collectives.count

    @property
    def targets(self) -> Any:
        """T, in the dtype of computation where it is soft."""
        return self.targets_of(self.T, self.T_scale)

    def targets_of(self, T: Any, scale: Any) -> Any:
        """Some columns of T, with those of `T_scale`, as `targets`.

        Args:
          T: (r,) or (k, r).
          scale: (r,) or None.
        """
        if T.ndim == 1:
            return T
        return T.astype(self.dtype) if scale is None else T.astype(self.dtype) * scale[None]

    @property
    def stores_logits(self) -> bool:
        """Whether the net input of all rows is kept."""
        return self.size is None

    @property
    def is_wide(self) -> bool:
        """Whether the m x m covariance of the features is too large to be factorised."""
        return self.X.is_wide

    @property
    def can_shift(self) -> bool:
        """Whether columns may be shifted: zeros that are not stored stay zeros, and centred columns need it not."""
        return not (self.X.is_sparse or self.X.is_uncorrelated)

    @property
    def can_scale(self) -> bool:
        """Whether powers of two are exact in the dtype in which X is stored: float16 has too few."""
        return self.X.dtype != jnp.float16

    def net(self, params: Params) -> Net:
        """The net input of `params`: one forward product where logits are stored, nothing where they are not."""
        if not self.stores_logits:
            return Net(params, None)
        return Net(params, self.X.forward(params.W.astype(self.dtype)) + params.b.astype(self.dtype)[:, None])

    def fold(self, part: Part, nets: tuple[Net, ...], *args: Any, pull: str | None = None) -> Folded:
        """As Rows.fold."""
        if self.stores_logits:
            sums, R = part(self.tiles, *(net.Z for net in nets), self.targets, self.weights, *args)
            if pull is None:
                return self.collectives.total(Folded(sums))
            dW = self.X.transposed(R) if pull == "autodiff" else self.X.backward(R)
            return self.collectives.total(Folded(sums, dW, jnp.sum(R, axis=1)))
        found = self._by_blocks(kernel(self.tiles, part, pull), tuple(net.params for net in nets), *args)
        return feature_major(self.collectives.total(found))

    def while_loop(self, unfinished: Any, body: Any, carry: Any) -> Any:
        """`lax.while_loop`, left by all devices together."""
        return self.collectives.while_loop(unfinished, body, carry)

    def target_totals(self, k: int) -> Any:
        """Weighted class totals of T (k,)."""
        return self.collectives.total(logits.target_totals(self.tiles, self.targets, self.weights, k))

    def squares(self) -> Any:
        """Sum over rows of w_i x_i^2 (m,)."""
        if self.mean_squares is not None:
            return self.mean_squares
        return self.collectives.total(self.X.squares(self.weights))

    def moments(self, centred: Any, rows: int) -> tuple[Any, Any]:
        """As Rows.moments, from about `rows` rows."""
        return self.X.moments(self.weights, centred, rows // self.collectives.count, self.collectives.total)

    def variances(self, centred: Any) -> tuple[Any, Any]:
        """`moments` without the covariances, from all rows."""
        return self.X.variances(self.weights, centred, self.collectives.total)

    def extent(self) -> tuple[Any, Any]:
        """The least and the largest entry of each column (m,), in rows of positive weight."""
        low, high = self.X.extent(self.weights)
        return self.collectives.least(low), self.collectives.largest(high)

    def scaled(self, scale: Any) -> DeviceRows:
        """The same rows with their columns multiplied by `scale` (m,)."""
        return dataclasses.replace(self, X=self.X.scaled(scale), mean_squares=None)

    def shifted(self, offset: Any) -> DeviceRows:
        """The same rows less `offset` (m,)."""
        return dataclasses.replace(self, X=self.X.shifted(offset, self.weights), mean_squares=None)

    def with_features_of(self, other: DeviceRows) -> DeviceRows:
        """These rows, in their own dtype, with the X of `other`."""
        return dataclasses.replace(self, X=other.X).worked_by(self.tiles)

    def worked_by(self, tiles: Tiles) -> DeviceRows:
        """The same rows, worked on as `tiles` say."""
        return dataclasses.replace(self, X=dataclasses.replace(self.X, tiles=tiles))

    def by_blocks(self, rows: int) -> DeviceRows:
        """The same rows, dense, by blocks of at most `rows`."""
        return dataclasses.replace(self, size=block_rows(self.shape[0] // self.collectives.count, rows))

    def _by_blocks(self, kernel: Any, *args: Any) -> Folded:
        size = self.size or self.shape[0]
        blocks = self.shape[0] // size

        def block(i: Any) -> Any:
            return in_parts(self.tiles, kernel, lambda start, rows: self._take(i * size + start, rows), size, *args)

        if blocks == 1:
            return block(0)
        first = jax.eval_shape(lambda: self._take(0, size))
        return finished(lax.fori_loop(0, blocks, lambda i, t: add(t, block(i)), no_total(kernel, first, *args)))

    def _take(self, start: Any, rows: int) -> Block:
        """The rows from `start` on, in the dtype of computation."""
        T, w, scale = (
            a if a is None else lax.dynamic_slice_in_dim(a, start, rows, axis=a.ndim - 1)
            for a in (self.T, self.weights, self.T_scale)
        )
        X = lax.dynamic_slice_in_dim(self.X.X, start, rows).astype(self.dtype)
        return Block(X, self.targets_of(T, scale), w)
