"""A fitted model as what other programs compute: the standardisation of its features, one product, one sum.

    Z = (X - mean) / scale  W + b  =  X W' + b',    W' = W / scale,    b' = b - mean / scale  W

The fold on the right is computed in float64 and rounded once. What a float32 program then makes of features whose
means are far larger than their deviations is another matter: there X W' and b' nearly cancel.
"""

from __future__ import annotations

import importlib
import json
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.display.user_warnings import warn_user
from softmax_jax.dtypes import compute_dtype
from softmax_jax.model import Params
from softmax_jax.model_files.kinds import KINDS, kind_of
from softmax_jax.model_files.parts import check_params, feature_names
from softmax_jax.model_files.values import decode_labels

_LARGEST_ROUNDING = 1e-3  # nats that rounding may add to the net input before a fold is warned of


class Affine(NamedTuple):
    """What a model does with rows X (n, m) before the softmax.

    Attributes:
      W: (m, k), in the dtype of the model.
      b: (k,).
      mean: (m,) of the features, float64, or None where none is subtracted.
      scale: (m,) their deviations, float64, or None where nothing is divided by them.
      classes: (k,) labels, a column of W each; 0 to k - 1 where the model has none.
      names: of the features, or None.
    """

    W: np.ndarray
    b: np.ndarray
    mean: np.ndarray | None
    scale: np.ndarray | None
    classes: np.ndarray
    names: list[str] | None

    @property
    def dtype(self) -> np.dtype:
        """float64 where W or b is, else float32."""
        return compute_dtype(self.W, self.b)

    @property
    def texts(self) -> dict[str, str]:
        """Classes, and names of features where there are any, in JSON."""
        texts = {"classes": json.dumps(self.classes.tolist())}
        return texts if self.names is None else {**texts, "feature_names": json.dumps(self.names)}

    def scaled(self) -> np.ndarray:
        """W / scale (m, k), float64."""
        W = self.W.astype(np.float64)
        return W if self.scale is None else W / self.scale[:, None]

    def folded(self, dtype: np.dtype) -> Params:
        """W' and b' in `dtype`.

        Args:
          dtype: float32 or float64.

        Raises:
          ValueError: they are beyond its range.
        """
        W, b = self.scaled(), self.b.astype(np.float64)
        if self.mean is not None:
            off = float((np.abs(self.mean) @ np.abs(W)).max()) * float(np.finfo(dtype).eps)
            b = b - self.mean @ W
            if off > _LARGEST_ROUNDING:
                warn_user(
                    f"Means of the features are so large beside their deviations that a layer in {dtype} is off by up "
                    f"to {off:.1g} nats where its products cancel: take dtype='float64', or standardise before it."
                )
        return Params(rounded(W, dtype), rounded(b, dtype))


def affine_of(model: Any) -> Affine:
    """What a fitted model does with its features.

    Args:
      model: Params, FitResult, a fitted SoftmaxRegression or SoftmaxRegressionCV, a fitted Pipeline of
        StandardScaler and one of these, or a ProbeResult, of which it is the winner.

    Raises:
      TypeError, ValueError: a model that `save` would refuse, another Pipeline, or Params with leading axes.
    """
    if hasattr(model, "protocol") and hasattr(model, "pipeline"):  # a probe, which is made of what is above
        model = model.pipeline()
    kind, scaler, names = kind_of(model), None, None
    if kind in ("pipeline", "steps"):
        scaler, model = _scaler_and_last(model)
        kind, names = kind_of(model), feature_names(scaler)
    texts, arrays = KINDS[kind].describe(model)
    params = Params(arrays["W"], arrays["b"])
    check_params(params, "model")
    if params.W.ndim != 2:
        raise ValueError(f"model must have W of shape (m, k), got {params.W.shape}.")
    classes = decode_labels(texts["classes"]) if "classes" in texts else np.arange(params.W.shape[1])
    mean = getattr(scaler, "mean_", None) if getattr(scaler, "with_mean", False) else None
    scale = getattr(scaler, "scale_", None) if getattr(scaler, "with_std", False) else None
    return Affine(*params, mean, scale, classes, names or texts.get("feature_names"))


def _scaler_and_last(pipeline: Any) -> tuple[Any, Any]:
    """The StandardScaler of a Pipeline, or None, and its model."""
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils.validation import check_is_fitted

    *steps, last = [step for _, step in pipeline.steps]
    if any(type(step) is not StandardScaler for step in steps) or len(steps) > 1:
        raise TypeError(
            "model must be a Pipeline of StandardScaler and SoftmaxRegression, got other steps (a probe with "
            "normalise=True has one): export its last step, pipeline[-1], of a ProbeResult probe.pipeline()[-1], and "
            "apply the other steps before it."
        )
    for step in steps:
        check_is_fitted(step)
    return (steps[0] if steps else None), last


def floating(dtype: Any, default: np.dtype) -> np.dtype:
    """float32 or float64.

    Args:
      dtype: one of them by name, or as a dtype of NumPy, JAX or torch; None for `default`.
      default: float32 or float64.

    Raises:
      ValueError: another dtype.
    """
    name = str(dtype).removeprefix("torch.")
    try:
        found = default if dtype is None else np.dtype(name if name in ("float32", "float64") else dtype)
    except TypeError:
        found = None
    if found not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}.")
    return np.dtype(found)


def rounded(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A float64 array in `dtype`, contiguous; ValueError where that has no finite number for an entry."""
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(array, dtype)
    if not np.isfinite(result).all():
        raise ValueError(f"model has parameters beyond the range of {dtype}, got {np.abs(array).max():.3g}.")
    return result


def needed(module: str, by: str, install: str) -> Any:
    """A package that is imported only where it is used.

    Args:
      module: its name.
      by: the function that needs it.
      install: what to give pip.

    Raises:
      ImportError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{by} needs {module}: pip install {install}.") from error
