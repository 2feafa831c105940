"""Each kind of model as texts and tensors, and back; by kind, in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from softmax_jax.fitting.single import FitResult
from softmax_jax.model import Params
from softmax_jax.model_files import fitted, steps
from softmax_jax.model_files.parts import Stored


class Kind(NamedTuple):
    """How a kind of model is described and restored, and the version of the format that a reader must know."""

    describe: Callable[[Any], Stored]
    restore: Callable[[Stored], Any]
    version: int = 1


KINDS = {
    "params": Kind(fitted.describe_params, fitted.restore_params),
    "fit_result": Kind(fitted.describe_result, fitted.restore_result, version=4),
    "estimator": Kind(fitted.describe_model, fitted.restore_model),
    "estimator_cv": Kind(fitted.describe_model, fitted.restore_model, version=2),
    "pipeline": Kind(steps.describe_pipeline, steps.restore_pipeline),
    "steps": Kind(steps.describe_steps, steps.restore_steps, version=2),
}
WITH_L1 = 4  # format whose estimators have l1 and group


def version_of(kind: str, stored: Stored) -> int:
    """The version of the format that a reader of a model must know.

    Args:
      kind: a key of KINDS.
      stored: what it is restored from; hyperparameters that are not their defaults are later than the kind.
    """
    later = fitted.LATER.keys() & stored.texts.get("hyperparameters", {}).keys()
    return max(KINDS[kind].version, WITH_L1 if later else 1)


def kind_of(model: Any) -> str:
    """The kind of a model that can be saved, a key of KINDS.

    Raises:
      TypeError: another kind, a subclass included: what it adds would be lost.
    """
    if type(model) in (Params, FitResult):
        return "params" if type(model) is Params else "fit_result"
    from sklearn.pipeline import Pipeline

    from softmax_jax.estimators.regression import SoftmaxRegression
    from softmax_jax.estimators.regression_cv import SoftmaxRegressionCV

    if type(model) in (SoftmaxRegression, SoftmaxRegressionCV):
        return "estimator" if type(model) is SoftmaxRegression else "estimator_cv"
    if type(model) is Pipeline:
        return steps.kind_of_pipeline(model)
    raise TypeError(
        "model must be Params, FitResult, SoftmaxRegression, SoftmaxRegressionCV or a Pipeline of "
        f"{steps.NAMES_OF_STEPS} and one of these estimators, got {type(model).__name__}."
    )
