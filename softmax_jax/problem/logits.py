"""What is done to class-major logits Z (k, N), in blocks of columns that stay in cache.

Reducing a whole (k, N) array over its leading axis runs from memory several times; blocks of about 2^18 elements
are read once, and no other (k, N) array is stored.
Targets T are (N,) int32 class indices or (k, N) soft; weights w (N,) sum to one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from softmax_jax.model import PRECISION

BLOCK_ELEMENTS = 2**18
WHOLE_ELEMENTS = 2**16  # which stay in cache as they are: the program is smaller without a loop


class Slope(NamedTuple):
    """What is seen at a trial step: the derivatives of the loss along a line, and those in the bias of each class."""

    first: Any  # ()
    second: Any  # ()
    bias: Any  # (k,) first derivatives
    curvature: Any  # (k,) second derivatives, mean of O_j (1 - O_j)


def target_dot(T: Any, D: Any) -> Any:
    """Sum over classes of T_j D_j (N,).

    Args:
      T: (N,) int32 class indices, or (k, N) soft targets.
      D: (k, N) floating, such as logits or their change along a direction.
    """
    return jnp.sum(jnp.where(_is_target(T, D), D, 0) if T.ndim == 1 else T * D, axis=0)


def minus_target(T: Any, O: Any) -> Any:
    """O - T (k, N).

    Args:
      T: (N,) int32 class indices, or (k, N) soft targets.
      O: (k, N) floating, columns sum to one.
    """
    return O - (_is_target(T, O).astype(O.dtype) if T.ndim == 1 else T)


def loss(Z: Any, T: Any, w: Any) -> Any:
    """Weighted mean cross-entropy () of all columns at once; differentiable.

    Args:
      Z: (k, N) net input.
      T: (N,) int32 class indices, or (k, N) soft targets.
      w: (N,) weights s_i / n; zero on padding.
    """
    return jnp.vdot(w, jax.nn.logsumexp(Z, axis=0) - target_dot(T, Z))


def residual(Z: Any, T: Any, w: Any) -> tuple[Any, Any, Any]:
    """The loss (), w (O - T) (k, N), and the mean curvature of the outputs, sum_i w_i O (1 - O) (k,).

    Args:
      Z: (k, N) net input.
      T: (N,) int32 class indices, or (k, N) soft targets.
      w: (N,) weights s_i / n; zero on padding.
    """

    def block(Z: Any, T: Any, w: Any) -> tuple[tuple[Any, Any], Any]:
        largest = jnp.max(Z, axis=0)
        E = jnp.exp(Z - largest[None])
        total = jnp.sum(E, axis=0)
        O = E / total[None]
        losses = jnp.log(total) - target_dot(T, Z - largest[None])
        curvature = jnp.matmul(O * (1 - O), w, precision=PRECISION)
        return (jnp.vdot(w, losses), curvature), w[None] * minus_target(T, O)

    (total_loss, curvature), R = by_blocks(block, Z, T, w)
    return total_loss, R, curvature


def slope(Z: Any, D: Any, T: Any, w: Any, t: Any, shift: Any) -> Slope:
    """Derivatives of the loss of Z + t D + shift: in t, and in the shift.

    Args:
      Z: (k, N) net input at t = 0.
      D: (k, N) change of Z along the line.
      T: (N,) int32 class indices, or (k, N) soft targets.
      w: (N,) weights s_i / n; zero on padding.
      t: () step, any sign.
      shift: (k,) of the bias.
    """

    def block(Z: Any, D: Any, T: Any, w: Any) -> tuple[Slope, None]:
        V = Z + t * D + shift[:, None]
        E = jnp.exp(V - jnp.max(V, axis=0, keepdims=True))
        total = jnp.sum(E, axis=0)
        O = E / total[None]
        R = minus_target(T, O)
        mean = jnp.sum(E * D, axis=0) / total
        spread = jnp.sum(E * jnp.square(D - mean[None]), axis=0) / total
        first = jnp.vdot(w, mean - target_dot(T, D))
        bias, curvature = (jnp.matmul(a, w, precision=PRECISION) for a in (R, O * (1 - O)))
        return Slope(first, jnp.vdot(w, spread), bias, curvature), None

    return by_blocks(block, Z, D, T, w)[0]


def curvature_product(Z: Any, D: Any, w: Any) -> Any:
    """W (O * D - O sum_j O_j D_j) (k, N), the change of w O along D.

    Args:
      Z: (k, N) net input, where the curvature is taken.
      D: (k, N) change of Z along the direction.
      w: (N,) weights s_i / n; zero on padding.
    """

    def block(Z: Any, D: Any, w: Any) -> tuple[None, Any]:
        O = jax.nn.softmax(Z, axis=0)
        return None, w[None] * O * (D - jnp.sum(O * D, axis=0, keepdims=True))

    return by_blocks(block, Z, D, w)[1]


def totals(Z: Any, shift: Any, w: Any, *, overlap: bool) -> tuple[Any, Any]:
    """Weighted class totals (k,) of O = softmax(Z + shift), and O diag(w) O^T (k, k) where `overlap`, else ().

    Args:
      Z: (k, N) net input.
      shift: (k,) of the bias, in the dtype of Z.
      w: (N,) weights s_i / n; zero on padding.
      overlap: whether the k x k matrix is wanted, O(N k^2).
    """

    def block(Z: Any, w: Any) -> tuple[tuple[Any, Any], None]:
        O = jax.nn.softmax(Z + shift[:, None], axis=0)
        total = jnp.matmul(O, w, precision=PRECISION)
        return (total, jnp.matmul(O * w[None], O.T, precision=PRECISION) if overlap else ()), None

    return by_blocks(block, Z, w)[0]


def target_totals(T: Any, w: Any, k: int) -> Any:
    """Weighted class totals of T, (k,).

    Args:
      T: (N,) int32 class indices, or (k, N) soft targets.
      w: (N,) weights s_i / n; zero on padding.
      k: classes, of which some may not occur in T.
    """
    return jax.ops.segment_sum(w, T, num_segments=k) if T.ndim == 1 else jnp.matmul(T, w, precision=PRECISION)


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


def block_rows(N: int, largest: int) -> int:
    """The largest power of two that divides N, at most `largest`.

    Args:
      N: rows or columns to be cut, at least 1.
      largest: a power of two.
    """
    return min(N & -N, largest)


def by_blocks(block: Any, *arrays: Any) -> tuple[Any, Any]:
    """Apply `block` to blocks of the last axis: its first results are summed, its second laid side by side."""
    k, N = arrays[0].shape
    columns = block_rows(N, min(2048, max(256, BLOCK_ELEMENTS // (1 << (k - 1).bit_length()))))
    if columns == N or k * N <= WHOLE_ELEMENTS:
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


def _is_target(T: Any, Z: Any) -> Any:
    return jnp.arange(Z.shape[0], dtype=T.dtype)[:, None] == T[None]
