"""What is done to class-major logits Z (k, N), in blocks of columns where that is faster (see tiles.py).

On a CPU, reducing a whole (k, N) array over its leading axis runs from memory several times; blocks that stay in cache
are read once, and no other (k, N) array is stored.
Targets T are (N,) int32 class indices or (k, N) soft; weights w (N,) sum to one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from softmax_jax.model import PRECISION
from softmax_jax.problem.tiles import Tiles, is_target


class Slope(NamedTuple):
    """What is seen at a trial step: the derivatives of the loss along a line, and those in the bias of each class."""

    first: Any  # ()
    second: Any  # ()
    bias: Any  # (k,) first derivatives
    curvature: Any  # (k,) second derivatives, mean of O_j (1 - O_j)


def target_dot(tiles: Tiles, T: Any, D: Any) -> Any:
    """Sum over classes of T_j D_j (N,).

    Args:
      tiles: of the platform.
      T: (N,) int32 class indices, or (k, N) soft targets.
      D: (k, N) floating, such as logits or their change along a direction.
    """
    return tiles.target_entries(T, D) if T.ndim == 1 else jnp.sum(T * D, axis=0)


def minus_target(T: Any, O: Any) -> Any:
    """O - T (k, N).

    Args:
      T: (N,) int32 class indices, or (k, N) soft targets.
      O: (k, N) floating, columns sum to one.
    """
    return jnp.where(is_target(T, O.shape[0]), O - 1, O) if T.ndim == 1 else O - T


def loss(tiles: Tiles, Z: Any, T: Any, w: Any) -> Any:
    """Weighted mean cross-entropy () of all columns at once; differentiable.

    Args:
      tiles: of the platform.
      Z: (k, N) net input.
      T: (N,) int32 class indices, or (k, N) soft targets.
      w: (N,) weights s_i / n; zero on padding.
    """
    return jnp.vdot(w, jax.nn.logsumexp(Z, axis=0) - target_dot(tiles, T, Z))


def residual(tiles: Tiles, Z: Any, T: Any, w: Any) -> tuple[Any, Any, Any]:
    """The loss (), w (O - T) (k, N), and the mean curvature of the outputs, sum_i w_i O (1 - O) (k,).

    Args:
      tiles: of the platform.
      Z: (k, N) net input.
      T: (N,) int32 class indices, or (k, N) soft targets.
      w: (N,) weights s_i / n; zero on padding.
    """

    def block(Z: Any, T: Any, w: Any) -> tuple[tuple[Any, Any], Any]:
        E, total, largest = _exponentials(tiles, Z)
        O = E / total[None]
        losses = jnp.log(total) - target_dot(tiles, T, Z - largest[None])
        return (jnp.vdot(w, losses), _weighted(O * (1 - O), w)), w[None] * minus_target(T, O)

    (total_loss, curvature), R = tiles.over(block, Z, T, w)
    return total_loss, R, curvature


def slope(tiles: Tiles, Z: Any, D: Any, d: Any, T: Any, w: Any, t: Any, shift: Any) -> Slope:
    """Derivatives of the loss of Z + t (D + d) + shift: in t, and in the shift.

    Args:
      tiles: of the platform.
      Z: (k, N) net input at t = 0.
      D: (k, N) change of Z along the line, with d.
      d: (k,) the same for all columns.
      T: (N,) int32 class indices, or (k, N) soft targets.
      w: (N,) weights s_i / n; zero on padding.
      t: () step, any sign.
      shift: (k,) of the bias.
    """

    def block(Z: Any, D: Any, T: Any, w: Any) -> tuple[Slope, None]:
        change = D + d[:, None]
        E, total, largest = _exponentials(tiles, Z + t * change + shift[:, None])
        mean = jnp.sum(E * change, axis=0) / total
        spread = jnp.sum(E * jnp.square(change - mean[None]), axis=0) / total
        first = jnp.vdot(w, mean - target_dot(tiles, T, change))

        def again(d: Any, t: Any, shift: Any, largest: Any) -> Any:
            return jnp.exp(Z + t * (D + d[:, None]) + shift[:, None] - largest[None])

        E, share = tiles.again(E, again, d, t, shift, largest), w / total
        outputs = _weighted(E, share)
        return Slope(first, jnp.vdot(w, spread), outputs, outputs - _weighted(jnp.square(E), share / total)), None

    found = tiles.over(block, Z, D, T, w)[0]
    return found._replace(bias=found.bias - target_totals(tiles, T, w, Z.shape[0]))


def _exponentials(tiles: Tiles, Z: Any) -> tuple[Any, Any, Any]:
    """The exponentials of Z less the largest of each column (k, N), their sums (N,), and the largest (N,)."""
    largest = jnp.max(Z, axis=0)
    E = tiles.kept(jnp.exp(Z - largest[None]))
    return E, jnp.sum(E, axis=0), largest


def _weighted(A: Any, w: Any) -> Any:
    """The sum over columns of w_i A_i (k,)."""
    return jnp.matmul(A, w, precision=PRECISION)


def curvature_product(tiles: Tiles, Z: Any, D: Any, w: Any) -> Any:
    """W (O * D - O sum_j O_j D_j) (k, N), the change of w O along D.

    Args:
      tiles: of the platform.
      Z: (k, N) net input, where the curvature is taken.
      D: (k, N) change of Z along the direction.
      w: (N,) weights s_i / n; zero on padding.
    """

    def block(Z: Any, D: Any, w: Any) -> tuple[None, Any]:
        O = tiles.kept(jax.nn.softmax(Z, axis=0))
        return None, w[None] * O * (D - jnp.sum(O * D, axis=0, keepdims=True))

    return tiles.over(block, Z, D, w)[1]


def totals(tiles: Tiles, Z: Any, shift: Any, w: Any, *, overlap: bool) -> tuple[Any, Any]:
    """Weighted class totals (k,) of O = softmax(Z + shift), and O diag(w) O^T (k, k) where `overlap`, else ().

    Args:
      tiles: of the platform.
      Z: (k, N) net input.
      shift: (k,) of the bias, in the dtype of Z.
      w: (N,) weights s_i / n; zero on padding.
      overlap: whether the k x k matrix is wanted, O(N k^2).
    """

    def block(Z: Any, w: Any) -> tuple[tuple[Any, Any], None]:
        O = tiles.kept(jax.nn.softmax(Z + shift[:, None], axis=0))
        return (_weighted(O, w), jnp.matmul(O * w[None], O.T, precision=PRECISION) if overlap else ()), None

    return tiles.over(block, Z, w)[0]


def target_totals(tiles: Tiles, T: Any, w: Any, k: int) -> Any:
    """Weighted class totals of T, (k,).

    Args:
      tiles: of the platform.
      T: (N,) int32 class indices, or (k, N) soft targets.
      w: (N,) weights s_i / n; zero on padding.
      k: classes, of which some may not occur in T.
    """
    return tiles.target_totals(T, w, k) if T.ndim == 1 else _weighted(T, w)


def dense_curvature(Z: Any, X: Any, w: Any) -> Any:
    """Sum over rows of w_i (diag(o_i) - o_i o_i^T) kron x_i x_i^T (k m, k m).

    Args:
      Z: (k, N) net input; N is a block, since a copy of X per class is formed.
      X: (N, m) features, a column for the bias among them.
      w: (N,) weights s_i / n; zero on padding.
    """
    O = jax.nn.softmax(Z, axis=0)
    A = (O[:, :, None] * X[None]).transpose(1, 0, 2).reshape(X.shape[0], -1)  # row i: o_i kron x_i
    outer = jnp.matmul((A * w[:, None]).T, A, precision=PRECISION)
    diagonal = jnp.einsum("jn,na,nc->jac", O * w[None], X, X, precision=PRECISION)
    same_class = jnp.einsum("jl,jac->jalc", jnp.eye(Z.shape[0], dtype=Z.dtype), diagonal)
    return same_class.reshape(outer.shape) - outer
