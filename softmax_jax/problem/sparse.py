"""Features of which most are zero: the same products as DenseFeatures, from CSR arrays of X and of X^T.

    forward: (X W)^T from the rows of X        backward: X^T R^T from the rows of X^T

Either product gathers rows of a dense matrix. On the CPU it is a compiled kernel of jaxlib, which adds nothing in
parallel to one place and so gives the same bits each time; elsewhere it is JAX's general one. Entries are padded to one
of few numbers, so that similar data share one program.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from softmax_jax.problem.features import DenseFeatures, Total
from softmax_jax.problem.problem import padded_rows
from softmax_jax.problem.sampling import sampled
from softmax_jax.problem.tiles import FUSED, Tiles

LARGEST_FACTORISED = 1024  # features up to which a covariance is formed, from some rows made dense
LARGEST_BLOCK = 2**26  # entries of a minibatch made dense
_PACKET_BYTES = 32  # the CPU kernel is several times slower where a row of its dense factor is no multiple of this


class CSR(NamedTuple):
    """Compressed sparse rows; entries from indptr[-1] on are padding."""

    data: Any  # (entries,)
    indices: Any  # (entries,) int32
    indptr: Any  # (rows + 1,) int32


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class SparseFeatures:
    """X (N, m) in its storage dtype; each product is computed in the dtype of its other factor.

    Attributes:
      rows: X.
      columns: X^T.
      width: m.
      tiles: as of DenseFeatures; products know nothing of them.
    """

    rows: CSR
    columns: CSR
    width: int = dataclasses.field(metadata={"static": True})
    tiles: Tiles = dataclasses.field(default=FUSED, metadata={"static": True})

    is_sparse = True
    is_uncorrelated = False

    @property
    def shape(self) -> tuple[int, int]:
        """(N, m)."""
        return len(self.rows.indptr) - 1, self.width

    @property
    def dtype(self) -> Any:
        """In which X is stored."""
        return self.rows.data.dtype

    @property
    def is_wide(self) -> bool:
        """Whether the m x m covariance is too large to be factorised."""
        return self.shape[1] > LARGEST_FACTORISED

    def forward(self, W: Any) -> Any:
        """W^T X^T (k, N) for W (m, k)."""
        return _product(self.rows, W).T

    def backward(self, R: Any) -> Any:
        """X^T R^T (m, k) for R (k, N)."""
        return _product(self.columns, R.T)

    def transposed(self, R: Any) -> Any:
        """`backward` as the transpose of the linear map `forward`, by autodiff: it scatters, many times slower."""
        W = jax.ShapeDtypeStruct((self.shape[1], R.shape[0]), R.dtype)
        return jax.linear_transpose(self.forward, W)(R)[0]

    def moments(self, w: Any, centred: Any, rows: int, total: Total) -> tuple[Any, Any]:
        """As DenseFeatures.moments, from the rows that it takes.

        Args:
          w: (N,) >= 0, in the dtype of the result.
          centred: () 1, or 0 where nothing absorbs the mean.
          rows: about how many, of this device; they are made dense.
          total: adds what other devices have summed over their rows.
        """
        some = jnp.asarray(sampled(self.shape[0], max(1, self.shape[0] // max(1, rows))), jnp.int32)
        return DenseFeatures(self.take(some)).moments(w[some], centred, len(some), total)

    def variances(self, w: Any, centred: Any, total: Total) -> tuple[Any, Any]:
        """As DenseFeatures.variances.

        Args:
          w: (N,) >= 0, summing to one over all devices, in the dtype of the result.
          centred: () 1, or 0 where nothing absorbs the mean.
          total: adds what other devices have summed over their rows.
        """
        mean, square = total((self._power(w, 1), self._power(w, 2)))
        mean *= centred
        return mean, jnp.maximum(square - mean**2, 0)

    def extent(self, w: Any) -> tuple[Any, Any]:
        """As DenseFeatures.extent, and always around zero, the entry that is not stored."""
        data, rows, _ = self.columns
        column = self._column_of_entries()
        counted = jnp.where(w[rows] > 0, data.astype(w.dtype), 0)
        low = jax.ops.segment_min(counted, column, self.width, indices_are_sorted=True)
        high = jax.ops.segment_max(counted, column, self.width, indices_are_sorted=True)
        return jnp.minimum(low, 0), jnp.maximum(high, 0)

    def scaled(self, scale: Any) -> SparseFeatures:
        """As DenseFeatures.scaled."""
        scale = scale.astype(self.rows.data.dtype)
        rows = self.rows._replace(data=self.rows.data * scale[self.rows.indices])
        columns = self.columns._replace(data=self.columns.data * scale[self._column_of_entries()])
        return dataclasses.replace(self, rows=rows, columns=columns)

    def squares(self, w: Any) -> Any:
        """As DenseFeatures.squares."""
        return self._power(w, 2)

    def take(self, rows: Any) -> Any:
        """Rows of X by index, all where that is None, dense, in the storage dtype; a row of zeros for index -1."""
        data, indices, indptr = self.rows
        rows = jnp.arange(self.shape[0], dtype=jnp.int32) if rows is None else rows
        start, end = indptr[rows], indptr[rows + 1]

        def add(i: Any, X: Any) -> Any:
            entry, inside = start + i, start + i < end
            column = jnp.where(inside, indices[entry], 0)
            return X.at[jnp.arange(len(rows)), column].add(jnp.where(inside, data[entry], 0))

        return lax.fori_loop(0, jnp.max(end - start), add, jnp.zeros((len(rows), self.shape[1]), data.dtype))

    def _column_of_entries(self) -> Any:
        """Of the entries in the order of `columns`, in which column each is; padding is in the last."""
        data, _, indptr = self.columns
        column = jnp.searchsorted(indptr, jnp.arange(len(data), dtype=indptr.dtype), side="right") - 1
        return jnp.minimum(column, self.width - 1)

    def _power(self, w: Any, power: int) -> Any:
        """Sum over rows of w_i x_i^power (m,)."""
        data = self.columns.data.astype(w.dtype) ** power
        return _product(self.columns._replace(data=data), w[:, None])[:, 0]


def sparse_features(X: Any, N: int, device: Any = None) -> SparseFeatures:
    """The record of a SciPy CSR matrix X (n, m) in canonical form, on `device`, with empty rows up to N.

    Args:
      X: (n, m) SciPy CSR: sorted indices, no entry twice.
      N: rows with padding, at least n.
      device: to put it on, or None for JAX's default.

    Raises:
      ValueError: X has 2^31 non-zero entries or features, or more.
    """
    if max(X.nnz, *X.shape) >= 2**31 - 1:
        raise ValueError(f"Sparse X must have fewer than 2^31 entries and features, got {X.nnz} and {X.shape[1]}.")
    T = X.tocsc()  # the compressed columns of X are the compressed rows of X^T
    return jax.device_put(SparseFeatures(_padded(X, N), _padded(T, X.shape[1]), X.shape[1]), device)


def sparse_shards(X: Any, counts: Sequence[int], rows: int) -> SparseFeatures:
    """On the host, the records of consecutive parts of X with `counts` rows, each with empty rows up to `rows`.

    Their arrays are laid end to end: cut evenly, each part is a record again.

    Args:
      X: (n, m) SciPy CSR in canonical form.
      counts: rows of each part, without padding; they sum to n.
      rows: of each part with padding, the same for all.
    """
    ends = np.cumsum(counts)
    parts = [X[end - count : end] for end, count in zip(ends, counts, strict=True)]
    entries = padded_rows(max(part.nnz for part in parts))
    records = [
        SparseFeatures(_padded(A, rows, entries), _padded(A.tocsc(), X.shape[1], entries), X.shape[1]) for A in parts
    ]
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *records)


def sparse_columns(X: SparseFeatures, index: np.ndarray, parts: int = 1) -> SparseFeatures:
    """The columns of X by index (s,), on the devices of X; empty ones for index -1.

    Args:
      X: of `sparse_features`, or of `sparse_shards` with several parts.
      index: (s,), each column at most once.
      parts: how many records lie end to end in the arrays of X.
    """
    from scipy.sparse import csc_matrix  # a tenth of a second, which dense fits need not wait for

    data, indices, indptr = (np.asarray(a).reshape(parts, -1) for a in X.columns)
    rows, kept = len(X.rows.indptr) // parts - 1, index >= 0

    def narrow(part: int) -> Any:
        whole = csc_matrix((data[part], indices[part], indptr[part]), shape=(rows, X.width), copy=False)
        some = whole[:, index[kept]]
        some.resize((rows, len(index)))
        return some

    found = [narrow(part) for part in range(parts)]
    entries = padded_rows(max(A.nnz for A in found))
    records = [
        SparseFeatures(_padded(A.tocsr(), rows, entries), _padded(A, len(index), entries), len(index)) for A in found
    ]
    joined = jax.tree.map(lambda *arrays: np.concatenate(arrays), *records)
    return dataclasses.replace(jax.device_put(joined, X.rows.data.sharding), tiles=X.tiles)


def _padded(A: Any, rows: int, entries: int | None = None) -> CSR:
    """Private copies of the arrays of a compressed matrix, with `rows` rows and a common number of entries."""
    room = (0, (padded_rows(A.nnz) if entries is None else entries) - A.nnz)
    indptr = np.pad(A.indptr.astype(np.int32), (0, rows + 1 - len(A.indptr)), mode="edge")
    return CSR(np.pad(A.data[: A.nnz], room), np.pad(A.indices[: A.nnz].astype(np.int32), room), indptr)


def _product(A: CSR, P: Any) -> Any:
    """A P for dense P (columns, k), in the dtype of P."""
    from jax.experimental.sparse import BCSR  # a third of a second, which dense fits need not wait for

    k = P.shape[1]
    P = jnp.pad(P, ((0, 0), (0, -k % (_PACKET_BYTES // P.dtype.itemsize))))
    matrix = BCSR((A.data.astype(P.dtype), A.indices, A.indptr), shape=(len(A.indptr) - 1, P.shape[0]))
    return (matrix @ P)[:, :k]
