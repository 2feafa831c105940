"""Preconditioning by the second moment of the features: one eigendecomposition for all classes and strengths.

The Hessian block of class j is close to c_j Q + l2 I with c_j = mean O_j (1 - O_j) and Q = U diag(q) U^T the
covariance of X (the mean is absorbed by the free bias b + W^T mean). Its inverse is U ((U^T g) / (q c_j + l2)).
Where there are too many features for that, U is the identity and q the variances. Where there are fewer rows than
features, U may have as few columns: Q vanishes on all that is orthogonal to them, and the inverse is 1 / l2 there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.model import PRECISION, Params
from softmax_jax.placement.sharding import compiled
from softmax_jax.problem.features import sampled_rows
from softmax_jax.problem.hessian import missed_variance
from softmax_jax.problem.problem import Penalty, Problem
from softmax_jax.solvers.vectors import centre_classes


class SecondMoment(NamedTuple):
    """Mean (m,), eigenvalues q (r,) above rounding, and eigenvectors U (m, r) of the covariance of X; None for I."""

    mean: Any
    q: Any
    U: Any


def second_moment(problem: Problem) -> SecondMoment:
    """The factorised covariance, called outside jit: the decomposition runs in float64 where there is one.

    Columns of very different scale would lose their small eigenvalues in float32.
    """
    if problem.rows.is_wide:
        return _diagonal(problem)
    mean, Q, missed = _moment(problem)
    eps = np.finfo(problem.dtype).eps
    if jax.default_backend() == "tpu":
        return SecondMoment(mean, *_eigh(mean, Q, missed, eps))
    with scope(np.float64):
        return SecondMoment(mean, *_eigh_in_float64(mean, Q, missed, eps))


def traced_second_moment(problem: Problem) -> SecondMoment:
    """The factorised covariance, inside jit: in the problem's own dtype."""
    if problem.rows.is_wide:
        return _diagonal(problem)
    if _has_few_rows(problem):
        return _of_few_rows(problem)
    mean, Q, missed = _moment(problem)
    return SecondMoment(mean, *_eigh(mean, Q, missed, jnp.finfo(problem.dtype).eps))


def _has_few_rows(problem: Problem) -> bool:
    N, m = problem.shape
    return m > N and problem.rows.collectives.mesh is None and problem.rows.stores_logits


def _of_few_rows(problem: Problem) -> SecondMoment:
    """The covariance A^T A of N < m rows from A^T = P R: its eigenvectors are P times those of R R^T."""
    mean, _ = problem.variances()
    w = problem.in_memory.weights
    A = (problem.in_memory.X.take(None).astype(w.dtype) - mean[None]) * jnp.sqrt(w)[:, None]
    P, R = jnp.linalg.qr(A.T)
    q, V = jnp.linalg.eigh(jnp.matmul(R, R.T, precision=PRECISION))
    U = jnp.matmul(P, V, precision=PRECISION)
    size = jnp.matmul(jnp.sum(jnp.square(A), axis=0) + mean**2, U**2, precision=PRECISION)
    kind = jnp.finfo(w.dtype)
    return SecondMoment(mean, jnp.maximum(q, jnp.maximum(kind.eps * size, kind.tiny)), U)


@compiled()
def _moment(problem: Problem) -> tuple[Any, Any, Any]:
    """Mean from all rows, covariance from a sample of them, and what that missed of each column's variance.

    A column of zeros, whose gradient is zero, gets the largest: division by its own would magnify rounding.
    """
    mean, variance = problem.variances()
    _, Q = problem.second_moment(sampled_rows(problem.shape[1]))
    missed = missed_variance(jnp.diag(Q), variance)
    return mean, Q, jnp.where(variance + mean**2 > 0, missed, jnp.max(variance))


@compiled()
def _diagonal(problem: Problem) -> SecondMoment:
    mean, q = problem.variances()
    kind = jnp.finfo(q.dtype)
    return SecondMoment(mean, jnp.maximum(q, jnp.maximum(kind.eps * (q + mean**2), kind.tiny)), None)


@jax.jit
def _eigh(mean: Any, Q: Any, missed: Any, eps: Any) -> tuple[Any, Any]:
    """Eigenvalues and eigenvectors; an eigenvalue is kept above the rounding of the columns that it is made of."""
    q, U = jnp.linalg.eigh(Q + jnp.diag(missed))
    size = jnp.matmul(jnp.diag(Q) + missed + mean**2, U**2, precision=PRECISION)
    return jnp.maximum(q, jnp.maximum(eps * size, jnp.finfo(q.dtype).tiny)), U


@jax.jit
def _eigh_in_float64(mean: Any, Q: Any, missed: Any, eps: Any) -> tuple[Any, Any]:
    """As `_eigh`, rounded to the dtype of its arguments at the end."""
    q, U = _eigh(*(a.astype(np.float64) for a in (mean, Q, missed)), eps)
    return q.astype(Q.dtype), U.astype(Q.dtype)


def precondition(moment: SecondMoment, curvature: Any, penalty: Problem | Penalty, gradient: Params) -> Params:
    """The approximate inverse Hessian times `gradient`.

    Args:
      moment: of the problem's features.
      curvature: (k,), mean of O_j (1 - O_j).
      penalty: l2 and whether the bias is free.
      gradient: Params.

    Returns:
      Params, orthogonal to the shift of all classes that leaves softmax unchanged.
    """
    c = jnp.maximum(curvature, jnp.finfo(curvature.dtype).eps)
    centred = gradient.W - moment.mean[:, None] * gradient.b[None]
    curved = moment.q[:, None] * c[None] + penalty.l2
    if moment.U is None:
        W = centred / curved
    else:
        rotated = jnp.matmul(moment.U.T, centred, precision=PRECISION)
        W = jnp.matmul(moment.U, rotated / curved, precision=PRECISION)
        if moment.U.shape[1] < moment.U.shape[0]:
            W += _outside(moment.U, _outside(moment.U, centred)) / penalty.l2
    W, b = centre_classes(Params(W, gradient.b / c), penalty.classes)
    b = penalty.intercept * b - jnp.matmul(moment.mean, W, precision=PRECISION)
    return Params(W, b)


def _outside(U: Any, G: Any) -> Any:
    """What of G (m, k) is orthogonal to the columns of U; twice, so that no rounding is left in their span."""
    return G - jnp.matmul(U, jnp.matmul(U.T, G, precision=PRECISION), precision=PRECISION)
