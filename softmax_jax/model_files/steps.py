"""A Pipeline of scikit-learn's linear scalers, Normalizer and PCA, and an estimator, as texts and tensors, and back.

Each step is stored by what it fitted, a closed list of attributes with their shapes; tensors are called step0_scale_
and so on. StandardScaler and SoftmaxRegression alone are of format 1, which has mean, var and scale instead. Nothing
that a file names is imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.model_files.fitted import describe_model, restore_model
from softmax_jax.model_files.parts import Stored, exactly, feature_names, set_features
from softmax_jax.model_files.values import FLOATS, decode, decode_all, encode, encode_all

# fitted attributes by class, with the shape of arrays in features m and components c; () is a number
_OF_SCALER = {"scale_": "m", "n_samples_seen_": ""}
_FITTED: dict[str, dict[str, str]] = {
    "StandardScaler": {"mean_": "m", "var_": "m", **_OF_SCALER},
    "MaxAbsScaler": {"max_abs_": "m", **_OF_SCALER},
    "MinMaxScaler": {"min_": "m", "data_min_": "m", "data_max_": "m", "data_range_": "m", **_OF_SCALER},
    "RobustScaler": {"center_": "m", "scale_": "m"},
    "Normalizer": {},
    "PCA": {
        **{"components_": "cm", "mean_": "m"},
        **dict.fromkeys(("explained_variance_", "explained_variance_ratio_", "singular_values_"), "c"),
        **dict.fromkeys(("noise_variance_", "n_components_", "n_samples_"), ""),
    },
}
_MAY_BE_NAN = ("explained_variance_ratio_",)  # of features without variance
_OF_STEP = ("hyperparameters", "feature_names", "output")  # texts of a step in both formats
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


def describe_pipeline(pipeline: Any) -> Stored:
    """A fitted Pipeline of StandardScaler and SoftmaxRegression."""
    (texts, tensors), scaler = describe_steps(pipeline), pipeline[0]
    (step,), name, verbose = (texts.pop(text) for text in ("steps", "name", "verbose"))
    more = {text: step[text] for text in _OF_STEP}
    texts["preprocessing"] = {"steps": [step["name"], name], "verbose": verbose, **more}
    tensors = {name.removeprefix("step0_").removesuffix("_"): array for name, array in tensors.items()}
    return Stored(texts, {**tensors, "n_samples_seen": np.asarray(scaler.n_samples_seen_)})


def restore_pipeline(stored: Stored) -> Any:
    """What `describe_pipeline` was given."""
    texts, tensors = stored
    step = texts.pop("preprocessing")
    first, last = step.pop("steps")
    for needed, option in (("mean", "with_mean"), ("scale", "with_std")):
        if needed not in tensors and decode(step["hyperparameters"][option]):
            raise ValueError("preprocessing without its mean or scale")
    arrays = {f"step0_{name}_": tensors.pop(name) for name in ("mean", "var", "scale") if name in tensors}
    numbers = {f"{name}_": None for name in ("mean", "var", "scale") if f"step0_{name}_" not in arrays}
    if (seen := tensors.pop("n_samples_seen")).ndim:
        arrays["step0_n_samples_seen_"] = seen
    else:
        numbers["n_samples_seen_"] = encode(seen[()], "n_samples_seen_")
    of_class = {"class": "StandardScaler", "numbers": numbers, "fortran": [], "n_features_in": len(tensors["W"])}
    texts |= {"name": last, "verbose": step.pop("verbose"), "steps": [{"name": first, **of_class, **step}]}
    return restore_steps(Stored(texts, {**tensors, **arrays}))


def describe_steps(pipeline: Any) -> Stored:
    """A fitted Pipeline of any of the steps and an estimator."""
    options = {"memory": pipeline.memory, "transform_input": getattr(pipeline, "transform_input", None)}
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ValueError(f"{given[0]} of the pipeline cannot be stored in a model file; set it to None before saving.")
    *steps, (name, model) = pipeline.steps
    described = [_describe_step(label, step) for label, step in steps]
    texts, tensors = describe_model(model)
    texts |= {"steps": [step.texts for step in described], "name": name, "verbose": encode(pipeline.verbose, "verbose")}
    for i, step in enumerate(described):
        tensors |= {f"step{i}_{attribute}": array for attribute, array in step.tensors.items()}
    return Stored(texts, tensors)


def restore_steps(stored: Stored) -> Any:
    """What `describe_steps` was given."""
    from sklearn.pipeline import Pipeline

    texts, tensors = stored
    described, name, verbose = texts.pop("steps"), texts.pop("name"), decode(texts.pop("verbose"))
    steps = [(step["name"], _restore_step(step, f"step{i}_", tensors)) for i, step in enumerate(described)]
    model = restore_model(stored)
    taken = [step.n_features_in_ for _, step in steps] + [model.n_features_in_]
    given = [len(getattr(step, "components_", range(step.n_features_in_))) for _, step in steps]
    if taken[1:] != given:
        raise ValueError("steps that do not fit one another")
    return Pipeline([*steps, (name, model)], verbose=verbose)


def _classes() -> dict[str, type]:
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler

    found: tuple[type, ...] = (StandardScaler, MaxAbsScaler, MinMaxScaler, RobustScaler, Normalizer, PCA)
    return {step.__name__: step for step in found}


def _describe_step(name: str, step: Any) -> Stored:
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(step)
    kind = type(step).__name__
    fitted = {attribute: getattr(step, attribute) for attribute in _FITTED[kind]}
    _check_fitted(kind, fitted, step.n_features_in_)
    arrays = {attribute: value for attribute, value in fitted.items() if isinstance(value, np.ndarray) and value.ndim}
    texts = {
        "name": name,
        "class": kind,
        "hyperparameters": encode_all(step.get_params()),
        "numbers": encode_all({attribute: fitted[attribute] for attribute in fitted if attribute not in arrays}),
        # columns first in memory, on which the order of sums depends, and with it the last bit of a product
        "fortran": [attribute for attribute, array in arrays.items() if not array.flags.c_contiguous],
        "n_features_in": int(step.n_features_in_),
        "feature_names": feature_names(step),
        "output": getattr(step, "_sklearn_output_config", {}).get("transform"),
    }
    return Stored(texts, arrays)


def _restore_step(stored: dict[str, Any], prefix: str, tensors: dict[str, np.ndarray]) -> Any:
    """The step, whose arrays are taken out of the tensors."""
    kind, m, output = stored["class"], stored["n_features_in"], stored["output"]
    step: Any = _classes()[kind](**decode_all(stored["hyperparameters"]))
    arrays = {name.removeprefix(prefix): tensors.pop(name) for name in list(tensors) if name.startswith(prefix)}
    arrays |= {attribute: np.asfortranarray(arrays[attribute]) for attribute in stored["fortran"]}
    fitted = {**decode_all(stored["numbers"]), **arrays}
    exactly(fitted, *_FITTED[kind])
    _check_fitted(kind, fitted, m)
    vars(step).update(fitted)
    set_features(step, stored["feature_names"], m)
    if output is not None:
        if output not in ("default", "pandas", "polars"):
            raise ValueError("a kind of output that is not known")
        step.set_output(transform=output)
    return step


def _check_fitted(kind: str, fitted: dict[str, Any], m: int) -> None:
    """Raise ValueError unless the fitted attributes have their shapes for m features, and are finite."""
    sizes = {"m": m, "c": len(fitted.get("components_", ()))}
    for name, letters in _FITTED[kind].items():
        value, shape = fitted[name], tuple(sizes[letter] for letter in letters)
        if letters and value is None:
            continue  # switched off, as the mean of a scaler
        if np.shape(value) != shape and (name, np.shape(value)) != ("n_samples_seen_", (m,)):  # by feature, with NaN
            raise ValueError(f"{kind} with {name} of shape {np.shape(value)} where {shape} is expected")
        if letters and value.dtype.name not in FLOATS:
            raise ValueError(f"{kind} with {name} of {value.dtype}")
        if name not in _MAY_BE_NAN and not np.isfinite(value).all():
            raise ValueError(f"{kind} with {name} that is not finite")
