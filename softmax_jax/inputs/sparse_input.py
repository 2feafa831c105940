"""Validation of sparse matrices: SciPy's are taken as they are, recognised by what they offer and never imported."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.inputs.conversion import check_finite, real


def compressed_rows(X: Any, name: str, *, dtype: Any = None) -> Any:
    """A two-dimensional SciPy sparse matrix or array as canonical CSR: indices in order, duplicates summed.

    Args:
      X: sparse matrix of real numbers in any format; not modified.
      name: what error messages call it.
      dtype: dtype to convert to; by default float32 and float64 are kept, and all other numbers become float64.

    Raises:
      TypeError: dates, or objects that are not numbers.
      ValueError: indices out of range, complex numbers; values beyond the range of `dtype`.
    """
    try:
        if hasattr(X, "check_format"):
            X.check_format()
        A = X.tocsr()
    except ValueError as error:
        raise ValueError(f"{name} must be a well-formed sparse matrix: {error}") from error
    if not A.has_canonical_format:
        A = A.copy()
        A.sum_duplicates()
    data = A.data[: A.nnz]
    A = _with_data(A, real(data, data, name))
    if dtype is None or A.dtype == np.dtype(dtype):
        return A
    check_finite(A, name)
    with np.errstate(over="ignore"):
        narrow = _with_data(A, A.data.astype(dtype))
    check_finite(narrow, name, cast_from=str(A.dtype))
    return narrow


def _with_data(A: Any, data: np.ndarray) -> Any:
    """The matrix A with other values in the same places."""
    return A if data is A.data else type(A)((data, A.indices[: len(data)], A.indptr), shape=A.shape)
