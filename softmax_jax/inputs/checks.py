"""The border: all input is checked on the host; an error names the argument, what is expected and what came.

Nothing that could change its meaning is converted silently: numeric strings, dates, masked and missing
entries are refused. Features keep their floating dtype; one pass over X decides that all of it is finite, and
only a failure pays for a search. NumPy only, so that importing the package stays fast.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from softmax_jax.inputs.conversion import FLOATS, as_numpy, check_finite, is_jax, is_sparse, narrowed, real
from softmax_jax.inputs.frames import as_matrix
from softmax_jax.inputs.objects import is_missing, may_be_missing
from softmax_jax.inputs.sparse_input import compressed_rows

_EXACT_BITS = {"float16": 11, "bfloat16": 8, "float32": 24}  # of the integers that a float tells apart; else 53
_SUM_TOLERANCE = {"float16": 1e-2, "bfloat16": 2e-2, "float32": 1e-4, "float64": 1e-6}


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
      X: 2-d array-like or data frame of real numbers. A JAX array stays a JAX array where it is; anything
        else becomes a NumPy array. float16 to float64 are kept as they are, longdouble is narrowed to
        float64, bool and integers become float64 (in JAX arrays: JAX's default float dtype).
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
        array = X if is_jax(X) else as_matrix(X, name)
        _check_shape(array.shape, name, n_features)
        array = real(array, X, name)
        if dtype is not None and array.dtype != np.dtype(dtype):
            return narrowed(array, dtype, name)
    if finite:
        check_finite(array, name)
    return array


def targets(y: Any, n: int, *, classes: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Class indices and classes of labels y, or soft targets T checked.

    Args:
      y: (n,) labels of one kind: strings, bool, integers or floats with integer values; or soft targets T,
        (n, k) floating, no entry negative, rows sum to 1.
      n: number of rows of X.
      classes: the labels to encode against; by default those that occur in y.

    Returns:
      (labels, classes): labels (n,) int32, an index into the sorted `classes` (k,); or, for soft targets,
      (T, arange(k)) with T (n, k) float64 and its rows divided by their sum.

    Raises:
      TypeError: labels are bytes, mixed, or objects that are not labels.
      ValueError: y is missing, of another length or shape, holds NaN or an unknown label, or has one class.
    """
    labels = as_labels(y)
    if labels.ndim == 0:
        raise ValueError(f"y must have one label per row of X. y should be a 1d array, got {y!r} instead.")
    if labels.shape[0] != n:
        raise ValueError(f"X and y must have the same number of rows, got {n} in X and {labels.shape[0]} in y.")
    if labels.ndim == 2 and labels.shape[1] > 1:
        return _soft_targets(labels, classes)
    if labels.ndim != 1:
        raise ValueError(f"y must be 1-d labels or 2-d soft targets, got shape {labels.shape}; try y.ravel().")
    labels = check_labels(labels)
    if classes is not None:
        return _encode(labels, as_labels(classes, "classes"))
    found, index = np.unique(labels, return_inverse=True)
    if len(found) < 2:
        raise ValueError(f"y must hold at least 2 classes, got 1 class: {_words(found)}.")
    return index.astype(np.int32), found


def weights(sample_weight: Any, n: int, *, name: str = "sample_weight") -> np.ndarray | None:
    """Sample weights (n,) float64 divided by their maximum, so that huge and subnormal ones are safe.

    Args:
      sample_weight: (n,) real numbers >= 0; None gives None.
      n: number of rows of X.
      name: what error messages call the weights.

    Raises:
      TypeError: dates, or objects that are not numbers.
      ValueError: not (n,) real numbers, a negative, NaN or infinite one, or all of them zero.
    """
    if sample_weight is None:
        return None
    w = np.asarray(real(as_numpy(sample_weight, name), sample_weight, name), np.float64)
    if w.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), one per row of X, got {w.shape}.")
    bad = ~(np.isfinite(w) & (w >= 0))
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"{name} must be finite and not negative, got {w[i]} in row {i}.")
    largest = w.max(initial=0.0)
    if largest == 0:
        raise ValueError(f"{name} must hold at least one non-zero number, got all zero.")
    return w / largest


def number(
    value: Any,
    name: str,
    *,
    low: float,
    low_open: bool = False,
    allow_inf: bool = False,
    integer: bool = False,
) -> Any:
    """`value` as a Python float, or int where `integer`, checked to be >= low (> low where `low_open`).

    Raises:
      ValueError: not a real number (bool and str included), NaN, below `low`, or infinite unless `allow_inf`.
    """
    kind = "an integer" if integer else "a real number" if allow_inf else "a finite real number"
    error = ValueError(
        f"The {name!r} parameter must be {kind} {'>' if low_open else '>='} {low}. Got {value!r} instead."
    )
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()  # a NumPy or JAX scalar
    expected: Any = numbers.Integral if integer else numbers.Real
    if isinstance(value, bool) or not isinstance(value, expected):
        raise error
    try:
        result = int(value) if integer else float(value)
    except OverflowError:
        raise error from None
    if not (result > low if low_open else result >= low) or (result == np.inf and not allow_inf):
        raise error
    return result


def as_labels(y: Any, name: str = "y") -> np.ndarray:
    """The labels as a NumPy array.

    A list that mixes kinds is refused, where NumPy would make it strings; and members of a class(str, Enum) become
    the strings that they equal, where NumPy would cut their names to the length of these.
    """
    if y is None:
        raise ValueError(f"fit requires {name} to be passed, but the target {name} is None.")
    labels = as_numpy(y, name)
    if labels.dtype.kind in "US" and not hasattr(y, "dtype"):
        given = np.asarray(y, dtype=object).ravel().tolist()
        if labels.ndim == 1:
            _one_kind(given, name)
        if any(issubclass(kind, str) and kind not in (str, np.str_) for kind in set(map(type, given))):
            return np.array(list(map(str.__str__, given))).reshape(labels.shape)
    if labels.dtype.kind == "T":
        return np.array(labels.tolist())
    return labels


def check_labels(labels: np.ndarray, name: str = "y") -> np.ndarray:
    """`labels` (n,) if they can be classes: of one kind, nothing missing, floats integer-valued and exact."""
    if labels.dtype.kind == "O":
        _one_kind(labels, name)
        if isinstance(labels[0], str):
            return labels
        labels = np.array(labels.tolist())
    kind = labels.dtype.kind
    if kind == "S":
        raise TypeError(f"{name} must not hold labels represented as bytes: decode them to str, got {labels[:1]!r}.")
    if kind == "f" or labels.dtype.name == "bfloat16":
        finite = np.isfinite(labels)
        if not finite.all():
            i = int(np.argmin(finite))
            what = "NaN" if np.isnan(labels[i]) else "infinity"
            raise ValueError(f"Input {name} contains {what}, first in row {i}; expected a label in every row.")
        if (labels != np.floor(labels)).any():
            i = int(np.argmax(labels != np.floor(labels)))
            raise ValueError(
                f"Unknown label type: continuous. {name} must hold class labels, got {labels[i]} in row {i}."
            )
        bits = _EXACT_BITS.get(labels.dtype.name, 53)
        if (np.abs(labels) >= 2.0**bits).any():
            i = int(np.argmax(np.abs(labels) >= 2.0**bits))
            raise ValueError(
                f"{name} must hold labels below 2**{bits} as {labels.dtype}, got {labels[i]} in row {i}: from there on "
                "different integers become one float. Pass strings, or integers of one dtype."
            )
    elif kind not in "biuUO":
        raise ValueError(f"{name} must hold labels (strings, bool or integers), got dtype {labels.dtype}.")
    return labels


def _one_kind(labels: Any, name: str) -> None:
    """Raise unless all entries are str, all bool, or all numbers."""
    kinds = set(map(type, labels))
    if any(map(may_be_missing, kinds)):
        missing = next((i for i, label in enumerate(labels) if is_missing(label)), None)
        if missing is not None:
            raise ValueError(f"Input {name} contains NaN: the label in row {missing} is {labels[missing]!r}.")
    if kinds and all(issubclass(kind, bytes) for kind in kinds):
        raise TypeError(f"{name} must not hold labels represented as bytes: decode them to str.")
    truths = {kind for kind in kinds if issubclass(kind, bool | np.bool_)}  # Python's bool is an Integral
    if kinds == truths or all(issubclass(kind, str) for kind in kinds):
        return
    if not truths and all(issubclass(kind, numbers.Integral) for kind in kinds):
        return
    words = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise TypeError(f"{name} must hold labels of one type (all strings, all bool or all integers), got {words}.")


def _encode(labels: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of `labels` in the sorted `classes`."""
    known = np.unique(check_labels(classes, "classes"))
    if classes.ndim != 1 or len(known) != len(classes) or len(known) < 2:
        raise ValueError(f"classes must be at least 2 different labels, got {classes.tolist()}.")
    if (labels.dtype.kind in "OU") != (known.dtype.kind in "OU"):
        raise TypeError(f"y and classes must be of one type, got dtypes {labels.dtype} and {known.dtype}.")
    if {labels.dtype.kind, known.dtype.kind} == {"i", "u"}:
        labels = labels.astype(object)  # NumPy would look for them as floats
    index = np.minimum(np.searchsorted(known.astype(labels.dtype), labels), len(known) - 1)
    unknown = known[index] != labels
    if unknown.any():
        raise ValueError(f"y must hold the labels {_words(known)}, got {_words(np.unique(labels[unknown]))}.")
    return index.astype(np.int32), known


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


def _words(labels: np.ndarray) -> str:
    """A few labels as words."""
    shown = ", ".join(repr(label) for label in labels[:8].tolist())
    return shown + (f" and {len(labels) - 8} more" if len(labels) > 8 else "")


def distributions(T: Any, n: int, k: int, *, name: str = "T") -> np.ndarray:
    """Targets T (n, k) as float64 distributions, one a row: divided by their sums, which are 1 to T's own rounding.

    Raises:
      TypeError: T is sparse, masked, of dates or objects.
      ValueError: not (n, k) real numbers; one is negative, NaN or infinite; a row does not sum to 1.
    """
    array = as_numpy(T, name)
    if array.shape != (n, k):
        raise ValueError(
            f"{name} must have shape {(n, k)}, a row per sample and a column per class, got {array.shape}."
        )
    return _normalised(real(array, T, name), name)


def _soft_targets(T: np.ndarray, classes: Any) -> tuple[np.ndarray, np.ndarray]:
    """T (n, k) with rows that sum to one exactly enough for the certificate, and its classes."""
    if T.dtype.name not in FLOATS:
        raise ValueError(
            f"y must be 1-d labels or 2-d floating soft targets whose rows sum to 1, got shape {T.shape} "
            f"of dtype {T.dtype}; for one-hot rows pass y.argmax(axis=1)."
        )
    T = _normalised(T, "y")
    names = np.arange(T.shape[1]) if classes is None else as_labels(classes, "classes")
    if names.shape != T.shape[1:]:
        raise ValueError(f"classes must name the {T.shape[1]} columns of soft targets y, got {len(names)}.")
    return T, names


def _normalised(T: np.ndarray, name: str) -> np.ndarray:
    """Rows of soft targets divided by their sums, in float64: in float32 they would sum to 1 within 1e-7 only."""
    tolerance = _SUM_TOLERANCE[T.dtype.name]
    T = T.astype(np.float64)
    check_finite(T, name)
    if T.min() < 0:
        i, j = np.unravel_index(int(np.argmin(T)), T.shape)
        raise ValueError(f"Soft targets {name} must not be negative, got {T[i, j]} at row {i}, column {j}.")
    total = T.sum(axis=1, keepdims=True)
    off = np.abs(total[:, 0] - 1) > tolerance
    if off.any():
        i = int(np.argmax(off))
        raise ValueError(f"Rows of soft targets {name} must sum to 1 (to {tolerance}), got {total[i, 0]} in row {i}.")
    return T / total
