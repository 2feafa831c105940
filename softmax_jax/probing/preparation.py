"""What a probe does to features before they are fitted: rows to unit length, columns to mean 0 and variance 1.

    x -> x / ||x||            where `normalise`
    x -> (x - mean) / scale   where `scaling` is known; of the rows that are trained on

Sparse columns are only divided: the free bias takes up what a mean would shift, so the optimum is the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data.rows.reading import as_rows
from softmax_jax.data.rows.source import RowSource, computed_in
from softmax_jax.data.rows.views import MappedRows
from softmax_jax.inputs.conversion import is_sparse
from softmax_jax.runs.scaling import Scaling, scaling_of
from softmax_jax.runtime.fields import with_documented_fields

_BLOCK = 1 << 24  # elements at a time


@with_documented_fields
class Preparation(NamedTuple):
    """What was done to the features of a probe, to be done to those it predicts for.

    Attributes:
      normalise: whether rows are divided by their length first.
      scaling: of the columns, or None where these are left as they are.
    """

    normalise: bool = False
    scaling: Scaling | None = None

    def apply(self, X: Any) -> Any:
        """Rows X (n, m), dense or CSR, prepared; a copy where anything is changed."""
        if not self.normalise and self.scaling is None:
            return X
        if is_sparse(X):
            return self._sparse(X)
        out = np.array(X, _wide(X.dtype))
        _in_place(out, self)
        return out

    def words(self) -> str:
        """What is done, in words."""
        done = ["rows scaled to unit length"] if self.normalise else []
        done += ["columns standardised (mean 0, variance 1 over the training rows)"] if self.scaling is not None else []
        return ", ".join(done) or "features as they are"

    def _sparse(self, X: Any) -> Any:
        out = X.astype(_wide(X.dtype), copy=True)
        if self.normalise:
            out.data /= np.repeat(
                _lengths(np.sqrt(np.asarray(out.multiply(out).sum(axis=1)).ravel())), np.diff(out.indptr)
            )
        if self.scaling is not None:
            out.data /= self.scaling.scale.astype(out.dtype)[out.indices]
        return out


def prepared(X: Any, X_val: Any, *, normalise: bool, standardise: bool) -> tuple[Any, Preparation]:
    """The rows trained on above those held out, prepared together in one array, and what was done.

    Args:
      X: (n, m) rows trained on, NumPy or CSR, finite floating.
      X_val: (n_val, m) rows held out, of the same kind; None for none.
      normalise: whether rows are divided by their length.
      standardise: whether columns are scaled by the n rows trained on.

    Returns:
      (n + n_val, m) matrix, the memory of X where nothing is done to it; and the Preparation.
    """
    if is_sparse(X):
        import scipy.sparse as sp

        whole = X if X_val is None else sp.vstack([X, X_val], format="csr")
        whole = Preparation(normalise).apply(whole)
        scaling = _sparse_scaling(whole[: X.shape[0]]) if standardise else None
        return Preparation(scaling=scaling).apply(whole), Preparation(normalise, scaling)
    if X_val is None and not (normalise or standardise):
        return X, Preparation()
    dtype = X.dtype if X_val is None else np.result_type(X, X_val)
    out = np.empty(
        (len(X) + (0 if X_val is None else len(X_val)), X.shape[1]), _wide(dtype) if normalise or standardise else dtype
    )
    out[: len(X)] = X
    if X_val is not None:
        out[len(X) :] = X_val
    _in_place(out, Preparation(normalise))
    scaling = scaling_of(out[: len(X)]) if standardise else None
    _in_place(out, Preparation(False, scaling))
    return out, Preparation(normalise, scaling)


def prepared_rows(X: RowSource, how: Preparation, dtype: np.dtype | None = None) -> RowSource:
    """Rows that are read by blocks, prepared.

    Args:
      X: source of rows.
      how: to prepare them.
      dtype: of the result; where not given, that in which rows of X are computed.
    """
    dtype = computed_in(X.dtype) if dtype is None else dtype
    if not how.normalise and how.scaling is None:
        return as_rows(X, dtype)
    return MappedRows(X, lambda block: how.apply(block.astype(dtype, copy=False)), X.shape[1], dtype)


def _in_place(out: np.ndarray, how: Preparation) -> None:
    """Prepare the rows of `out`, some at a time."""
    rows = max(1, _BLOCK // out.shape[1])
    for start in range(0, len(out), rows):
        block = out[start : start + rows]
        if how.normalise:
            block /= _lengths(np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64)))[:, None].astype(out.dtype)
        if how.scaling is not None:
            block -= how.scaling.mean.astype(out.dtype)
            block /= how.scaling.scale.astype(out.dtype)


def _lengths(lengths: np.ndarray) -> np.ndarray:
    """Lengths of rows, 1 in place of 0."""
    return np.where(lengths > 0, lengths, 1.0)


def _wide(dtype: Any) -> np.dtype:
    """The dtype that means and quotients are taken in: float32 for 16 bits."""
    return np.dtype(np.float32 if np.dtype(dtype).itemsize < 4 else dtype)


def _sparse_scaling(X: Any) -> Scaling:
    """Deviations of the columns of a CSR matrix, about means that are not subtracted."""
    n, m = X.shape
    values = X.data.astype(np.float64)
    mean, square = (np.bincount(X.indices, v, m) / n for v in (values, values**2))
    var = np.maximum(square - mean**2, 0.0)
    varies = var > 1e-12 * square
    return Scaling(np.zeros(m), var, np.sqrt(np.where(varies, var, 1.0)), np.float64(n))
