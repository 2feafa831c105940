"""What the stored forms of all kinds of model have in common: parameters, labels, scalars and names, checked.

Restoring checks names, shapes and counts against each other: a file with a right checksum may still have been
made by hand. What fails raises ordinary errors, which `load` turns into ModelFileError.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from softmax_jax.model import Params
from softmax_jax.model_files.values import FLOATS, decode, decode_labels, encode

Texts = dict[str, Any]
Tensors = dict[str, np.ndarray]
_SCALARS = {"objective": Real, "duality_gap": Real, "status": str, "n_iter": Integral}


def check_params(tensors: Tensors, name: str) -> None:
    """Raise ValueError unless W (m, k) and b (k,) are floating, finite and fit together."""
    W, b = tensors["W"], tensors["b"]
    if W.ndim < 2 or b.shape != (*W.shape[:-2], W.shape[-1]):
        raise ValueError(f"{name} must have W of shape (m, k) and b of shape (k,), got {W.shape} and {b.shape}.")
    for array in (W, b):
        if array.dtype.name not in FLOATS:
            raise ValueError(f"{name} must be of floating numbers, got {array.dtype}.")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity.")


def describe_params(params: Params) -> tuple[Texts, Tensors]:
    """W and b as tensors."""
    return {}, {"W": np.asarray(params.W), "b": np.asarray(params.b)}


def fitted_arrays(texts: Texts, tensors: Tensors) -> tuple[Params, np.ndarray]:
    """Params and classes, which agree on k."""
    classes = decode_labels(texts["classes"])
    W = tensors["W"]
    if W.ndim != 2 or len(classes) != W.shape[1]:
        raise ValueError(f"{len(classes)} classes with W of shape {W.shape}")
    return Params(W, tensors["b"]), classes


def check_scalars(fitted: dict[str, Any], suffix: str) -> None:
    """Raise ValueError or KeyError unless the fitted scalars are there, of their types."""
    for name, kind in _SCALARS.items():
        if not isinstance(fitted[name + suffix], kind):
            raise ValueError(f"{name + suffix} is of type {type(fitted[name + suffix]).__name__}")


def encode_all(values: dict[str, Any]) -> dict[str, Any]:
    """Each value by name as what JSON can hold."""
    return {name: encode(value, name) for name, value in values.items()}


def decode_all(values: dict[str, Any]) -> dict[str, Any]:
    """The values that `encode_all` was given."""
    return {name: decode(value) for name, value in values.items()}


def feature_names(fitted: Any) -> list[str] | None:
    """The names of the columns that an estimator was fitted to, where it has them."""
    names = getattr(fitted, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def restore_feature_names(fitted: Any, names: Any, m: int) -> None:
    """Set what `feature_names` gave; ValueError unless there are m of them."""
    if names is not None:
        if len(names) != m or not all(isinstance(name, str) for name in names):
            raise ValueError(f"feature names that are not {m} strings")
        fitted.feature_names_in_ = np.array(names, object)


def exactly(names: Any, expected: set[str]) -> None:
    """Raise ValueError unless the names are those expected."""
    if set(names) != expected:
        raise ValueError(f"entries {sorted(names)} where {sorted(expected)} were expected")
