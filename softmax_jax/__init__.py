"""Softmax regression in JAX: the exact optimum, with a proof, from the same pure functions everywhere.

Names are imported when first used, so that `import softmax_jax` costs nothing and touches no device.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from softmax_jax._version import __version__

if TYPE_CHECKING:
    from softmax_jax.certificate import duality_gap
    from softmax_jax.estimator import SoftmaxRegression
    from softmax_jax.estimator_cv import SoftmaxRegressionCV
    from softmax_jax.files import load, save
    from softmax_jax.fitting import FitResult, fit
    from softmax_jax.folds import cross_validate
    from softmax_jax.gradient_check import compare_gradients
    from softmax_jax.gradients import autodiff_gradient, autodiff_hvp, closed_form_gradient, closed_form_hvp
    from softmax_jax.implicit import solve_implicit
    from softmax_jax.losses import cross_entropy, cross_entropy_cost, l2_penalty, objective
    from softmax_jax.many import fit_many
    from softmax_jax.model import Params, init_params, net_input, one_hot_encode, softmax, to_classlabel
    from softmax_jax.path import fit_path
    from softmax_jax.probing import linear_probe
    from softmax_jax.solvers import LBFGS, SGD, Newton, NewtonCG
    from softmax_jax.tuning import tune_l2

_HOME = {
    "certificate": ["duality_gap"],
    "estimator": ["SoftmaxRegression"],
    "estimator_cv": ["SoftmaxRegressionCV"],
    "files": ["load", "save"],
    "fitting": ["FitResult", "fit"],
    "folds": ["cross_validate"],
    "gradient_check": ["compare_gradients"],
    "gradients": ["autodiff_gradient", "autodiff_hvp", "closed_form_gradient", "closed_form_hvp"],
    "implicit": ["solve_implicit"],
    "losses": ["cross_entropy", "cross_entropy_cost", "l2_penalty", "objective"],
    "many": ["fit_many"],
    "model": ["Params", "init_params", "net_input", "one_hot_encode", "softmax", "to_classlabel"],
    "path": ["fit_path"],
    "probing": ["linear_probe"],
    "solvers": ["LBFGS", "SGD", "Newton", "NewtonCG"],
    "tuning": ["tune_l2"],
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "LBFGS",
    "SGD",
    "FitResult",
    "Newton",
    "NewtonCG",
    "Params",
    "SoftmaxRegression",
    "SoftmaxRegressionCV",
    "__version__",
    "autodiff_gradient",
    "autodiff_hvp",
    "closed_form_gradient",
    "closed_form_hvp",
    "compare_gradients",
    "cross_entropy",
    "cross_entropy_cost",
    "cross_validate",
    "duality_gap",
    "fit",
    "fit_many",
    "fit_path",
    "init_params",
    "l2_penalty",
    "linear_probe",
    "load",
    "net_input",
    "objective",
    "one_hot_encode",
    "save",
    "softmax",
    "solve_implicit",
    "to_classlabel",
    "tune_l2",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'softmax_jax' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"softmax_jax.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
