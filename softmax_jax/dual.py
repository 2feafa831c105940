"""The parts of the certificate that do not depend on how the rows are held: the bias's step, dual point, bounds.

See `certificate` for what they prove. O, A (k, N) are class-major distributions, w (N,) weights that sum to one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from softmax_jax.logits import minus_target
from softmax_jax.model import PRECISION

DENSE_BIAS_HESSIAN = 256  # classes up to which the k x k Hessian of the bias is formed, O(N k^2)


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
    """The Newton step, in coordinates scaled by the diagonal; the shift of all classes is filled in."""
    root = jnp.sqrt(jnp.maximum(total, jnp.finfo(total.dtype).tiny))
    one = jnp.eye(len(total), dtype=total.dtype) * (1 + 1e-14)
    A = one - overlap / root[:, None] / root[None] + root[:, None] * root[None]
    return jnp.linalg.solve(A, (target - total) / root) / root


def dual_point(total: Any, target: Any, intercept: Any) -> DualPoint:
    """The dual point that moves mass from classes whose weighted total is above that of T to those below it.

    Columns of A stay distributions, and totals become those of T. A = O where the bias is not free.
    """
    tiny = jnp.finfo(total.dtype).tiny
    difference = intercept * (total - target)
    surplus, deficit = jnp.maximum(difference, 0), jnp.maximum(-difference, 0)
    leaving = jnp.minimum(surplus / jnp.maximum(total, tiny), 1)
    share = deficit / jnp.maximum(jnp.sum(deficit), tiny)
    return DualPoint(jnp.where(jnp.sum(deficit) > 0, leaving, 0), share)


def output(dual: DualPoint, log_O: Any) -> Any:
    """A (k, N) from log O (k, N)."""
    O = jnp.exp(log_O)
    moved = jnp.matmul(dual.leaving, O, precision=PRECISION)
    return O * (1 - dual.leaving)[:, None] + dual.share[:, None] * moved[None]


def divergence(log_O: Any, A: Any, T: Any, w: Any, c: Any) -> Any:
    """Weighted divergence () of the dual point T + c (A - T) from O."""
    mixture = jnp.maximum(A - (1 - c) * minus_target(T, A), 0)
    terms = jax.scipy.special.xlogy(mixture, mixture) - jnp.where(mixture > 0, mixture * log_O, 0)
    return jnp.vdot(w, jnp.sum(terms, axis=0))


def roundings(n_rows: int, X_square: Any, R_square: Any, largest: Any) -> tuple[Any, Any]:
    """Bounds on the rounding of ||G|| (by Cauchy-Schwarz on its sums over rows) and of the divergence.

    Args:
      n_rows: terms of the sums.
      X_square: () sum over rows of w_i ||x_i||^2.
      R_square: () sum over rows of w_i ||A_i - T_i||^2.
      largest: () largest |logit|, of all rows or of each in the weighted mean.
    """
    u = jnp.finfo(X_square.dtype).eps / 2
    terms = 8 + 2 * jnp.sqrt(jnp.array(n_rows, X_square.dtype))
    return terms * u * jnp.sqrt(X_square) * jnp.sqrt(R_square), (8 * (1 + largest) + terms) * u
