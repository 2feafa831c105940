"""Arrays of Python objects to float64: numbers convert, missing becomes NaN, all else is refused with its place.

NumPy would also convert numeric strings and dates. But those do not add up to a number: one sum shows that nothing of
the kind is there. Only where it fails, the types are looked at; and where one of them is no number, each entry.
"""

from __future__ import annotations

import decimal
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Place = Callable[[Sequence[int]], str]  # words for the place of an entry, from its index
_MISSING = ("NoneType", "NAType", "NaTType")


def is_missing(value: Any) -> bool:
    """Whether `value` stands for a missing entry: None, pandas' NA and NaT, or NaN."""
    return _is_absent(type(value)) or (isinstance(value, numbers.Real) and value != value)


def may_be_missing(kind: type) -> bool:
    """Whether an instance of this type can stand for a missing entry, so that the entries have to be looked at."""
    return _is_absent(kind) or (issubclass(kind, numbers.Real) and not issubclass(kind, numbers.Integral))


def from_objects(array: np.ndarray, name: str, place: Place) -> np.ndarray:
    """`array` of dtype object as float64.

    Args:
      array: of any shape.
      name: what error messages call it.
      place: words for the place of an entry.

    Raises:
      TypeError: an entry that is no number, such as a date, a dict or an array.
      ValueError: strings, complex numbers, or a number too large for float64.
    """
    if not _adds_up(array):
        kinds = set(map(type, array.ravel().tolist()))
        if any(map(_is_absent, kinds)):
            present = np.array([not _is_absent(type(value)) for value in array.flat], bool).reshape(array.shape)
            array = np.where(present, array, np.nan)
        if not all(_is_absent(kind) or _is_number(kind) for kind in kinds):
            for index, value in np.ndenumerate(array):
                _check_entry(value, name, place, index)
    try:
        return array.astype(np.float64)
    except OverflowError as error:
        raise ValueError(f"{name} holds a value too large for float64: {error}") from error


def _adds_up(array: np.ndarray) -> bool:
    """Whether the entries have a sum that is a real number."""
    try:
        with np.errstate(all="ignore"):
            return isinstance(np.add.reduce(array, axis=None, initial=0.0), numbers.Real)
    except (TypeError, ValueError, ArithmeticError):
        return False


def _is_absent(kind: type) -> bool:
    return kind.__name__ in _MISSING


def _is_number(kind: type) -> bool:
    """Whether every instance is a real number; a duration of NumPy passes for an integer, but is none."""
    return issubclass(kind, numbers.Real | decimal.Decimal | np.bool_) and not issubclass(kind, np.timedelta64)


def _check_entry(value: Any, name: str, place: Place, index: Sequence[int]) -> None:
    """Raise ValueError or TypeError unless `value` is a number, or converts to one as a scalar of JAX does."""
    if isinstance(value, str | bytes):
        raise ValueError(f"{name} must hold numbers; strings are not converted, got {value!r} in {place(index)}.")
    if isinstance(value, complex | np.complexfloating):
        raise ValueError(f"Complex data not supported: {name} must be real, got {value!r}.")
    words = f"{name} must hold numbers, got {type(value).__name__} in {place(index)}"
    try:
        float(value)
    except TypeError as error:
        raise TypeError(f"{words}: {error}.") from None
    except OverflowError:
        pass  # reported for the whole array
    if np.ndim(value) or isinstance(value, np.datetime64 | np.timedelta64):
        raise TypeError(f"{words}.")
