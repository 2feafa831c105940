"""The parts of the certificate that do not depend on how the rows are held: the bias's step, dual point, bounds.

See `certificate` for what they prove. O, A (k, N) are class-major distributions, w (N,) weights that sum to one.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.losses import ridge
from softmax_jax.model import PRECISION, Params
from softmax_jax.penalties import dual_norm
from softmax_jax.problem import cholesky
from softmax_jax.problem.logits import minus_target
from softmax_jax.problem.problem import ABSENT_BIAS, Penalty

DENSE_BIAS_HESSIAN = 256  # classes up to which the k x k Hessian of the bias is formed, O(N k^2)
SMALL_SHIFT = 0.5  # of the bias, below which what J gains is taken from O directly


class DualPoint(NamedTuple):
    """A = O M: class j gives away the fraction `leaving` (k,) of its mass, of which class l gets `share` (k,)."""

    leaving: Any
    share: Any


def bias_step(overlap: Any, total: Any, target: Any) -> Any:
    """The step (k,) of the bias towards class totals `target`: Newton's, or that of iterative scaling.

    Args:
      overlap: (k, k) sum of w O O^T; () for iterative scaling, b_j += log(target_j / total_j), which always descends.
      total: (k,) weighted class totals of O.
      target: (k,) those of T.
    """
    tiny = jnp.finfo(total.dtype).tiny
    scaling = jnp.log(jnp.maximum(target, tiny) / jnp.maximum(total, tiny))
    d = scaling if isinstance(overlap, tuple) else _newton(overlap, total, target)
    d = jnp.where(jnp.all(jnp.isfinite(d)), d, scaling)
    return d / jnp.maximum(1, jnp.max(jnp.abs(d)))


def _newton(overlap: Any, total: Any, target: Any) -> Any:
    """The Newton step, in coordinates scaled by the diagonal; the shift of all classes is filled in.

    NaN where rounding has made the matrix indefinite: then all outputs are 0 or 1.
    """
    root = jnp.sqrt(jnp.maximum(total, jnp.finfo(total.dtype).tiny))
    one = jnp.eye(len(total), dtype=total.dtype) * (1 + 1e-14)
    A = one - overlap / root[:, None] / root[None] + root[:, None] * root[None]
    return cholesky.solve(cholesky.factor(A), (target - total) / root) / root


@jax.jit
def dual_point(total: Any, target: Any, intercept: Any) -> DualPoint:
    """The dual point that moves mass from classes whose weighted total is above that of T to those below it.

    Columns of A stay distributions, and totals become those of T. A = O where the bias is not free.

    Args:
      total: (k,) weighted class totals of O, >= 0.
      target: (k,) those of T; both sum to one.
      intercept: () 1 where the bias is free, else 0.
    """
    tiny = jnp.finfo(total.dtype).tiny
    difference = intercept * (total - target)
    surplus, deficit = jnp.maximum(difference, 0), jnp.maximum(-difference, 0)
    leaving = jnp.minimum(surplus / jnp.maximum(total, tiny), 1)
    share = deficit / jnp.maximum(jnp.sum(deficit), tiny)
    return DualPoint(jnp.where(jnp.sum(deficit) > 0, leaving, 0), share)


def output(dual: DualPoint, log_O: Any) -> Any:
    """A (k, N) from log O (k, N).

    Args:
      dual: the DualPoint, M in A = O M.
      log_O: (k, N) log-softmax of the net input.
    """
    O = jnp.exp(log_O)
    moved = jnp.matmul(dual.leaving, O, precision=PRECISION)
    return O * (1 - dual.leaving)[:, None] + dual.share[:, None] * moved[None]


def divergence(log_O: Any, A: Any, T: Any, w: Any, c: Any) -> Any:
    """Weighted divergence () of the dual point T + c (A - T) from O.

    Args:
      log_O: (k, N) log-softmax of the net input.
      A: (k, N) output of the dual point, columns sum to one.
      T: (N,) int class indices, or (k, N) soft targets.
      w: (N,) weights that sum to one over all rows.
      c: () in [0, 1]; 0 is T itself, 1 is A.
    """
    mixture = jnp.maximum(A - (1 - c) * minus_target(T, A), 0)
    terms = jax.scipy.special.xlogy(mixture, mixture) - jnp.where(mixture > 0, mixture * log_O, 0)
    return jnp.vdot(w, jnp.sum(terms, axis=0))


class Rounding(NamedTuple):
    """Bounds on what rounding may have taken from a bound: see `roundings`."""

    gradient: Any  # of ||X^T w (A - T)||
    shrinkage: Any  # of ||l2 W||
    divergence: Any  # of sum_i w_i KL(A_i || O_i), for the net input as it was computed
    net_input: Any  # of the net input, weighted mean over rows of the largest of a row
    moved: Any  # the largest share of a class's mass that A has elsewhere than O


def roundings(n_rows: int, params: Params, l2: Any, squares: Any, R_square: Any, largest: Any, dual: Any) -> Rounding:
    """Bounds on the rounding of the parts of the gap.

    The sums over rows by Cauchy-Schwarz. Class totals of A differ from those of T by the rounding of a sum, which
    multiplies the bias. Numbers below the smallest normal one may be lost everywhere.

    Args:
      n_rows: terms of the sums.
      params: W (m, k) and b (k,).
      l2: () strength.
      squares: (m,) sum over rows of w_i x_ia^2.
      R_square: () sum over rows of w_i ||A_i - T_i||^2.
      largest: () weighted mean over rows of the largest |logit|.
      dual: the DualPoint.
    """
    W, b = _without_absent(params)
    kind = jnp.finfo(W.dtype)
    u, terms = kind.eps / 2, 8 + 2 * np.sqrt(n_rows)
    gradient = terms * u * scaled_norm(_deviations(squares)) * jnp.sqrt(R_square) + 4 * kind.tiny * np.sqrt(W.size)
    divergence = (8 * (1 + largest) + terms * (1 + jnp.max(jnp.abs(b - jnp.mean(b))))) * u
    net_input = net_input_rounding(params, squares)
    return Rounding(gradient, 2 * u * l2 * scaled_norm(W), divergence, net_input, jnp.max(dual.leaving))


@jax.jit
def net_input_rounding(params: Params, squares: Any) -> Any:
    """A bound () on the weighted mean over rows of the largest error of a row of X W + b.

    That of row i is at most a multiple of sum_a |x_ia| |W_aj| + |b_j|, whose mean over rows is at most
    sqrt(m) max_j ||(d_a W_aj)_a|| + max_j |b_j| with d_a^2 the mean square of column a.

    Args:
      params: W (m, k) and b (k,), in the dtype in which the net input is computed.
      squares: (m,) mean squares of the columns, sum over rows of w_i x_ia^2.
    """
    W, b = _without_absent(params)
    kind, m = jnp.finfo(W.dtype), W.shape[0]
    u = kind.eps / 2
    reach = np.sqrt(m) * jnp.max(jax.vmap(scaled_norm, in_axes=1)(_deviations(squares)[:, None] * W))
    return (4 + 2 * np.sqrt(m)) * u * reach + 4 * u * jnp.max(jnp.abs(b)) + kind.tiny * jnp.sum(jnp.abs(W))


def _without_absent(params: Params) -> Params:
    """The parameters with a bias of zero for classes that are padding: no other has one as low."""
    return Params(params.W, jnp.where(params.b > ABSENT_BIAS / 2, params.b, 0))


def largest_logit(Z: Any) -> Any:
    """The largest |logit| of each row (N,), of classes that are no padding.

    Args:
      Z: (k, N) net input.
    """
    return jnp.max(jnp.where(Z > ABSENT_BIAS / 2, jnp.abs(Z), 0), axis=0)


def _deviations(squares: Any) -> Any:
    """The roots (m,) of mean squares; those below the smallest number count as that."""
    return jnp.sqrt(squares + 2 * jnp.finfo(squares.dtype).tiny)


def gap(divergence: Any, G: Any, W: Any, penalty: Penalty, c: Any, rounding: Rounding) -> Any:
    """The bound () from the dual point B = T + c (A - T), with its rounding; inf or NaN for l2 = 0.

    An error e of a row's net input changes KL(B || O) by at most ||B - O||_1 e + 2 e^2, because log-sum-exp is convex.

    Args:
      divergence: () weighted divergence of that point from O.
      G: (m, k) X^T w (A - T).
      W: (m, k).
      penalty: with its l1 Omega, where there is one.
      c: () in [0, 1].
      rounding: of the parts.
    """
    away = 2 * (1 - c) + 2 * rounding.moved + 2 * rounding.net_input
    errors = rounding.divergence + away * rounding.net_input
    bound = jnp.maximum(divergence, 0) + errors + conjugate_gap(G, W, penalty, c, rounding)
    return bound * (1 + 16 * jnp.finfo(W.dtype).eps)


def conjugate_gap(G: Any, W: Any, penalty: Penalty, c: Any, rounding: Rounding) -> Any:
    """Fenchel's inequality for the penalty at W and u = -c G: h(W) + h*(u) - <W, u> >= 0 (), with its rounding.

    Without l1 it is ||u - l2 W||^2 / (2 l2). With it u = s + v, where v is in the dual ball and s what is beyond:
    ||s - l2 W||^2 / (2 l2) + l1 Omega(W) - <W, v>. Without l2 the first term is 0 where s = 0, and else infinite.

    Args:
      G: (m, k) X^T w (A - T).
      W: (m, k).
      penalty: with its l1 Omega, where there is one.
      c: () in [0, 1].
      rounding: of the parts.
    """
    l2, kind = penalty.l2, penalty.sparsity
    errors = c * rounding.gradient + rounding.shrinkage
    if kind is None:
        return jnp.square((scaled_norm(c * G + l2 * W) + errors) / jnp.sqrt(l2)) / 2
    u = -c * G
    s = kind.prox(u, kind.l1)
    outside = jnp.square((scaled_norm(l2 * W - s) + errors) / jnp.sqrt(jnp.where(l2 > 0, l2, 1))) / 2
    inside = c <= reach(G, penalty, rounding)
    held = jnp.where(inside, kind.misfit(W, u), jnp.inf) + ridge(W, l2)
    bound = jnp.where(l2 > 0, jnp.minimum(held, outside + kind.misfit(W, u - s)), held)
    size = jnp.sum(kind.sizes(W))
    return bound + 8 * jnp.finfo(W.dtype).eps * kind.l1 * size + c * size * rounding.gradient


def reach(G: Any, penalty: Penalty, rounding: Rounding) -> Any:
    """The largest c () in [0, 1] at which u = -c G surely lies in the dual ball of l1 Omega."""
    kind = penalty.sparsity
    size = dual_norm(kind, G) + rounding.gradient
    return jnp.minimum(1, kind.l1 / size) * (1 - 8 * jnp.finfo(G.dtype).eps)


def scaled_norm(x: Any) -> Any:
    """||x|| (), also where squares would underflow or overflow."""
    largest = jnp.max(jnp.abs(x))
    unit = jnp.where(largest > 0, largest, 1)
    return largest * jnp.linalg.norm(x / unit)


class Growth(NamedTuple):
    """Weighted sums over rows: what log-sum-exp grows by under a shift of the bias, and the largest |logit|."""

    growth: Any
    largest: Any


def growth(Z: Any, w: Any, shift: Any) -> Growth:
    """What the weighted log-sum-exp of Z (k, r) gains when `shift` (k,) is added; accurate for any size of it.

    Where the mass of a row moves as a whole, the sum of O expm1(shift) cancels, and expm1 overflows.

    Args:
      Z: (k, r) net input of some rows.
      w: (r,) their weights, which sum to one over all rows.
      shift: (k,) of the bias, of any size.
    """
    small = jnp.max(jnp.abs(shift)) < SMALL_SHIFT
    moved = jnp.sum(jax.nn.softmax(Z, axis=0) * jnp.expm1(jnp.clip(shift, -1, 1))[:, None], axis=0)
    difference = jax.nn.logsumexp(Z + shift[:, None], axis=0) - jax.nn.logsumexp(Z, axis=0)
    gained = jnp.where(small, jnp.log1p(jnp.where(small, moved, 0)), difference)
    return Growth(jnp.vdot(w, gained), jnp.vdot(w, largest_logit(Z)))


@functools.partial(jax.jit, static_argnames="n_rows")
def excess(target: Any, shift: Any, total: Growth, n_rows: int, net_input: Any) -> Any:
    """A bound () on J at a bias less J at the bias moved by `shift` (k,), given its `growth` over all rows.

    Args:
      target: (k,) weighted class totals of T.
      shift: (k,), of mean zero.
      total: of `growth`.
      n_rows: terms of its sums.
      net_input: () rounding of the net input.
    """
    u = jnp.finfo(shift.dtype).eps / 2
    size = jnp.max(jnp.abs(shift))
    rounding = (16 + 2 * np.sqrt(n_rows)) * u * size + jnp.where(size < SMALL_SHIFT, 0, 16 * u * (1 + total.largest))
    rounding += 2 * jnp.minimum(1, size) * net_input  # as far as O moves
    return jnp.maximum(jnp.vdot(target, shift) - total.growth, 0) + rounding
