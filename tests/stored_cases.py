"""Models of every kind that can be saved, and equality to the last bit, for the tests of model files."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler

import softmax_jax as sj

LABELS = {
    "str": np.array(["b", "ant", "\u00e9\u6f22 "]),
    "object": np.array(["b", "ant", "c"], object),
    "bool": np.array([False, True, True]),
    "int": np.array([-3, 2**60, 7]),
    "int8": np.array([1, 2, -3], np.int8),
    "uint64": np.array([2**63 + 1, 2, 3], np.uint64),
    "float": np.array([1.0, -2.0, 2.0**53 - 1]),
    "float32": np.array([1, 2, 2**24 - 1], np.float32),
}


def make_data(dtype="float64", labels="str", n=60, m=4):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, m)).astype(dtype), LABELS[labels][np.arange(n) % 3]


@functools.cache
def fitted(dtype, labels):
    return sj.SoftmaxRegression(l2=0.01).fit(*make_data(dtype, labels))


def make_estimator(data="float64", labels="str", **parameters):
    """A fitted estimator, with some parameters changed since."""
    return copy.deepcopy(fitted(data, labels)).set_params(**parameters)


def make_pipe(data: Any = "float64", **parameters) -> Any:
    return make_pipeline(StandardScaler(**parameters), sj.SoftmaxRegression(l2=0.01)).fit(*make_data(data))


@functools.cache
def fitted_cv(dtype):
    return sj.SoftmaxRegressionCV(l2_values=[0.1, 1e-3], cv=3).fit(*make_data(dtype))


def make_cv(data: Any = "float64", **parameters) -> Any:
    """A fitted SoftmaxRegressionCV, with some parameters changed since."""
    return copy.deepcopy(fitted_cv(data)).set_params(**parameters)


def make_steps(data: Any = "float64") -> Any:
    steps = (MaxAbsScaler(), PCA(3), MinMaxScaler(), RobustScaler(), StandardScaler(), Normalizer())
    return make_pipeline(*steps, sj.SoftmaxRegression(l2=0.01)).fit(*make_data(data))


def make_result(dtype="float64"):
    return sj.fit(*make_data(dtype), l2=0.01)


def make_params(dtype: Any = "float64"):
    rng = np.random.default_rng(0)
    return sj.Params(rng.standard_normal((4, 3)).astype(dtype), rng.standard_normal(3).astype(dtype))


MAKERS: dict[str, Any] = {
    "params": make_params,
    "fit_result": make_result,
    "estimator": make_estimator,
    "estimator_cv": make_cv,
    "pipeline": make_pipe,
    "steps": make_steps,
}
PARAMS = {
    "params": lambda params: params,
    "fit_result": lambda result: result.params,
    "estimator": lambda model: model.params_,
    "estimator_cv": lambda model: model.params_,
    "pipeline": lambda model: model[-1].params_,
    "steps": lambda model: model[-1].params_,
}


def attributes(estimator):
    """All attributes but those that scikit-learn keeps for itself during a fit."""
    return {name: value for name, value in sorted(vars(estimator).items()) if name != "_fit_svd_solver"}


def same(a, b):
    """Whether a and b are equal in type, dtype and every bit, through tuples, dicts, estimators and pipelines."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if a.dtype.kind == "O":
            return a.shape == b.shape and a.dtype == b.dtype and same(a.tolist(), b.tolist())
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a) and same(list(a), list(b))
    if isinstance(a, BaseEstimator):
        return same(attributes(a), attributes(b))
    return a == b or (a != a and b != b)
