"""Array-likes and data frames to NumPy, refusing each conversion that would change a meaning silently.

NumPy only: other libraries are recognised by what their objects offer, never imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from softmax_jax.inputs.foreign import as_plain
from softmax_jax.inputs.objects import from_objects
from softmax_jax.inputs.paths import refuse_path

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

    Args:
      X: array-like; a tensor of torch, or a column of lists, too.
      name: what error messages call it.

    Raises:
      TypeError: X is sparse, a numpy.matrix, a plan of polars that is not collected, or does not convert.
      ValueError: masked entries, duplicate column names, rows of different lengths.
    """
    refuse_path(X, name)
    if hasattr(X, "toarray") or hasattr(X, "todense"):  # not densified silently
        raise TypeError(
            f"{name} is sparse ({type(X).__name__}), which is not supported; dense, by {name}.toarray(), it would take "
            f"{float(np.prod(X.shape, dtype=float)) * 8 / 1e9:.3g} GB."
        )
    if type(X).__name__ == "LazyFrame":
        raise TypeError(f"{name} is a LazyFrame, which is a plan without rows: pass {name}.collect().")
    if isinstance(X, np.matrix):
        raise TypeError(f"{name}: np.matrix is not supported. Please convert to a numpy array with np.asarray.")
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(f"{name} must have no masked entries, got {np.ma.count_masked(X)}: fill or drop them.")
    check_columns(X, name)
    X = as_plain(X, name)
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of numbers, with rows of equal length: {error}") from error
    except TypeError as error:
        raise TypeError(f"{name} must convert to a NumPy array: {error}") from error


def check_columns(X: Any, name: str) -> None:
    """Raise for duplicate names of a data frame, and columns of categories, dates or lists.

    Args:
      X: anything.
      name: what error messages call it.
    """
    names = column_names(X)
    if len(set(names)) < len(names):
        twice = sorted({str(n) for n in names if names.count(n) > 1})
        raise ValueError(f"{name} must have distinct column names, got more than one column {twice}.")
    for column, dtype in zip(names, getattr(X, "dtypes", ()) if names else (), strict=False):
        if str(dtype) == "category":
            raise ValueError(f"{name} must hold numbers, got the categorical column {column!r}: encode it first.")
    for column, dtype in () if hasattr(X, "iloc") else _stored_types(X, names):
        if dtype.startswith(("date", "time", "duration")):  # of polars, NumPy would read them as numbers
            raise TypeError(f"{name} must hold numbers, got dates or durations in column {column!r}: convert them.")
        if dtype.startswith(("list", "large_list", "fixed_size_list", "array")):
            raise TypeError(f"{name} must hold numbers, got lists in column {column!r}: pass that column alone.")


def _stored_types(X: Any, names: list[Any]) -> list[tuple[Any, str]]:
    """The columns of a polars or Arrow table with their types, in small letters."""
    types = getattr(X, "dtypes", None) or getattr(getattr(X, "schema", None), "types", ())
    return [(name, str(kind).lower()) for name, kind in zip(names, types, strict=False)]


def column_names(X: Any) -> list[Any]:
    """Column names of a pandas, polars or Arrow table; empty for anything else."""
    if not hasattr(X, "dtypes") and not hasattr(X, "schema"):
        return []
    return list(getattr(X, "column_names", getattr(X, "columns", [])))


def real(array: Any, source: Any, name: str) -> Any:
    """`array`, made from `source`, as one of FLOATS in native byte order; strings, dates and complex refused.

    Integers and bool become float64; in a JAX array, JAX's default float dtype, which is float32 without x64.

    Args:
      array: NumPy or JAX array of any dtype.
      source: whose names of columns error messages give.
      name: what they call it.
    """
    kind = getattr(array.dtype, "kind", "V")  # JAX's random keys have none
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} must be real, got {array.dtype}.")
    if kind in "mM":
        raise TypeError(f"{name} must hold numbers, got dates or durations ({array.dtype}): convert them first.")
    if kind in "SUT":
        raise ValueError(
            f"{name} must hold numbers; strings are not converted, got {str(array.flat[0]) if array.size else ''!r}."
        )
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
    """Raise ValueError naming the first NaN or infinity; one pass over the array where all is finite.

    Args:
      array: floating, of one or two dimensions, or compressed rows.
      name: what error messages call it.
      cast_from: the dtype that it was converted from, which is then to blame.
    """
    found = _bad_entry(array) if is_sparse(array) else _bad_element(array, name)
    if found is None:
        return
    value, where = found
    if cast_from:
        words = f"holds a value too large for {array.dtype}, first in {where}: scale it, or compute in {cast_from}."
        raise ValueError(f"Input {name} {words}")
    what = "NaN" if np.isnan(value) else "infinity"
    raise ValueError(f"Input {name} contains {what}, first in {where}; expected finite numbers.")


def _bad_entry(A: Any) -> tuple[Any, str] | None:
    """The first entry of compressed rows that is not finite, and its place."""
    finite = np.isfinite(A.data)
    if finite.all():
        return None
    entry = int(np.argmin(finite))
    row = int(np.searchsorted(A.indptr, entry, side="right")) - 1
    return A.data[entry], f"row {row}, column {int(A.indices[entry])}"


def _bad_element(array: Any, name: str) -> tuple[Any, str] | None:
    """The first element that is not finite, and its place; looked for by blocks, and only where there is one."""
    if _is_finite(array):
        return None
    if is_jax(array) and not array.is_fully_addressable:
        raise ValueError(f"Input {name} contains NaN or infinity; expected finite numbers.")
    step = max(1, _BLOCK // max(1, int(array.shape[-1])))
    for start in range(0, array.shape[0], step):
        block = np.asarray(array[start : start + step])
        finite = np.isfinite(block)
        if not finite.all():
            row, *column = np.unravel_index(int(np.argmin(finite)), block.shape)
            return block[row, *column], f"row {start + row}" + "".join(f", column {j}" for j in column)
    return None


def narrowed(array: Any, dtype: Any, name: str) -> Any:
    """`array` as `dtype`, checked after the cast: a value beyond the range of `dtype` is an error.

    Args:
      array: floating.
      dtype: to convert to.
      name: what error messages call it.
    """
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


def _cell(index: Sequence[int], source: Any) -> str:
    """Words for the place of an entry; a frame's column by its name."""
    names = column_names(source)
    column = repr(names[index[1]]) if names and len(index) > 1 else index[-1]
    return f"row {index[0]}, column {column}"
