"""One door's names at the other: solvers by their names in Python, too, and others' arguments answered with ours.

`@door` stands on every function that fits. It makes a record of `solver="lbfgs"`, by the table of `solvers/names`, and
answers an argument that another library has, such as C=1.0, with the name it has here. It leaves the signature alone:
what is no argument is found before the call, where Python itself would only say that it is unexpected.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np

from softmax_jax.conventions import l2_from_sklearn_c
from softmax_jax.solvers.hyperparameters import SOLVERS, solver_record

P = ParamSpec("P")
R = TypeVar("R")
_ANY = inspect.Parameter.VAR_KEYWORD
_MEANT = {  # others' name -> ours, the first of them that a function has
    **dict.fromkeys(("max_epochs", "maxiter", "max_iterations", "max_steps", "n_iter", "iterations"), ("max_iter",)),
    **dict.fromkeys(("tolerance", "gtol", "ftol", "atol", "rtol", "thresh", "eps"), ("tol",)),
    **dict.fromkeys(("n_epochs", "num_epochs"), ("epochs",)),
    **dict.fromkeys(("lr", "learning_rate", "eta0", "step_size"), ("eta",)),
    **dict.fromkeys(("batch_size", "minibatch_size"), ("minibatches",)),
    **dict.fromkeys(("random_state", "seed", "rng", "key"), ("seed", "random_state")),
    **dict.fromkeys(("weights", "weight", "sample_weights"), ("sample_weight",)),
    **dict.fromkeys(("intercept", "bias", "use_bias"), ("fit_intercept",)),
    **dict.fromkeys(("coef_init", "params", "initial_params", "x0", "warm_start"), ("init", "warm_start")),
    **dict.fromkeys(("device", "mesh"), ("devices",)),
    **dict.fromkeys(("l2s", "l2_grid", "strengths"), ("l2_values",)),
    **dict.fromkeys(("optimizer", "optimiser", "algorithm", "method"), ("solver",)),
    **dict.fromkeys(("standardize", "scale", "normalize_columns"), ("standardise",)),
    "normalize": ("normalise",),
}
_OF_DESCENT = ("epochs", "eta", "minibatches")
_STRENGTHS = ("alpha", "lambda_", "lamda", "lam", "lmda", "reg", "reg_lambda", "reg_param", "regularization")
_STRENGTHS += ("weight_decay", "alphas", "lambdas", "lambda_path")
_ELSEWHERE = {
    "class_weight": "SoftmaxRegression(class_weight=...) has it; here give sample_weight, a number for each row",
    "n_jobs": "all cores are used as it is; devices shares the rows over several devices",
    "verbose": "give callback=softmax_jax.progress.ProgressLine(tol) for a live line",
    "penalty": "the penalty is l2, and l1 for sparse solutions; l2=0 is none",
    "l1_ratio": "l1, l2 = softmax_jax.conventions.penalties_from_sklearn_c(C, l1_ratio, n_samples, n_classes)",
}


def door(function: Callable[P, R]) -> Callable[P, R]:
    """A function that takes solvers by name, and answers others' arguments with ours; its signature is the same.

    Args:
      function: that fits, or makes an estimator.
    """
    known = inspect.signature(function).parameters
    takes_any = any(p.kind is _ANY for p in known.values())
    named = function.__qualname__.removesuffix(".__init__")

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if not (takes_any or kwargs.keys() <= known.keys()):
            name = next(name for name in kwargs if name not in known)
            words = _answer(name, kwargs[name], known, _counts(known, args, kwargs))
            raise TypeError(f"{named}() has no argument {name!r}" + (f": {words}." if words else "."))
        name: Any = kwargs.get("solver")
        if isinstance(name, str) and name in SOLVERS and function.__name__ != "__init__":  # others are refused within
            most: Any = kwargs.get("max_iter", known["max_iter"].default if "max_iter" in known else 100)
            kwargs["solver"] = solver_record(name, max_epochs=most)
        return function(*args, **kwargs)

    return wrapper


def _answer(name: str, value: Any, known: Mapping[str, Any], counts: tuple[float, int] | None) -> str:
    """What to give in place of an argument that there is not."""
    strength = "l2_values" if "l2_values" in known else "l2"
    if name in ("C", "Cs") and strength in known:
        return f"give {strength} = {_from_c(value, counts)}"
    if name in _STRENGTHS and strength in known:
        return (
            f"the penalty is l2/2 ||W||^2 beside the mean loss; {strength} = softmax_jax.conventions."
            f"l2_from_mean_lambda({value!r}) where {name}/2 stands beside a mean, l2_from_sum_lambda where beside a sum"
        )
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    meant = _MEANT.get(name, (name,))
    for ours in meant:
        if ours in known:
            return f"it is {ours} here, give {ours}={value!r}" if _is_plain(value) else f"it is {ours} here"
    if meant[0] in _OF_DESCENT and "solver" in known:
        return f"it belongs to gradient descent, solver=SGD({meant[0]}={value!r})"
    close = difflib.get_close_matches(name, known, n=1)
    return f"the nearest is {close[0]}" if close else f"it takes {', '.join(n for n in known if n != 'self')}"


def _from_c(value: Any, counts: tuple[float, int] | None) -> str:
    """The converter of scikit-learn's C with the numbers at hand, and what it gives."""
    n, k = ("len(y)", "len(set(y))") if counts is None else (f"{counts[0]:g}", counts[1])
    call = f"softmax_jax.conventions.l2_from_sklearn_c({value!r}, n_samples={n}, n_classes={k})"
    if counts is None or not isinstance(value, (int, float)) or not value > 0:
        return call
    return f"{call}, the number {l2_from_sklearn_c(value, *counts):.6g}"


def _counts(known: Mapping[str, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[float, int] | None:
    """Samples, or the sum of their weights, and classes, where y is at hand."""
    at = dict(zip(known, args, strict=False)) | dict(kwargs)
    try:
        y, weight = np.asarray(at["y"]), at.get("sample_weight")
        n, k = float(len(y) if weight is None else np.sum(weight)), y.shape[1] if y.ndim == 2 else len(np.unique(y))
    except (KeyError, TypeError, ValueError):
        return None
    return (n, k) if n > 0 and k > 1 else None


def _is_plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str)) or value is None
