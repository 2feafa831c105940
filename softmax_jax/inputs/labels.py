"""Labels: of one kind, none missing, each exactly what it seems to be."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from softmax_jax.inputs.conversion import as_numpy
from softmax_jax.inputs.objects import is_missing, may_be_missing

_EXACT_BITS = {"float16": 11, "bfloat16": 8, "float32": 24}  # of the integers that a float tells apart; else 53


def as_labels(y: Any, name: str = "y") -> np.ndarray:
    """The labels as a NumPy array.

    A list that mixes kinds is refused, where NumPy would make it strings; and members of a class(str, Enum) become
    the strings that they equal, where NumPy would cut their names to the length of these.

    Args:
      y: (n,) labels, or (n, k) soft targets.
      name: what error messages call it.
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
    """`labels` if they can be classes: of one kind, nothing missing, floats integer-valued and exact.

    Args:
      labels: (n,) of `as_labels`.
      name: what error messages call them.
    """
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


def in_words(labels: np.ndarray) -> str:
    """A few labels as words."""
    shown = ", ".join(repr(label) for label in labels[:8].tolist())
    return shown + (f" and {len(labels) - 8} more" if len(labels) > 8 else "")
