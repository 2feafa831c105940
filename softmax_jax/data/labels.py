"""Labels as files hold them: integers where every one of them is a whole number, however it is written, else text.

"3", "3.0" and "3.000000e+00", as `numpy.savetxt` writes it, are the integer 3, exactly; "007", "1e3" and "NA" are text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import numpy as np

from softmax_jax.inputs import checks

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")  # at most 18 digits: fits int64; no leading zeros to lose
_FLOATING = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?[0-9]+[eE][+-][0-9]+")
Text = TypeVar("Text", bound=Hashable)
_INT64 = range(-(2**63), 2**63)


def encoded(texts: Sequence[Text]) -> tuple[list[Text], np.ndarray]:
    """What there is, each once in the order of its first place, and the position in that list of each of `texts`."""
    at = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    return list(at), np.fromiter(map(at.__getitem__, texts), np.intp, len(texts))


def whole_or_text(labels: Sequence[str], where: str) -> np.ndarray:
    """Labels written in a file: int64 where all of them are whole numbers, else text as it stands.

    Args:
      labels: each of them, not empty.
      where: words for their place, for the error.

    Raises:
      ValueError: they are numbers with fractions or beyond 64 bits, or two differ in their Unicode form alone.
    """
    if not all(_INTEGER.fullmatch(label) or _FLOATING.fullmatch(label) for label in labels):
        _refuse_twins(labels, where)
        return np.array(labels, str)
    return np.array([_whole(label, where) for label in labels], np.int64)


def checked_labels(y: np.ndarray, where: str) -> np.ndarray:
    """Labels (n,) of a NumPy file, floating ones as the integers they are.

    Args:
      y: as the file holds them.
      where: words for their place, for the error.

    Raises:
      ValueError: of another shape, or not labels.
    """
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1:
        raise ValueError(
            f"{where} must be labels of shape (n,), got {y.shape}; for one-hot rows store y.argmax(axis=1)."
        )
    if y.dtype.kind == "f":
        return _whole_labels(y, where)
    if y.dtype.kind == "U":
        _refuse_twins(np.unique(y).tolist(), where)
    return checks.check_labels(y, where)


def joined_labels(parts: Sequence[np.ndarray], paths: Sequence[Path]) -> np.ndarray:
    """Labels of several files, one after the other.

    Args:
      parts: the labels of each.
      paths: the files.

    Raises:
      ValueError: some are text where others are numbers, or no dtype holds all of them exactly.
    """
    kinds = {"U": "text", "b": "truth values"}
    for path, part in zip(paths, parts, strict=True):
        found, expected = (kinds.get(y.dtype.kind, "numbers") for y in (part, parts[0]))
        if found != expected:
            raise ValueError(f"{path}: labels are {found}, but {expected} in {paths[0].name}.")
    y = np.concatenate(parts)
    if y.dtype.kind == "f":  # of int64 and uint64, which floats would merge
        return whole_or_text([str(label) for part in parts for label in part.tolist()], str(paths[0].parent))
    if y.dtype.kind == "U":
        _refuse_twins(np.unique(y).tolist(), str(paths[0].parent))
    return y


def _refuse_twins(labels: Sequence[str], where: str) -> None:
    """Refuse labels of which two look the same because they are two Unicode spellings of one text."""
    forms: dict[str, str] = {}
    for label in labels:
        other = forms.setdefault(unicodedata.normalize("NFC", label), label)
        if other != label:
            raise ValueError(
                f"{where}: {other!a} and {label!a} look the same, but are different Unicode spellings (NFC, NFD) of "
                "one label; write it in one way."
            )


def _whole_labels(values: np.ndarray, where: str) -> np.ndarray:
    """Floating labels as the integers they are; none may be missing, or so large that floats merge it with others."""
    if not np.isfinite(values).all():
        raise ValueError(f"{where}: the label is missing in row {int(np.argmin(np.isfinite(values)))}.")
    fractions = values % 1 != 0
    if fractions.any():
        raise ValueError(f"{where} must hold classes, got {values[fractions][0]:g}: continuous numbers.")
    limit = 2.0 ** (np.finfo(values.dtype).nmant + 1)
    large = np.abs(values) >= limit
    if large.any():
        raise ValueError(
            f"{where}: label {values[large][0]:.0f} is too large for {values.dtype}, in which labels of {limit:.0f} "
            "and more are not all different; store integers or text."
        )
    return values.astype(np.int64)


def _whole(label: str, where: str) -> int:
    value = Decimal(label)
    if value.adjusted() > 18 or (value == value.to_integral_value() and int(value) not in _INT64):
        raise ValueError(f"{where}: label {label} is beyond 64 bits; write labels as text or as smaller integers.")
    if value != value.to_integral_value():
        raise ValueError(f"{where} must hold classes, got {label}: continuous numbers.")
    return int(value)
