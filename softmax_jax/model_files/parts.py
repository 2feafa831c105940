"""What the stored forms of all kinds of model have in common.

Restoring checks names, shapes and counts against each other: a file with a right checksum may still have been
made by hand. What fails raises ordinary errors, which `load` turns into ModelFileError.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.model import Params
from softmax_jax.model_files.values import FLOATS


class Stored(NamedTuple):
    """A model as texts (what JSON can hold) and tensors, both by name."""

    texts: dict[str, Any]
    tensors: dict[str, np.ndarray]


def check_params(params: Params, name: str) -> None:
    """Raise ValueError unless W (m, k) and b (k,) are floating, finite and fit together.

    Args:
      params: NumPy W and b, with the same leading axes, if any.
      name: what error messages call them.
    """
    W, b = params
    if W.ndim < 2 or b.shape != (*W.shape[:-2], W.shape[-1]):
        raise ValueError(f"{name} must have W of shape (m, k) and b of shape (k,), got {W.shape} and {b.shape}.")
    for array in params:
        if array.dtype.name not in FLOATS:
            raise ValueError(f"{name} must be of floating numbers, got {array.dtype}.")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity.")


def feature_names(fitted: object) -> list[str] | None:
    """The names of the columns that an estimator was fitted to, where it has them."""
    names = getattr(fitted, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def set_features(fitted: Any, names: list[str] | None, m: int) -> None:
    """Set number and names of the features of an estimator.

    Args:
      fitted: the estimator.
      names: of `feature_names`; ValueError unless there are m, or none.
      m: number of features.
    """
    fitted.n_features_in_ = m
    if names is not None:
        if len(names) != m or not all(isinstance(name, str) for name in names):
            raise ValueError(f"feature names that are not {m} strings")
        fitted.feature_names_in_ = np.array(names, object)


def exactly(names: Iterable[str], *expected: str) -> None:
    """Raise ValueError unless the names are those expected.

    Args:
      names: found.
      *expected: in any order.
    """
    if set(names) != set(expected):
        raise ValueError(f"entries {sorted(names)} where {sorted(expected)} were expected")
