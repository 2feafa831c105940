"""Models of every kind that can be saved, and equality to the last bit, for the tests of model files."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import softmax_jax as sj

LABELS = {
    "str": np.array(["b", "ant", "\u00e9\u6f22 "]),
    "object": np.array(["b", "ant", "c"], object),
    "bool": np.array([False, True, True]),
    "int": np.array([-3, 2**60, 7]),
    "int8": np.array([1, 2, -3], np.int8),
    "uint64": np.array([2**63 + 1, 2, 3], np.uint64),
    "float": np.array([1.0, -2.0, 1e300]),
    "float32": np.array([1, 2, 2**24], np.float32),
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


def make_result(dtype="float64"):
    return sj.fit(*make_data(dtype), l2=0.01)


def make_params(dtype: Any = "float64"):
    rng = np.random.default_rng(0)
    return sj.Params(rng.standard_normal((4, 3)).astype(dtype), rng.standard_normal(3).astype(dtype))


MAKERS: dict[str, Any] = {
    "params": make_params,
    "fit_result": make_result,
    "estimator": make_estimator,
    "pipeline": make_pipe,
}
PARAMS = {
    "params": lambda params: params,
    "fit_result": lambda result: result.params,
    "estimator": lambda model: model.params_,
    "pipeline": lambda model: model[1].params_,
}


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
    if isinstance(a, sj.SoftmaxRegression | StandardScaler | Pipeline):
        return same(dict(sorted(vars(a).items())), dict(sorted(vars(b).items())))
    return a == b or (a != a and b != b)
