"""Features: one array X in device memory, and the products with it. `Problem` is written in these alone.

Logits are class-major, (k, N): both products W^T X^T and R X then run over contiguous rows of X. Another layout
of the data is another record with the same products.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from softmax_jax.model import PRECISION
from softmax_jax.problem.collectives import ALONE
from softmax_jax.problem.sampling import sampled
from softmax_jax.problem.tiles import FUSED, Tiles

LARGEST_FACTORISED = 8192  # features up to which a covariance is formed and factorised, O(m^3)
Total = Callable[[Any], Any]
ROWS_PER_FEATURE = 8  # rows sampled for the covariance: eigenvalues good to a factor of two, at a fraction of a pass


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DenseFeatures:
    """X (N, m) in its storage dtype; each product is computed in the dtype of its other factor.

    Attributes:
      X: (N, m).
      is_uncorrelated: whether the covariance of the columns is known to be diagonal.
      tiles: how many rows are promoted at a time, and how products are computed.
    """

    X: Any
    is_uncorrelated: bool = dataclasses.field(default=False, metadata={"static": True})
    tiles: Tiles = dataclasses.field(default=FUSED, metadata={"static": True})

    is_sparse = False

    @property
    def shape(self) -> tuple[int, int]:
        """(N, m)."""
        return self.X.shape

    @property
    def dtype(self) -> Any:
        """In which X is stored."""
        return self.X.dtype

    @property
    def is_wide(self) -> bool:
        """Whether the m x m covariance is too large to be factorised, or need not be."""
        return self.is_uncorrelated or self.X.shape[1] > LARGEST_FACTORISED

    def forward(self, W: Any) -> Any:
        """W^T X^T (k, N) for W (m, k)."""
        if self.X.dtype == W.dtype:
            return self._product(W, self.X)
        N, rows = self.X.shape[0], self.tiles.promoted_rows(self.X.shape[0])
        if rows == N:
            return self._product(W, self.X.astype(W.dtype))

        def fill(i: Any, Z: Any) -> Any:
            return lax.dynamic_update_slice_in_dim(Z, self._product(W, self._rows(i, rows, W)), i * rows, axis=1)

        return lax.fori_loop(0, N // rows, fill, jnp.zeros((W.shape[1], N), W.dtype))

    def backward(self, R: Any) -> Any:
        """X^T R^T (m, k) for R (k, N)."""
        precision = self.tiles.precision(R.dtype)
        if self.X.dtype == R.dtype:
            return lax.optimization_barrier(jnp.matmul(R, self.X, precision=precision)).T
        N, rows = self.X.shape[0], self.tiles.promoted_rows(self.X.shape[0])
        if rows == N:
            return jnp.matmul(R, self.X.astype(R.dtype), precision=precision).T

        def add(i: Any, G: Any) -> Any:
            block = lax.dynamic_slice_in_dim(R, i * rows, rows, axis=1)
            return G + jnp.matmul(block, self._rows(i, rows, R), precision=precision)

        return lax.fori_loop(0, N // rows, add, jnp.zeros((R.shape[0], self.X.shape[1]), R.dtype)).T

    def transposed(self, R: Any) -> Any:
        """`backward` as the transpose of the linear map `forward`, by autodiff."""
        X = self.X.astype(R.dtype)
        W = jax.ShapeDtypeStruct((X.shape[1], R.shape[0]), R.dtype)
        return jax.linear_transpose(lambda W: self._product(W, X), W)(R)[0]

    def moments(self, w: Any, centred: Any, rows: int, total: Total = ALONE.total) -> tuple[Any, Any]:
        """Mean (m,) and covariance (m, m) with weights w (N,), from about `rows` rows at random.

        Args:
          w: (N,) >= 0, in the dtype of the result; those of the rows taken are scaled to sum to one.
          centred: () 1; with 0 the mean is zero, and the covariance is about zero.
          rows: of this device; with N or more of them all rows are taken, and the result is exact.
          total: adds what other devices have summed over their rows.
        """
        some = sampled(self.X.shape[0], max(1, self.X.shape[0] // max(1, rows)))
        X, w = (self.X, w) if len(some) == self.X.shape[0] else (self.X[some], w[some])
        X = X.astype(w.dtype)
        w /= jnp.maximum(total(jnp.sum(w)), jnp.finfo(w.dtype).tiny)
        mean = centred * total(jnp.matmul(w, X, precision=PRECISION))
        scaled = (X - mean[None]) * jnp.sqrt(w)[:, None]
        return mean, total(jnp.matmul(scaled.T, scaled, precision=PRECISION))

    def variances(self, w: Any, centred: Any, total: Total = ALONE.total) -> tuple[Any, Any]:
        """Mean (m,) and variances (m,) with weights w (N,), about a mean of zero where `centred` is 0.

        Args:
          w: (N,) >= 0, summing to one over all devices, in the dtype of the result.
          centred: () 1, or 0 where nothing absorbs the mean.
          total: adds what other devices have summed over their rows.
        """
        mean = centred * total(self.backward(w[None])[:, 0])
        return mean, total(jnp.sum(w[:, None] * jnp.square(self.X.astype(w.dtype) - mean[None]), axis=0))

    def extent(self, w: Any) -> tuple[Any, Any]:
        """The least and the largest entry of each column (m,) in rows of positive weight, in the dtype of w."""
        X, counts = self.X.astype(w.dtype), (w > 0)[:, None]
        return jnp.min(jnp.where(counts, X, jnp.inf), axis=0), jnp.max(jnp.where(counts, X, -jnp.inf), axis=0)

    def shifted(self, offset: Any, w: Any) -> DenseFeatures:
        """X less `offset` (m,), in its own dtype; zero in rows of weight zero.

        Args:
          offset: (m,) float64 or the dtype of X, numbers that the latter holds exactly.
          w: (N,) weights of the rows; zero marks padding.
        """
        X = jnp.where((w > 0)[:, None], self.X - offset.astype(self.X.dtype)[None], 0)
        return dataclasses.replace(self, X=X)

    def scaled(self, scale: Any) -> DenseFeatures:
        """X times `scale` (m,), in its own dtype."""
        return dataclasses.replace(self, X=self.X * scale.astype(self.X.dtype)[None])

    def squares(self, w: Any) -> Any:
        """Sum over rows of w_i x_i^2, (m,)."""
        N, rows = self.X.shape[0], self.tiles.promoted_rows(self.X.shape[0])
        if rows == N:
            return jnp.matmul(w, jnp.square(self.X.astype(w.dtype)), precision=PRECISION)

        def add(i: Any, total: Any) -> Any:
            block = lax.dynamic_slice_in_dim(w, i * rows, rows)
            return total + jnp.matmul(block, jnp.square(self._rows(i, rows, w)), precision=PRECISION)

        return lax.fori_loop(0, N // rows, add, jnp.zeros(self.X.shape[1], w.dtype))

    def columns(self, index: Any) -> DenseFeatures:
        """The columns of X by index (s,); of zeros for index -1."""
        return dataclasses.replace(self, X=jnp.where(index >= 0, self.X[:, index], 0))

    def take(self, rows: Any) -> Any:
        """Rows of X by index, all where that is None, in the storage dtype."""
        return self.X if rows is None else self.X[rows]

    def _rows(self, i: Any, rows: int, like: Any) -> Any:
        """Block i of X, promoted."""
        return lax.dynamic_slice_in_dim(self.X, i * rows, rows).astype(like.dtype)

    def _product(self, W: Any, X: Any) -> Any:
        """W^T X^T (k, N): contracts the features of both.

        W is transposed first, behind a barrier: folded into the product it would cost XLA's CPU half the speed, and the
        transpose of `backward` still more.
        """
        W = lax.optimization_barrier(W.T)
        return lax.dot_general(W, X, (((1,), (1,)), ((), ())), precision=self.tiles.precision(W.dtype))


def sampled_rows(m: int) -> int:
    """How many rows of m features the covariance is taken from."""
    return max(ROWS_PER_FEATURE * m, 4096)
