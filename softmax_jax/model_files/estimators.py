"""The estimators as texts and tensors, and back; of SoftmaxRegressionCV the whole cross-validation as well."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from softmax_jax.model import Params
from softmax_jax.model_files.parts import (
    Tensors,
    Texts,
    check_params,
    check_scalars,
    decode_all,
    describe_params,
    encode_all,
    exactly,
    feature_names,
    fitted_arrays,
    restore_feature_names,
)
from softmax_jax.model_files.values import decode, encode, encode_labels

Kind = tuple[Texts, Tensors]
_ARRAYS = {"params_", "classes_", "history_", "feature_names_in_", "path_", "scores_", "l2_values_"}
_OF_FOLDS = ("scores", "objective", "duality_gap", "n_passes")  # (F, L) arrays of a CrossValidation


def describe_estimator(model: Any) -> Kind:
    """A SoftmaxRegression: parameters, labels, names, hyperparameters, fitted scalars and the history."""
    texts, tensors = _describe(model)
    return texts, {**tensors, "history": np.asarray(model.history_)}


def restore_estimator(texts: Texts, tensors: Tensors) -> Any:
    """What `describe_estimator` was given."""
    from softmax_jax.estimators.regression import SoftmaxRegression

    exactly(tensors, {"W", "b", "history"})
    model = _restored(SoftmaxRegression, texts, tensors)
    model.history_ = tensors["history"]
    if model.history_.ndim != 1:
        raise ValueError(f"a history of shape {model.history_.shape}")
    return model


def describe_cv(model: Any) -> Kind:
    """A SoftmaxRegressionCV: as SoftmaxRegression, with all that was found in the folds."""
    _check_fitted(model, "path_")
    texts, tensors = _describe(model)
    path = model.path_
    texts["path"] = {
        "status": path.status,
        "missing": [encode(labels, "missing") for labels in path.missing],
        "sizes": [[len(train), len(held_out)] for train, held_out in path.splits],
    }
    rows = [np.concatenate(part).astype(np.int64) for part in zip(*path.splits, strict=True)]
    found = {name: np.asarray(getattr(path, name)) for name in _OF_FOLDS}
    more = {"l2_values": path.l2_values, "W": path.params.W, "b": path.params.b, "train": rows[0], "held_out": rows[1]}
    return texts, {**tensors, **{f"path_{name}": np.asarray(array) for name, array in {**found, **more}.items()}}


def restore_cv(texts: Texts, tensors: Tensors) -> Any:
    """What `describe_cv` was given."""
    from softmax_jax.estimators.cross_validation import CrossValidation
    from softmax_jax.estimators.regression_cv import SoftmaxRegressionCV

    stored, path = texts.pop("path"), {name[5:]: tensors.pop(name) for name in list(tensors) if name[:5] == "path_"}
    exactly(tensors, {"W", "b"})
    exactly(path, {*_OF_FOLDS, "l2_values", "W", "b", "train", "held_out"})
    model = _restored(SoftmaxRegressionCV, texts, tensors)
    sizes, status = stored["sizes"], stored["status"]
    missing = [decode(labels) for labels in stored["missing"]]
    params = Params(path["W"], path["b"])
    check_params(params._asdict(), "the parameters of the folds")
    F, L = len(sizes), len(path["l2_values"])
    shapes = {params.W.shape, *((*path[name].shape, *model.params_.W.shape) for name in _OF_FOLDS)}
    if shapes != {(F, L, *model.params_.W.shape)} or len(missing) != F or [len(row) for row in status] != [L] * F:
        raise ValueError(f"a cross-validation that is not of {F} folds and {L} strengths")
    rows = [_by_fold(path[name], [pair[part] for pair in sizes]) for part, name in enumerate(("train", "held_out"))]
    found = {name: path[name] for name in _OF_FOLDS}
    splits = list(zip(*rows, strict=True))
    model.path_ = CrossValidation(
        path["l2_values"], classes=model.classes_, params=params, status=status, splits=splits, missing=missing, **found
    )
    model.scores_, model.l2_values_ = path["scores"], path["l2_values"]
    return model


def _by_fold(rows: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    if rows.shape != (sum(sizes),) or min(sizes) < 1 or rows.dtype != np.int64:
        raise ValueError("rows that are not those of the folds")
    return np.split(rows, np.cumsum(sizes)[:-1])


def _describe(model: Any) -> Kind:
    _check_fitted(model, "params_", "classes_", "n_features_in_")
    parameters = model.get_params(deep=False)
    fitted = {name: value for name, value in vars(model).items() if name not in parameters and name not in _ARRAYS}
    texts = {
        "classes": encode_labels(model.classes_, "classes_"),
        "feature_names": feature_names(model),
        "hyperparameters": encode_all(parameters),
        "fitted": encode_all({name: value for name, value in fitted.items() if not name.startswith("_")}),
    }
    return texts, describe_params(model.params_)[1]


def _restored(kind: Any, texts: Texts, tensors: Tensors) -> Any:
    """A fitted estimator of this class, without the arrays that only one of them has."""
    exactly(texts, {"classes", "feature_names", "hyperparameters", "fitted"})
    model = kind(**decode_all(texts["hyperparameters"]))
    model.params_, model.classes_ = fitted_arrays(texts, tensors)
    fitted = decode_all(texts["fitted"])
    m = len(model.params_.W)
    check_scalars(fitted, "_")
    if fitted["n_features_in_"] != m:
        raise ValueError(f"a number of features that is not {m}, the rows of W")
    for name, value in fitted.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*_", name) or hasattr(kind, name):
            raise ValueError(f"the fitted attribute {name!r:.40}")
        setattr(model, name, value)
    restore_feature_names(model, texts["feature_names"], m)
    model._columns = tuple(texts["feature_names"] or ())
    return model


def _check_fitted(model: Any, *attributes: str) -> None:
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model, attributes)
