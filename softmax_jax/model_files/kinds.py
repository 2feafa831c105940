"""Each kind of model as texts (what JSON holds) and tensors, and back; by kind, in two tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from softmax_jax.fitting.single import FitResult
from softmax_jax.model import Params
from softmax_jax.model_files.estimators import describe_cv, describe_estimator, restore_cv, restore_estimator
from softmax_jax.model_files.parts import (
    Tensors,
    Texts,
    check_scalars,
    decode_all,
    describe_params,
    encode_all,
    exactly,
    fitted_arrays,
)
from softmax_jax.model_files.pipelines import describe_pipeline, restore_pipeline
from softmax_jax.model_files.steps import NAMES_OF_STEPS, describe_steps, kind_of_pipeline, restore_steps
from softmax_jax.model_files.values import encode_labels

FORMATS = {"estimator_cv": 2, "steps": 2}  # that a reader must know, by kind; 1 of the others


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

    from softmax_jax.estimators.regression import SoftmaxRegression
    from softmax_jax.estimators.regression_cv import SoftmaxRegressionCV

    if type(model) is SoftmaxRegression:
        return "estimator"
    if type(model) is SoftmaxRegressionCV:
        return "estimator_cv"
    if type(model) is Pipeline:
        return kind_of_pipeline(model)
    raise TypeError(
        f"model must be Params, FitResult, SoftmaxRegression, SoftmaxRegressionCV or a Pipeline of {NAMES_OF_STEPS} "
        f"and one of these estimators, got {type(model).__name__}."
    )


def _params(texts: Texts, tensors: Tensors) -> Params:
    exactly(texts, set())
    exactly(tensors, {"W", "b"})
    return Params(tensors["W"], tensors["b"])


def _describe_fit(result: FitResult) -> tuple[Texts, Tensors]:
    fields = result._asdict()
    params, classes, history = fields.pop("params"), fields.pop("classes"), fields.pop("history")
    texts = {"classes": encode_labels(np.asarray(classes), "classes"), "fitted": encode_all(fields)}
    return texts, {**describe_params(params)[1], "history": np.asarray(history)}


def _fit_result(texts: Texts, tensors: Tensors) -> FitResult:
    exactly(texts, {"classes", "fitted"})
    exactly(tensors, {"W", "b", "history"})
    params, classes = fitted_arrays(texts, tensors)
    fitted = decode_all(texts["fitted"])
    check_scalars(fitted, "")
    if tensors["history"].ndim != 1:
        raise ValueError(f"a history of shape {tensors['history'].shape}")
    return FitResult(params=params, classes=classes, history=tensors["history"], **fitted)


DESCRIBE: dict[str, Callable[[Any], tuple[Texts, Tensors]]] = {
    "params": describe_params,
    "fit_result": _describe_fit,
    "estimator": describe_estimator,
    "estimator_cv": describe_cv,
    "pipeline": describe_pipeline,
    "steps": describe_steps,
}
RESTORE: dict[str, Callable[[Texts, Tensors], Any]] = {
    "params": _params,
    "fit_result": _fit_result,
    "estimator": restore_estimator,
    "estimator_cv": restore_cv,
    "pipeline": restore_pipeline,
    "steps": restore_steps,
}
