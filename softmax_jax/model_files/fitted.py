"""What was fitted, as texts and tensors, and back: parameters, a FitResult, an estimator with what its folds found."""

from __future__ import annotations

import re
from numbers import Integral, Real
from typing import Any

import numpy as np

from softmax_jax.fitting.single import FitResult
from softmax_jax.model import Params
from softmax_jax.model_files.parts import Stored, check_params, exactly, feature_names, set_features
from softmax_jax.model_files.values import decode, decode_all, decode_labels, encode, encode_all

LATER = {"l1": 0.0, "group": None, "l1_values": None, "n_l1": None, "l1_ratio": None}  # hyperparameters, stored if set
_SCALARS = {"objective": Real, "duality_gap": Real, "status": str, "n_iter": Integral}
_ARRAYS = {"params_", "classes_", "history_", "feature_names_in_", "path_", "scores_", "l1_values_", "l2_values_"}
_OF_FOLDS = ("scores", "objective", "duality_gap", "n_passes")  # (F, L) arrays of a CrossValidation
_OF_PATH = (*_OF_FOLDS, "l2_values", "W", "b", "train", "held_out")


def describe_params(params: Params) -> Stored:
    """W and b as tensors."""
    return Stored({}, {name: np.asarray(array) for name, array in params._asdict().items()})


def restore_params(stored: Stored) -> Params:
    """What `describe_params` was given."""
    exactly(stored.texts)
    exactly(stored.tensors, "W", "b")
    return Params(**stored.tensors)


def describe_result(result: FitResult) -> Stored:
    """A FitResult: parameters, labels, scalars and the history."""
    fields = result._asdict()
    params, classes, history = (fields.pop(name) for name in ("params", "classes", "history"))
    texts = {"classes": encode(np.asarray(classes), "classes")["array"], "fitted": encode_all(fields)}
    return Stored(texts, {**describe_params(params).tensors, "history": np.asarray(history)})


def restore_result(stored: Stored) -> FitResult:
    """What `describe_result` was given."""
    exactly(stored.texts, "classes", "fitted")
    history = _history(stored)
    params, classes, fitted = _found(stored, "")
    return FitResult(params=params, classes=classes, history=history, **fitted)


def describe_model(model: Any) -> Stored:
    """An estimator: parameters, labels, names, hyperparameters, scalars, and the history or what the folds found."""
    from sklearn.utils.validation import check_is_fitted

    validated = hasattr(model, "l2_values")
    check_is_fitted(model, ("params_", "classes_", "n_features_in_", *(("path_",) if validated else ())))
    parameters = model.get_params(deep=False)
    fitted = {name: value for name, value in vars(model).items() if name not in parameters and name not in _ARRAYS}
    scalars = {name: value for name, value in fitted.items() if not name.startswith("_")}
    texts, tensors = described(model.params_, model.classes_, feature_names(model), parameters, scalars)
    if not validated:
        return Stored(texts, {**tensors, "history": np.asarray(model.history_)})
    path = _describe_path(model.path_)
    return Stored({**texts, "path": path.texts}, {**tensors, **path.tensors})


def described(params: Params, classes: np.ndarray, names: Any, parameters: Any, scalars: Any) -> Stored:
    """What every estimator has.

    Args:
      params: W (m, k) and b (k,).
      classes: (k,) labels.
      names: of the features, or None.
      parameters: hyperparameters by name; those that are left out have their defaults.
      scalars: fitted attributes that are no arrays, by name.
    """
    texts = {
        "classes": encode(classes, "classes_")["array"],
        "feature_names": names,
        "hyperparameters": encode_all({name: parameters[name] for name in parameters if not _unset(name, parameters)}),
        "fitted": encode_all(scalars),
    }
    return Stored(texts, describe_params(params).tensors)


def _unset(name: str, parameters: Any) -> bool:
    """Whether a later hyperparameter has its default, type included: files without it are read by former versions."""
    value = parameters[name]
    return name in LATER and type(value) is type(LATER[name]) and value == LATER[name]


def restore_model(stored: Stored) -> Any:
    """What `describe_model` was given."""
    from softmax_jax.estimators.regression import SoftmaxRegression
    from softmax_jax.estimators.regression_cv import SoftmaxRegressionCV

    texts, tensors = stored
    path = texts.pop("path", None)
    kind: Any = SoftmaxRegression if path is None else SoftmaxRegressionCV
    exactly(texts, "classes", "feature_names", "hyperparameters", "fitted")
    model = kind(**decode_all(texts["hyperparameters"]))
    if path is None:
        model.history_ = _history(stored)
    else:
        of_l1 = ("l1_values",) if "path_l1_values" in tensors else ()
        of_path = Stored(path, {name: tensors.pop(f"path_{name}") for name in (*_OF_PATH, *of_l1)})
    model.params_, model.classes_, fitted = _found(stored, "_")
    m = len(model.params_.W)
    if fitted["n_features_in_"] != m:
        raise ValueError(f"a number of features that is not {m}, the rows of W")
    for name, value in fitted.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*_", name) or hasattr(kind, name):
            raise ValueError(f"the fitted attribute {name!r:.40}")
        setattr(model, name, value)
    set_features(model, texts["feature_names"], m)
    model._columns = tuple(texts["feature_names"] or ())
    if path is not None:
        model.path_ = _restored_path(of_path, model)
        model.scores_, model.l2_values_ = model.path_.scores, model.path_.l2_values
        model.l1_values_, model.l1_ = model.path_.l1_values, fitted.get("l1_", 0.0)
    return model


def _found(stored: Stored, suffix: str) -> tuple[Params, np.ndarray, dict[str, Any]]:
    """Params, classes, which agree on k, and scalars, whose names have the suffix, of their types."""
    texts, tensors = stored
    exactly(tensors, "W", "b")
    classes, fitted, params = decode_labels(texts["classes"]), decode_all(texts["fitted"]), Params(**tensors)
    if params.W.ndim != 2 or len(classes) != params.W.shape[1]:
        raise ValueError(f"{len(classes)} classes with W of shape {params.W.shape}")
    for name, kind in _SCALARS.items():
        if not isinstance(fitted[name + suffix], kind):
            raise ValueError(f"{name + suffix} is of type {type(fitted[name + suffix]).__name__}")
    return params, classes, fitted


def _history(stored: Stored) -> np.ndarray:
    """The history, taken out of the tensors."""
    history = stored.tensors.pop("history")
    if history.ndim != 1:
        raise ValueError(f"a history of shape {history.shape}")
    return history


def _describe_path(path: Any) -> Stored:
    """A CrossValidation; the rows of all folds one after the other."""
    texts = {
        "status": path.status,
        "missing": [encode(labels, "missing") for labels in path.missing],
        "sizes": [[len(train), len(held_out)] for train, held_out in path.splits],
    }
    train, held_out = (np.concatenate(part).astype(np.int64) for part in zip(*path.splits, strict=True))
    arrays = {**path._asdict(), **path.params._asdict(), "train": train, "held_out": held_out}
    of_l1 = ("l1_values",) if path.l1_values.any() else ()
    return Stored(texts, {f"path_{name}": np.asarray(arrays[name]) for name in (*_OF_PATH, *of_l1)})


def _restored_path(stored: Stored, model: Any) -> Any:
    """What `_describe_path` was given, from tensors without their prefix."""
    from softmax_jax.estimators.cross_validation import CrossValidation

    texts, path = stored
    status, missing = texts["status"], [decode(labels) for labels in texts["missing"]]
    params = Params(path.pop("W"), path.pop("b"))
    check_params(params, "the parameters of the folds")
    F, L, of_model = len(texts["sizes"]), len(path["l2_values"]), model.params_.W.shape
    path.setdefault("l1_values", np.zeros(L))
    shapes = {params.W.shape, *((*path[name].shape, *of_model) for name in _OF_FOLDS)}
    of_l1, of_status = path["l1_values"].shape, [len(row) for row in status]
    if shapes != {(F, L, *of_model)} or of_l1 != (L,) or len(missing) != F or of_status != [L] * F:
        raise ValueError(f"a cross-validation that is not of {F} folds and {L} strengths")
    sizes = zip(*texts["sizes"], strict=True)
    rows = [_by_fold(path.pop(name), of_fold) for name, of_fold in zip(("train", "held_out"), sizes, strict=True)]
    splits = list(zip(*rows, strict=True))
    return CrossValidation(classes=model.classes_, params=params, status=status, splits=splits, missing=missing, **path)


def _by_fold(rows: np.ndarray, sizes: tuple[int, ...]) -> list[np.ndarray]:
    if rows.shape != (sum(sizes),) or min(sizes) < 1 or rows.dtype != np.int64:
        raise ValueError("rows that are not those of the folds")
    return np.split(rows, np.cumsum(sizes)[:-1])
