"""A Pipeline of StandardScaler and SoftmaxRegression as texts and tensors, and back; of others see stored_steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.model_files.estimators import describe_estimator, restore_estimator
from softmax_jax.model_files.parts import Tensors, Texts, decode_all, encode_all, feature_names, restore_feature_names
from softmax_jax.model_files.steps import check_options, output_of, restore_output
from softmax_jax.model_files.values import decode, encode


def describe_pipeline(pipeline: Any) -> tuple[Texts, Tensors]:
    """The pipeline, fitted."""
    from sklearn.utils.validation import check_is_fitted

    (scaler_name, scaler), (model_name, model) = pipeline.steps
    check_is_fitted(scaler)
    check_options(pipeline)
    texts, tensors = describe_estimator(model)
    texts["preprocessing"] = {
        "steps": [scaler_name, model_name],
        "verbose": encode(pipeline.verbose, "verbose"),
        "hyperparameters": encode_all(scaler.get_params()),
        "feature_names": feature_names(scaler),
        "output": output_of(scaler),
    }
    arrays = {name: getattr(scaler, f"{name}_") for name in ("mean", "var", "scale", "n_samples_seen")}
    return texts, {**tensors, **{name: np.asarray(array) for name, array in arrays.items() if array is not None}}


def restore_pipeline(texts: Texts, tensors: Tensors) -> Any:
    """What `describe_pipeline` was given."""
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    stored = texts.pop("preprocessing")
    arrays = {name: tensors.pop(name, None) for name in ("mean", "var", "scale")}
    seen = tensors.pop("n_samples_seen")
    model = restore_estimator(texts, tensors)
    m = model.n_features_in_
    scaler: Any = StandardScaler(**decode_all(stored["hyperparameters"]))
    if arrays["mean"] is None and scaler.with_mean or arrays["scale"] is None and scaler.with_std:
        raise ValueError("preprocessing without its mean or scale")
    for name, array in arrays.items():
        if array is not None and not (array.shape == (m,) and np.isfinite(array).all()):
            raise ValueError(f"a {name} that is not {m} finite numbers")
        setattr(scaler, f"{name}_", array)
    scaler.n_samples_seen_, scaler.n_features_in_ = seen[()], m
    restore_feature_names(scaler, stored["feature_names"], m)
    restore_output(scaler, stored["output"])
    first, last = stored["steps"]
    return Pipeline([(first, scaler), (last, model)], verbose=decode(stored["verbose"]))
