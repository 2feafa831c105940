"""Features: a finite floating matrix, in the dtype that it came in where that is one to compute in.

One pass over X decides that all of it is finite, and only a failure pays for a search.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.inputs.conversion import check_finite, is_jax, is_sparse, narrowed, real
from softmax_jax.inputs.foreign import as_plain
from softmax_jax.inputs.frames import as_matrix
from softmax_jax.inputs.sparse_input import compressed_rows


def features(
    X: Any,
    *,
    name: str = "X",
    n_features: int | None = None,
    dtype: Any = None,
    finite: bool = True,
    sparse: bool = False,
) -> Any:
    """The feature matrix X (n, m) as a finite floating array of float16, bfloat16, float32 or float64.

    Args:
      X: 2-d array-like or data frame of real numbers, a tensor of torch, or a column of lists. A JAX array stays
        one where it is, as a tensor on a GPU becomes one; anything else becomes a NumPy array. float16 to float64 are
        kept, longdouble is narrowed to float64, bool and integers become float64 (in JAX arrays: JAX's default).
      name: what error messages call X.
      n_features: m that a fitted model expects.
      dtype: dtype to convert to; by default as above.
      finite: False leaves the search for NaN and inf to a later call, where no dtype is converted.
      sparse: whether a SciPy sparse matrix is taken too.

    Returns:
      (n, m) NumPy or JAX array in native byte order, or a canonical SciPy CSR matrix; the caller's memory where
      nothing was converted.

    Raises:
      TypeError: X is sparse, a numpy.matrix, of dates, or holds objects that are not numbers.
      ValueError: X is not (n >= 1, m >= 1), or holds strings, complex numbers, masked entries, NaN or inf.
    """
    if sparse and is_sparse(X):
        _check_shape(X.shape, name, n_features)
        array = compressed_rows(X, name, dtype=dtype)
    else:
        array = as_plain(X, name)
        array = array if is_jax(array) else as_matrix(array, name)
        _check_shape(array.shape, name, n_features)
        array = real(array, X, name)
        if dtype is not None and array.dtype != np.dtype(dtype):
            return narrowed(array, dtype, name)
    if finite:
        check_finite(array, name)
    return array


def _check_shape(shape: tuple[int, ...], name: str, n_features: int | None) -> None:
    """Raise ValueError unless `shape` is (n >= 1, m >= 1), with m = n_features where that is given."""
    if len(shape) != 2:
        raise ValueError(
            f"{name}: Expected 2D array, got {len(shape)}D array of shape {shape} instead. Reshape your data "
            "using array.reshape(-1, 1) if it has one feature or array.reshape(1, -1) if it is one sample."
        )
    for count, what in zip(shape, ("sample(s)", "feature(s)"), strict=True):
        if count == 0:
            raise ValueError(f"{name}: Found array with 0 {what} (shape={shape}) while a minimum of 1 is required.")
    if n_features is not None and shape[1] != n_features:
        raise ValueError(f"{name} has {shape[1]} features, but the model is expecting {n_features} features as input.")
