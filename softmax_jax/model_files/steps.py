"""A Pipeline of scikit-learn's linear scalers, Normalizer and PCA, and an estimator, as texts and tensors, and back.

Each step is stored by what it fitted, a closed list of attributes with their shapes; tensors are called step0_scale_
and so on. Nothing that a file names is imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.model_files.estimators import describe_cv, describe_estimator, restore_cv, restore_estimator
from softmax_jax.model_files.parts import (
    Tensors,
    Texts,
    decode_all,
    encode_all,
    exactly,
    feature_names,
    restore_feature_names,
)
from softmax_jax.model_files.values import FLOATS, decode, encode

# fitted attributes by class, with the shape of arrays in features m and components c; () is a number
_OF_SCALER = {"scale_": "m", "n_samples_seen_": ""}
_FITTED: dict[str, dict[str, str]] = {
    "StandardScaler": {"mean_": "m", "var_": "m", **_OF_SCALER},
    "MaxAbsScaler": {"max_abs_": "m", **_OF_SCALER},
    "MinMaxScaler": {"min_": "m", "data_min_": "m", "data_max_": "m", "data_range_": "m", **_OF_SCALER},
    "RobustScaler": {"center_": "m", "scale_": "m"},
    "Normalizer": {},
    "PCA": {
        "components_": "cm",
        "mean_": "m",
        "explained_variance_": "c",
        "explained_variance_ratio_": "c",
        "singular_values_": "c",
        "noise_variance_": "",
        "n_components_": "",
        "n_samples_": "",
    },
}
_MAY_BE_NAN = ("explained_variance_ratio_",)  # of features without variance
NAMES_OF_STEPS = ", ".join(_FITTED)


def kind_of_pipeline(pipeline: Any) -> str:
    """The kind of a Pipeline that can be saved: "pipeline" in format 1, "steps" otherwise.

    Raises:
      TypeError: a step that is not of the closed list, or another model.
    """
    from softmax_jax.estimators.regression import SoftmaxRegression
    from softmax_jax.estimators.regression_cv import SoftmaxRegressionCV

    *steps, model = [step for _, step in pipeline.steps]
    strange = [step for step in steps if type(step) not in _classes().values()]
    if type(model) not in (SoftmaxRegression, SoftmaxRegressionCV):
        strange.append(model)
    if strange:
        names = ", ".join(step if isinstance(step, str) else type(step).__name__ for step in strange)
        raise TypeError(
            f"model must be a Pipeline of {NAMES_OF_STEPS} and SoftmaxRegression or SoftmaxRegressionCV, got a "
            f"Pipeline with {names}: save its last step, pipeline[-1], alone, and apply the other steps before predict."
        )
    plain = [type(step).__name__ for step in (*steps, model)] == ["StandardScaler", "SoftmaxRegression"]
    return "pipeline" if plain else "steps"


def describe_steps(pipeline: Any) -> tuple[Texts, Tensors]:
    """The pipeline, fitted."""
    check_options(pipeline)
    *steps, (name, model) = pipeline.steps
    tensors: Tensors = {}
    described = [_describe_step(label, step, f"step{i}_", tensors) for i, (label, step) in enumerate(steps)]
    texts, of_model = describe_cv(model) if hasattr(model, "l2_values") else describe_estimator(model)
    more = {"steps": described, "name": name, "verbose": encode(pipeline.verbose, "verbose")}
    return {**texts, **more}, {**of_model, **tensors}


def restore_steps(texts: Texts, tensors: Tensors) -> Any:
    """What `describe_steps` was given."""
    from sklearn.pipeline import Pipeline

    described, name, verbose = texts.pop("steps"), texts.pop("name"), decode(texts.pop("verbose"))
    steps = [(step["name"], _restore_step(step, f"step{i}_", tensors)) for i, step in enumerate(described)]
    model = restore_cv(texts, tensors) if "path" in texts else restore_estimator(texts, tensors)
    widths = [width for _, step in steps for width in _widths(step)]
    if widths[1::2] != [*widths[2::2], model.n_features_in_]:
        raise ValueError("steps that do not fit one another")
    return Pipeline([*steps, (name, model)], verbose=verbose)


def check_options(pipeline: Any) -> None:
    """Raise ValueError if the pipeline has an option that cannot be stored."""
    options = {"memory": pipeline.memory, "transform_input": getattr(pipeline, "transform_input", None)}
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ValueError(f"{given[0]} of the pipeline cannot be stored in a model file; set it to None before saving.")


def output_of(step: Any) -> str | None:
    """The kind of table that the step was set to return."""
    return getattr(step, "_sklearn_output_config", {}).get("transform")


def restore_output(step: Any, output: Any) -> None:
    """Set what `output_of` gave."""
    if output is not None:
        if output not in ("default", "pandas", "polars"):
            raise ValueError("a kind of output that is not known")
        step.set_output(transform=output)


def _classes() -> dict[str, type]:
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler

    found: tuple[type, ...] = (StandardScaler, MaxAbsScaler, MinMaxScaler, RobustScaler, Normalizer, PCA)
    return {step.__name__: step for step in found}


def _describe_step(name: str, step: Any, prefix: str, tensors: Tensors) -> Texts:
    """The texts of a step; its arrays are added to the tensors."""
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(step)
    kind = type(step).__name__
    fitted = {attribute: getattr(step, attribute) for attribute in _FITTED[kind]}
    _check_fitted(kind, fitted, step.n_features_in_)
    arrays = {attribute: value for attribute, value in fitted.items() if isinstance(value, np.ndarray) and value.ndim}
    tensors.update({prefix + attribute: array for attribute, array in arrays.items()})
    return {
        "name": name,
        "class": kind,
        "hyperparameters": encode_all(step.get_params()),
        "numbers": encode_all({attribute: fitted[attribute] for attribute in fitted if attribute not in arrays}),
        # columns first in memory, on which the order of sums depends, and with it the last bit of a product
        "fortran": [attribute for attribute, array in arrays.items() if not array.flags.c_contiguous],
        "n_features_in": int(step.n_features_in_),
        "feature_names": feature_names(step),
        "output": output_of(step),
    }


def _restore_step(stored: Texts, prefix: str, tensors: Tensors) -> Any:
    """The step, whose arrays are taken out of the tensors."""
    kind, m = stored["class"], stored["n_features_in"]
    step: Any = _classes()[kind](**decode_all(stored["hyperparameters"]))
    arrays = {name.removeprefix(prefix): tensors.pop(name) for name in list(tensors) if name.startswith(prefix)}
    arrays |= {attribute: np.asfortranarray(arrays[attribute]) for attribute in stored["fortran"]}
    fitted = {**decode_all(stored["numbers"]), **arrays}
    exactly(fitted, set(_FITTED[kind]))
    _check_fitted(kind, fitted, m)
    vars(step).update(fitted)
    step.n_features_in_ = m
    restore_feature_names(step, stored["feature_names"], m)
    restore_output(step, stored["output"])
    return step


def _check_fitted(kind: str, fitted: dict[str, Any], m: Any) -> None:
    """Raise ValueError unless the fitted attributes have their shapes for m features, and are finite."""
    c = len(fitted["components_"]) if "components_" in fitted else m
    for name, letters in _FITTED[kind].items():
        value, shape = fitted[name], tuple({"m": m, "c": c}[letter] for letter in letters)
        if letters and value is None:
            continue  # switched off, as the mean of a scaler
        if np.shape(value) != shape:
            raise ValueError(f"{kind} with {name} of shape {np.shape(value)} where {shape} is expected")
        if letters and value.dtype.name not in FLOATS:
            raise ValueError(f"{kind} with {name} of {value.dtype}")
        if name not in _MAY_BE_NAN and not np.isfinite(value).all():
            raise ValueError(f"{kind} with {name} that is not finite")


def _widths(step: Any) -> tuple[int, int]:
    """Features that a step takes and gives."""
    return step.n_features_in_, len(getattr(step, "components_", range(step.n_features_in_)))
