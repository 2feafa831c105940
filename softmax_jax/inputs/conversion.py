"""Array-likes and data frames to NumPy, refusing each conversion that would change a meaning silently.

NumPy only: other libraries are recognised by what their objects offer, never imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from softmax_jax.inputs.objects import from_objects

FLOATS = ("float16", "bfloat16", "float32", "float64")
_BLOCK = 1 << 20  # elements of a block in the searches


def is_jax(X: Any) -> bool:
    """Whether X is a JAX array, without importing JAX."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(X, jax.Array)


def is_sparse(X: Any) -> bool:
    """Whether X is a sparse matrix that can be compressed by rows, as SciPy's can, without importing SciPy."""
    return hasattr(X, "tocsr")


def as_numpy(X: Any, name: str) -> np.ndarray:
    """X as a NumPy array of whatever dtype it has.

    Raises:
      TypeError: X is sparse, a numpy.matrix, a plan of polars that is not collected, or does not convert.
      ValueError: masked entries, duplicate column names, rows of different lengths.
    """
    _refuse_sparse(X, name)
    if type(X).__name__ == "LazyFrame":
        raise TypeError(f"{name} is a LazyFrame, which is a plan without rows: pass {name}.collect().")
    if isinstance(X, np.matrix):
        raise TypeError(f"{name}: np.matrix is not supported. Please convert to a numpy array with np.asarray.")
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(f"{name} must have no masked entries, got {np.ma.count_masked(X)}: fill or drop them.")
    check_columns(X, name)
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of numbers, with rows of equal length: {error}") from error
    except TypeError as error:
        raise TypeError(f"{name} must convert to a NumPy array: {error}") from error


def check_columns(X: Any, name: str) -> None:
    """Raise ValueError for duplicate names and categorical columns of a data frame."""
    names = column_names(X)
    if len(set(names)) < len(names):
        twice = sorted({str(n) for n in names if names.count(n) > 1})
        raise ValueError(f"{name} must have distinct column names, got more than one column {twice}.")
    for column, dtype in zip(names, getattr(X, "dtypes", ()) if names else (), strict=False):
        if str(dtype) == "category":
            raise ValueError(f"{name} must hold numbers, got the categorical column {column!r}: encode it first.")


def column_names(X: Any) -> list[Any]:
    """Column names of a pandas, polars or Arrow table; empty for anything else."""
    if not hasattr(X, "dtypes") and not hasattr(X, "schema"):
        return []
    return list(getattr(X, "column_names", getattr(X, "columns", [])))


def real(array: Any, source: Any, name: str) -> Any:
    """`array`, made from `source`, as one of FLOATS in native byte order; strings, dates and complex refused.

    Integers and bool become float64; in a JAX array, JAX's default float dtype, which is float32 without x64.
    """
    kind = getattr(array.dtype, "kind", "V")  # JAX's random keys have none
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} must be real, got {array.dtype}.")
    if kind in "mM":
        raise TypeError(f"{name} must hold numbers, got dates or durations ({array.dtype}): convert them first.")
    if kind in "SUT":
        raise ValueError(f"{name} must hold numbers; strings are not converted, got {_first(array)!r}.")
    if kind == "O":
        return from_objects(array, name, lambda index: _cell(index, source))
    if kind in "biu":
        return array.astype(float)
    if array.dtype == np.longdouble:
        return narrowed(array, np.float64, name)
    if array.dtype.name not in FLOATS:
        raise TypeError(f"{name} must have a dtype of {', '.join(FLOATS)}, integer or bool, got {array.dtype}.")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def check_finite(array: Any, name: str, *, cast_from: str = "") -> None:
    """Raise ValueError naming the first NaN or infinity; one pass over the array where all is finite."""
    if is_sparse(array):
        return _check_entries(array, name, cast_from)
    if _is_finite(array):
        return None
    if is_jax(array) and not array.is_fully_addressable:
        raise ValueError(f"Input {name} contains NaN or infinity; expected finite numbers.")
    step = max(1, _BLOCK // max(1, int(array.shape[-1])))
    for start in range(0, array.shape[0], step):
        block = np.asarray(array[start : start + step])
        finite = np.isfinite(block)
        if not finite.all():
            index = np.unravel_index(int(np.argmin(finite)), block.shape)
            value = block[index]
            where = f"row {start + index[0]}" + (f", column {index[1]}" if len(index) > 1 else "")
            raise ValueError(_not_finite(name, value, where, array.dtype, cast_from))
    return None


def _check_entries(A: Any, name: str, cast_from: str) -> None:
    """`check_finite` for the entries of a matrix in compressed rows."""
    finite = np.isfinite(A.data)
    if finite.all():
        return
    entry = int(np.argmin(finite))
    row, value = int(np.searchsorted(A.indptr, entry, side="right")) - 1, A.data[entry]
    where = f"row {row}, column {int(A.indices[entry])}"
    raise ValueError(_not_finite(name, value, where, A.dtype, cast_from))


def _not_finite(name: str, value: Any, where: str, dtype: Any, cast_from: str) -> str:
    """What is wrong with the first entry that is not finite."""
    if cast_from:
        return (
            f"Input {name} holds a value too large for {dtype}, first in {where}: scale it, or compute in {cast_from}."
        )
    what = "NaN" if np.isnan(value) else "infinity"
    return f"Input {name} contains {what}, first in {where}; expected finite numbers."


def narrowed(array: Any, dtype: Any, name: str) -> Any:
    """`array` as `dtype`, checked after the cast: a value beyond the range of `dtype` is an error."""
    check_finite(array, name)
    with np.errstate(over="ignore"):
        result = array.astype(dtype)
    check_finite(result, name, cast_from=str(array.dtype))
    return result


def _is_finite(array: Any) -> bool:
    """Whether all is finite, in one pass; a sum that overflows may give a false False."""
    if is_jax(array):
        jax = sys.modules["jax"]
        return bool(jax.device_get(jax.numpy.isfinite(array).all()))
    with np.errstate(all="ignore"):
        if array.dtype.itemsize > 2:
            return bool(np.isfinite(array.sum()))
        total = sum(part.sum(dtype=np.float32) for part in np.array_split(array, 1 + array.size // _BLOCK))
        return bool(np.isfinite(total))


def _refuse_sparse(X: Any, name: str) -> None:
    """Sparse matrices are not densified silently."""
    if hasattr(X, "toarray") or hasattr(X, "todense"):
        gb = float(np.prod(X.shape, dtype=float)) * 8 / 1e9
        raise TypeError(
            f"{name} is sparse ({type(X).__name__}), which is not supported; "
            f"dense, by {name}.toarray(), it would take {gb:.3g} GB."
        )


def _cell(index: Sequence[int], source: Any) -> str:
    """Words for the place of an entry; a frame's column by its name."""
    names = column_names(source)
    column = repr(names[index[1]]) if names and len(index) > 1 else index[-1]
    return f"row {index[0]}, column {column}"


def _first(array: np.ndarray) -> Any:
    return str(array.flat[0]) if array.size else ""
