"""Scores of rows held out: the scorer knows all classes, and is given the weights of the rows where it takes them.

A fold need not hold out a row of every class. A metric of probabilities is then told which class each column is of
(`labels`). Of roc_auc one against the rest, the mean is over the classes that have a curve, those with rows of both
kinds; one against one is a mean over the classes that occur as well.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import get_scorer, make_scorer, roc_auc_score
from sklearn.utils.metadata_routing import MetadataRequest, MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import _check_method_params

from softmax_jax.estimators.base import SoftmaxClassifier
from softmax_jax.prediction import host_net_input

Score = Callable[[SoftmaxClassifier], float]


def held_out_score(
    scoring: Any, classes: np.ndarray, sample_weight: np.ndarray | None, metadata: dict[str, Any]
) -> Callable[[Any, np.ndarray, np.ndarray], Score]:
    """A function of the rows held out (r, m), labels y (n,) of all and the places (r,), which scores a model on them.

    Args:
      scoring: None for accuracy, a scikit-learn scorer or its name.
      classes: (k,) labels of the columns.
      sample_weight: (n,) or None, for accuracy.
      metadata: what a scorer is given, as found by `routed`.
    """
    scorer = get_scorer(scoring)
    if scorer is None:
        return lambda X, y, rows: _accuracy(X, y[rows], None if sample_weight is None else sample_weight[rows])
    scorer = _knowing(scorer, classes)

    def on_rows(held_out: Any, y: np.ndarray, rows: np.ndarray) -> Score:
        labels, given = y[rows], _check_method_params(y, metadata, indices=rows)
        return lambda model: scorer(model, held_out, labels, **given)

    return on_rows


def _accuracy(X: Any, y: np.ndarray, weight: np.ndarray | None) -> Score:
    """The share of right labels, by weight."""

    def score(model: SoftmaxClassifier) -> float:
        right = model.classes_[host_net_input(model.params_, X).argmax(axis=1)] == y
        return float(np.average(right, weights=weight))

    return score


def routed(
    scoring: Any, splitter: Any, sample_weight: Any, params: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the scorer and what the splitter is given, each (n,) by name.

    With scikit-learn's metadata routing enabled, what they requested; else the weights, to a scorer that takes them.

    Args:
      scoring: as of `held_out_score`.
      splitter: a scikit-learn splitter.
      sample_weight: (n,) or None.
      params: what else there is to give, by name.

    Raises:
      ValueError: `params` without metadata routing; with it, weights that the scorer neither requested nor refused.
      TypeError: with metadata routing, `params` that nobody requested.
    """
    scorer = get_scorer(scoring)
    if get_config()["enable_metadata_routing"]:
        own = MetadataRequest(owner="cross_validate")
        own.fit.add_request(param="sample_weight", alias=True)  # of the fits, whatever the scorer requests
        given = params if sample_weight is None else {"sample_weight": sample_weight, **params}
        found = process_routing(metadata_router("cross_validate", own, scorer, splitter), "fit", **given)
        return (found["scorer"]["score"] if scorer is not None else {}), found["splitter"]["split"]
    if params:
        names = ", ".join(params)
        raise ValueError(f"params ({names}) need scikit-learn's set_config(enable_metadata_routing=True).")
    if sample_weight is None or scorer is None:
        return {}, {}
    if not _takes_weights(scorer):
        words = f"scoring={scoring!r} takes no sample_weight: all rows held out count the same in the scores."
        warnings.warn(words, UserWarning, stacklevel=3)
        return {}, {}
    return {"sample_weight": sample_weight}, {}


def metadata_router(owner: Any, own: Any, scoring: Any, splitter: Any) -> MetadataRouter:
    """Who is given metadata in a cross-validation: the fits, the splitter, and the scorer where there is one.

    Args:
      owner: of the router.
      own: what the fits request.
      scoring: as of `held_out_score`.
      splitter: a splitter, or what stands for one.
    """
    router = MetadataRouter(owner=owner).add_self_request(own)
    router.add(splitter=splitter, method_mapping=MethodMapping().add(caller="fit", callee="split"))
    scorer = get_scorer(scoring)
    if scorer is not None:
        router.add(scorer=scorer, method_mapping=MethodMapping().add(caller="fit", callee="score"))
    return router


def _takes_weights(scorer: Any) -> bool:
    return "sample_weight" in _arguments(getattr(scorer, "_score_func", scorer))


def _arguments(function: Any) -> Any:
    """The names of the arguments; none where Python cannot tell."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def _knowing(scorer: Any, classes: np.ndarray) -> Any:
    """The scorer, told the classes where its metric of probabilities takes them and was not told others."""
    metric = getattr(scorer, "_score_func", None)
    names = _arguments(metric) if metric is not None else {}
    given = getattr(scorer, "_kwargs", {})
    if "labels" not in names or "labels" in given or scorer._response_method == "predict":
        return scorer
    more = {"labels": classes}
    if "pos_label" in names and len(classes) == 2:
        more["pos_label"] = classes[-1]
    if metric is roc_auc_score and given.get("multi_class") == "ovr" and given.get("average", "macro") != "micro":
        metric = _roc_auc_one_against_rest
    sign, method = scorer._sign == 1, scorer._response_method
    return make_scorer(metric, greater_is_better=sign, response_method=method, **{**more, **given})


def _roc_auc_one_against_rest(
    y: Any, O: Any, *, labels: np.ndarray, average: Any = "macro", sample_weight: Any = None, **others: Any
) -> float:
    """roc_auc_score of each class against the rest, averaged over those for which it is defined."""
    roc_auc: Any = roc_auc_score
    if len(labels) == 2:
        return float(roc_auc(y, O, labels=labels, average=average, sample_weight=sample_weight, **others))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        each = roc_auc(y, O, labels=labels, average=None, sample_weight=sample_weight, **others)
    defined = np.isfinite(each)
    if not defined.any():
        return np.nan
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
    shares = np.array([weight[np.asarray(y) == label].sum() for label in labels])
    return float(np.average(each[defined], weights=shares[defined] if average == "weighted" else None))
