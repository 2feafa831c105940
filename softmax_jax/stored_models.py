"""Each kind of model as texts (what JSON holds) and tensors, and back.

Restoring checks names, shapes and counts against each other: a file with a right checksum may still have been
made by hand. What fails raises ordinary errors, which `load` turns into ModelFileError.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from softmax_jax.fitting import FitResult
from softmax_jax.model import Params
from softmax_jax.stored_values import FLOATS, decode, decode_labels, encode, encode_labels

Texts = dict[str, Any]
Tensors = dict[str, np.ndarray]
_ARRAYS = {"params_", "classes_", "history_", "feature_names_in_"}  # fitted attributes with a place of their own
_SCALARS = {"objective": Real, "duality_gap": Real, "status": str, "n_iter": Integral}


def kind_of(model: Any) -> str:
    """The kind of a model that can be saved, a key of DESCRIBE.

    Raises:
      TypeError: another kind, a subclass included: what it adds would be lost.
    """
    if type(model) is Params:
        return "params"
    if type(model) is FitResult:
        return "fit_result"
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from softmax_jax.estimator import SoftmaxRegression

    if type(model) is SoftmaxRegression:
        return "estimator"
    if type(model) is Pipeline and [type(step) for _, step in model.steps] == [StandardScaler, SoftmaxRegression]:
        return "pipeline"
    raise TypeError(
        "model must be Params, FitResult, SoftmaxRegression or a Pipeline of StandardScaler and SoftmaxRegression, "
        f"got {type(model).__name__}."
    )


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


def _describe_params(params: Params) -> tuple[Texts, Tensors]:
    return {}, {"W": np.asarray(params.W), "b": np.asarray(params.b)}


def _params(texts: Texts, tensors: Tensors) -> Params:
    _exactly(texts, set())
    _exactly(tensors, {"W", "b"})
    return Params(tensors["W"], tensors["b"])


def _describe_fit(result: FitResult) -> tuple[Texts, Tensors]:
    fields = result._asdict()
    params, classes, history = fields.pop("params"), fields.pop("classes"), fields.pop("history")
    texts = {"classes": encode_labels(np.asarray(classes), "classes"), "fitted": _encode_all(fields)}
    return texts, {**_describe_params(params)[1], "history": np.asarray(history)}


def _fit_result(texts: Texts, tensors: Tensors) -> FitResult:
    _exactly(texts, {"classes", "fitted"})
    _exactly(tensors, {"W", "b", "history"})
    params, classes = _fitted_arrays(texts, tensors)
    fitted = _decode_all(texts["fitted"])
    _check_scalars(fitted, "")
    return FitResult(params=params, classes=classes, history=tensors["history"], **fitted)


def _describe_estimator(model: Any) -> tuple[Texts, Tensors]:
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model)
    parameters = model.get_params(deep=False)
    fitted = {name: value for name, value in vars(model).items() if name not in parameters and name not in _ARRAYS}
    texts = {
        "classes": encode_labels(model.classes_, "classes_"),
        "feature_names": _feature_names(model),
        "hyperparameters": _encode_all(parameters),
        "fitted": _encode_all({name: value for name, value in fitted.items() if not name.startswith("_")}),
    }
    return texts, {**_describe_params(model.params_)[1], "history": np.asarray(model.history_)}


def _estimator(texts: Texts, tensors: Tensors) -> Any:
    from softmax_jax.estimator import SoftmaxRegression

    _exactly(texts, {"classes", "feature_names", "hyperparameters", "fitted"})
    _exactly(tensors, {"W", "b", "history"})
    model = SoftmaxRegression(**_decode_all(texts["hyperparameters"]))
    model.params_, model.classes_ = _fitted_arrays(texts, tensors)
    model.history_ = tensors["history"]
    fitted = _decode_all(texts["fitted"])
    m = len(model.params_.W)
    _check_scalars(fitted, "_")
    if fitted["n_features_in_"] != m:
        raise ValueError(f"a number of features that is not {m}, the rows of W")
    for name, value in fitted.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*_", name) or hasattr(SoftmaxRegression, name):
            raise ValueError(f"the fitted attribute {name!r:.40}")
        setattr(model, name, value)
    _restore_feature_names(model, texts["feature_names"], m)
    model._columns = tuple(texts["feature_names"] or ())
    return model


def _describe_pipeline(pipeline: Any) -> tuple[Texts, Tensors]:
    from sklearn.utils.validation import check_is_fitted

    (scaler_name, scaler), (model_name, model) = pipeline.steps
    check_is_fitted(scaler)
    options = {"memory": pipeline.memory, "transform_input": getattr(pipeline, "transform_input", None)}
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ValueError(f"{given[0]} of the pipeline cannot be stored in a model file; set it to None before saving.")
    texts, tensors = _describe_estimator(model)
    texts["preprocessing"] = {
        "steps": [scaler_name, model_name],
        "verbose": encode(pipeline.verbose, "verbose"),
        "hyperparameters": _encode_all(scaler.get_params()),
        "feature_names": _feature_names(scaler),
        "output": getattr(scaler, "_sklearn_output_config", {}).get("transform"),
    }
    arrays = {name: getattr(scaler, f"{name}_") for name in ("mean", "var", "scale", "n_samples_seen")}
    return texts, {**tensors, **{name: np.asarray(array) for name, array in arrays.items() if array is not None}}


def _pipeline(texts: Texts, tensors: Tensors) -> Any:
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    stored = texts.pop("preprocessing")
    arrays = {name: tensors.pop(name, None) for name in ("mean", "var", "scale")}
    seen = tensors.pop("n_samples_seen")
    model = _estimator(texts, tensors)
    m = model.n_features_in_
    scaler: Any = StandardScaler(**_decode_all(stored["hyperparameters"]))
    if arrays["mean"] is None and scaler.with_mean or arrays["scale"] is None and scaler.with_std:
        raise ValueError("preprocessing without its mean or scale")
    for name, array in arrays.items():
        if array is not None and not (array.shape == (m,) and np.isfinite(array).all()):
            raise ValueError(f"a {name} that is not {m} finite numbers")
        setattr(scaler, f"{name}_", array)
    scaler.n_samples_seen_, scaler.n_features_in_ = seen[()], m
    _restore_feature_names(scaler, stored["feature_names"], m)
    if stored["output"] is not None:
        if stored["output"] not in ("default", "pandas", "polars"):
            raise ValueError("a kind of output that is not known")
        scaler.set_output(transform=stored["output"])
    first, last = stored["steps"]
    return Pipeline([(first, scaler), (last, model)], verbose=decode(stored["verbose"]))


def _fitted_arrays(texts: Texts, tensors: Tensors) -> tuple[Params, np.ndarray]:
    """Params and classes, which agree on k; the history is checked beside them."""
    if tensors["history"].ndim != 1:
        raise ValueError(f"a history of shape {tensors['history'].shape}")
    classes = decode_labels(texts["classes"])
    W = tensors["W"]
    if W.ndim != 2 or len(classes) != W.shape[1]:
        raise ValueError(f"{len(classes)} classes with W of shape {W.shape}")
    return Params(W, tensors["b"]), classes


def _check_scalars(fitted: dict[str, Any], suffix: str) -> None:
    for name, kind in _SCALARS.items():
        if not isinstance(fitted[name + suffix], kind):
            raise ValueError(f"{name + suffix} is of type {type(fitted[name + suffix]).__name__}")


def _encode_all(values: dict[str, Any]) -> dict[str, Any]:
    return {name: encode(value, name) for name, value in values.items()}


def _decode_all(values: dict[str, Any]) -> dict[str, Any]:
    return {name: decode(value) for name, value in values.items()}


def _feature_names(fitted: Any) -> list[str] | None:
    names = getattr(fitted, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _restore_feature_names(fitted: Any, names: Any, m: int) -> None:
    if names is not None:
        if len(names) != m or not all(isinstance(name, str) for name in names):
            raise ValueError(f"feature names that are not {m} strings")
        fitted.feature_names_in_ = np.array(names, object)


def _exactly(names: Any, expected: set[str]) -> None:
    if set(names) != expected:
        raise ValueError(f"entries {sorted(names)} where {sorted(expected)} were expected")


DESCRIBE: dict[str, Callable[[Any], tuple[Texts, Tensors]]] = {
    "params": _describe_params,
    "fit_result": _describe_fit,
    "estimator": _describe_estimator,
    "pipeline": _describe_pipeline,
}
RESTORE: dict[str, Callable[[Texts, Tensors], Any]] = {
    "params": _params,
    "fit_result": _fit_result,
    "estimator": _estimator,
    "pipeline": _pipeline,
}
