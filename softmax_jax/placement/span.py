"""Fewer rows than features: the problem in the span of the rows, which holds its optimum, exactly.

Let V (m, r) have orthonormal columns that span the rows, r <= n. What W has outside the span moves no logit and costs
penalty, and inside it is W = V W' with X W = (X V) W' and ||W|| = ||W'||. J of the features F = X V (n, r) at W' is
therefore J of X at V W': the minimum is the same, and so is J - J* at every point of the span. A free bias absorbs the
mean of the rows: with x - mean in place of x, b' = b + mean W.

    G = D (X - mean) (X - mean)^T D = U diag(q) U^T,    D = diag(w)^1/2,    V = (X - mean)^T D U diag(q)^-1/2.

One eigendecomposition of the n x n matrix G gives the basis, F = D^-1 U diag(q)^1/2, and in it the covariance of the
features, F^T D^2 F = diag(q): what preconditions a fit is there without another. Rows without weight have no part.

Directions whose q drowns in the rounding of G are left out, which raises J* by at most q / (2 l2) each. That, and what
rounding made of V, is why the last certificate of a fit is evaluated on X as it was given (`fitting/returned`).

References:
  Hastie, Tibshirani, Efficient quadratic regularization for expression arrays, Biostatistics 2004, theorem 1.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from softmax_jax.dtypes import compute_dtype, has_float64
from softmax_jax.inputs.conversion import is_jax, is_sparse
from softmax_jax.model import Params
from softmax_jax.placement.offsets import shifted
from softmax_jax.placement.place import InFloat64, Kind, Needs, place
from softmax_jax.placement.products import as_near, gram, times, transposed
from softmax_jax.problem.features import LARGEST_FACTORISED
from softmax_jax.problem.problem import Data, Problem

LEAST_FEATURES = 256  # below which there is little to save
MOST_ROWS = 4096  # whose Gram matrix is factorised, where the covariance would be too large to be
PROMOTED_ELEMENTS = 2**25  # of X, up to which it is copied to float64
SPARSE_ROWS = 1024  # likewise where X is sparse, and its own products are cheap


class Span(NamedTuple):
    """The basis V = (X - mean)^T C of r vectors, and columns of zeros.

    Attributes:
      X: (n, m) as it was given.
      mean: (m,) float64; zero where the bias is not free.
      C: (n, r) float64.
      features: (n, r) float64, (X - mean) V; zero in rows without weight.
    """

    X: Any
    mean: np.ndarray
    C: np.ndarray
    features: np.ndarray

    @property
    def kind(self) -> Kind:
        """Of the features in the span."""
        return Kind(self.features.shape, self.features.dtype, is_sparse=False, is_streamed=False)

    def inward(self, params: Params) -> Params:
        """The parameters in the span, float64: W is projected.

        Args:
          params: W (..., m, k) and b (..., k) for X as it was given, NumPy.
        """
        W, b = (np.asarray(p, np.float64) for p in params)
        if not W.any():
            return Params(np.zeros((*W.shape[:-2], self.C.shape[1], W.shape[-1])), b)
        flat = np.moveaxis(W, -2, 0).reshape(len(self.mean), -1)
        inside = self.C.T @ (times(self.X, flat) - self.mean @ flat)
        inside = np.moveaxis(inside.reshape(-1, *W.shape[:-2], W.shape[-1]), 0, -2)
        return Params(inside, b + self.mean @ W)

    def outward(self, params: Params) -> Params:
        """The parameters for X as it was given, float64.

        Args:
          params: W (r, k) and b (k,) in the span, NumPy.
        """
        W, b = (np.asarray(p, np.float64) for p in params)
        R = self.C @ W
        W = transposed(self.X, R) - np.outer(self.mean, R.sum(axis=0))
        return Params(W, b - self.mean @ W)


def pays(kind: Kind, device: Any, rows: int | None = None) -> bool:
    """Whether a fit with a penalty, by an exact solver, is quicker in the span of the rows.

    Args:
      kind: of the features.
      device: where the fit runs: a device, a mesh, or None.
      rows: of a block, where logits are not stored; such fits, and those over a mesh, stay as they are.
    """
    n, m = kind.shape
    if kind.is_streamed or isinstance(device, Mesh) or rows is not None or not has_float64():
        return False
    if n >= m or m < LEAST_FEATURES:
        return False
    return n <= SPARSE_ROWS if kind.is_sparse else m <= LARGEST_FACTORISED or n <= MOST_ROWS


def span_of(X: Any, weights: np.ndarray, free: bool) -> Span | None:
    """The span of the rows of positive weight; None where squares of their entries overflow.

    Args:
      X: (n, m) checked features: NumPy, canonical CSR, or a JAX array on an accelerator.
      weights: (n,) float64 >= 0, summing to one.
      free: whether the bias is free, and absorbs the mean.
    """
    from scipy.linalg import eigh  # 0.3 s to import, and needed by few fits

    root = np.sqrt(weights)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = transposed(X, weights[:, None])[:, 0] if free else np.zeros(X.shape[1])
        G = root[:, None] * gram(X, mean) * root
    if not np.isfinite(G).all():
        return None
    q, U = eigh(G, driver="evd", check_finite=False, overwrite_a=True)
    size = q[-1] + (mean @ mean if is_sparse(X) else 0)
    kept = q > max(len(q) * np.finfo(np.float64).eps * size, np.finfo(np.float64).tiny)
    r = int(kept.sum())
    room = ((0, 0), (0, padded_columns(r) - r))
    U, deviation = U[:, kept], np.sqrt(q[kept])
    F = np.divide(U * deviation, root[:, None], out=np.zeros(U.shape), where=root[:, None] > 0)
    return Span(X, mean, np.pad(root[:, None] * U / deviation, room), np.pad(F, room))


def padded_columns(r: int) -> int:
    """At least r, and one of few numbers, so that similar data share a program: columns of zeros change nothing."""
    step = max(8, 1 << max(0, (r - 1).bit_length() - 4))
    return max(step, -(-r // step) * step)


class Wide(NamedTuple):
    """A problem of few rows twice.

    Attributes:
      span: the basis.
      inner: the problem in the span, in the training dtype and in float64.
      given: the problem on X, columns shifted where they need it, in float64 alone.
    """

    span: Span
    inner: Data
    given: Data


def spanned(
    X: Any, T: np.ndarray, weights: np.ndarray, l2: float, free: bool, needs: Needs, device: Any = None
) -> Wide | None:
    """The problem in the span of its rows; None where there is no `span_of` them.

    Args:
      X: (n, m) checked features, in memory.
      T: (n,) labels or (n, k) soft targets.
      weights: (n,) float64, summing to one.
      l2: strength.
      free: whether the bias is free.
      needs: a solver's record.
      device: a device, or None.
    """
    if is_jax(X) and device is None and len(X.devices()) == 1:
        device = next(iter(X.devices()))
    dtype, X = compute_dtype(X), _promoted(as_near(X))
    span = span_of(X, weights, free)
    if span is None:
        return None
    given = place(X, T, weights, l2, free, InFloat64(needs.gradient), device)
    given = shifted(given._replace(dtype=dtype), _extent(X, weights))

    def inside(dtype: Any) -> Problem:
        problem = place(span.features.astype(dtype), T, weights, l2, free, needs, device).training
        return problem.replaced(X=dataclasses.replace(problem.in_memory.X, is_uncorrelated=True))

    exact = inside(np.float64)
    narrow = dtype != np.float64 and not needs.always_float64
    return Wide(span, Data(inside(dtype) if narrow else exact, exact, dtype), given)


def _promoted(X: Any) -> Any:
    """X in float64 where it is dense, on the host and not too large: a certificate is quicker without promotion."""
    return X.astype(np.float64, copy=False) if isinstance(X, np.ndarray) and X.size <= PROMOTED_ELEMENTS else X


def _extent(X: Any, weights: np.ndarray) -> tuple[Any, Any] | None:
    """The least and the largest entry of each column in rows of positive weight; None where X is not on the host."""
    if not isinstance(X, np.ndarray):
        return None
    rows = X if weights.all() else X[weights > 0]
    return rows.min(axis=0), rows.max(axis=0)
