"""Data frames whose columns are of several kinds, to float64 column by column.

NumPy makes an array of Python objects of a pandas frame in which one column is bool, nullable or of Arrow beside
others. So these columns are converted one at a time, and the plain ones together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from softmax_jax.inputs.conversion import as_numpy, check_columns, column_names
from softmax_jax.inputs.objects import from_objects


def as_matrix(X: Any, name: str) -> np.ndarray:
    """X as `as_numpy` gives it; a pandas frame with columns of several kinds as float64 (n, m).

    Args:
      X: array-like or data frame.
      name: what error messages call it.

    Raises:
      TypeError, ValueError: as `as_numpy`; and of such a frame, what is no number, with its row and column.
    """
    return _by_columns(X, name) if _is_mixed(X) else as_numpy(X, name)


def _is_mixed(X: Any) -> bool:
    """Whether X is a pandas frame that NumPy would convert to objects although it may hold numbers."""
    if not (hasattr(X, "iloc") and hasattr(X, "dtypes") and getattr(X, "ndim", 0) == 2):
        return False
    kinds = {_kind(dtype) for dtype in X.dtypes}
    return len(kinds) > 1 or kinds == {"extension"}


def _kind(dtype: Any) -> str:
    """Columns of one kind convert together; a dtype of pandas' own is "extension"."""
    if not isinstance(dtype, np.dtype):
        return "extension"
    return "number" if dtype.kind in "iuf" else dtype.kind


def _by_columns(X: Any, name: str) -> np.ndarray:
    check_columns(X, name)
    dtypes = list(X.dtypes)
    A = np.empty(X.shape, order="F")  # as NumPy has plain frames
    plain = [j for j, dtype in enumerate(dtypes) if _kind(dtype) == "number" and dtype != np.longdouble]
    A[:, plain] = X.iloc[:, plain].to_numpy()
    for j in sorted(set(range(len(dtypes))) - set(plain)):
        A[:, j] = _column(X.iloc[:, j], name, j, column_names(X)[j])
    return A


def _column(column: Any, name: str, j: int, label: Any) -> np.ndarray:
    """One column as float64 (n,), missing entries as NaN."""
    if column.dtype.kind in "biu" or (column.dtype.kind == "f" and column.dtype != np.longdouble):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)

    def place(index: Sequence[int]) -> str:
        return f"row {index[0]}, column {label!r}"

    return from_objects(np.asarray(column, dtype=object), name, place)
