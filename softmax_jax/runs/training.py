"""A training run on one data set: split, standardise, fit, evaluate, and check the gradient at the solution.

The main job of the command line, without the command line: data in, numbers out; `run_files` writes them.
"""

from __future__ import annotations

import platform
import time
from typing import Any, NamedTuple

import jax
import numpy as np

from softmax_jax._version import __version__
from softmax_jax.data import Dataset
from softmax_jax.fitting.single import FitResult, fit
from softmax_jax.gradients import autodiff_gradient, closed_form_gradient
from softmax_jax.model import one_hot_encode
from softmax_jax.prediction import host_net_input
from softmax_jax.runs.splitting import Split, split_rows
from softmax_jax.runtime.host import in_numpy, on_host
from softmax_jax.solvers import SGD


class TrainingRun(NamedTuple):
    """What a run used and found.

    Attributes:
      data: as read.
      split: the rows it was fitted to and tested on, as `fit` saw them.
      result: what `fit` returned.
      summary: settings and numbers, ready for JSON.
      settings: the arguments of `fit` that SoftmaxRegression has too.
    """

    data: Dataset
    split: Split
    result: FitResult
    summary: dict[str, Any]
    settings: dict[str, Any]


@on_host
def train(data: Dataset, *, test: float = 0.2, standardise: bool = True, seed: int = 0, **settings: Any) -> TrainingRun:
    """Split, standardise, fit and evaluate.

    Args:
      data: features and labels.
      test: fraction of the rows, in [0, 1), kept for the test; each class in proportion.
      standardise: whether to scale features to mean 0 and variance 1 over the training rows.
      seed: of the split, and of gradient descent.
      **settings: further arguments of `fit`, such as l2, solver, tol.

    Returns:
      TrainingRun.

    Raises:
      ValueError: an argument is out of range, or the data are too few to split.
    """
    split = split_rows(data, test=test, standardise=standardise, seed=seed)
    start = time.perf_counter()
    result = fit(split.X_train, split.y_train, seed=seed, sample_weight=split.weights, **settings)
    fit_wall_s = time.perf_counter() - start
    known = {"l2": 1e-4, "solver": None, "tol": 1e-6, "max_iter": 1000}
    known |= {name: value for name, value in settings.items() if name in known}
    summary = summarise(data, split, result, known["l2"])
    solver = known["solver"]
    summary |= {
        "tol": float(known["tol"]),
        "max_iter": known["max_iter"],
        "solver": "auto" if solver is None else type(solver).__name__,
        "fit_wall_s": round(fit_wall_s, 3),
        "updates_per_epoch": _updates_per_epoch(solver, len(split.y_train)),
        "standardised": standardise,
        "weighted": split.weights is not None,
        "test": test,
        "seed": seed,
    }
    return TrainingRun(data, split, result, summary, known | {"seed": seed})


@in_numpy
def predict(result: FitResult, X: np.ndarray) -> np.ndarray:
    """The label (n,) of the largest net input in each row of X, scaled as for the fit."""
    if len(X) == 0:
        return result.classes[:0]
    return result.classes[host_net_input(result.params, X).argmax(axis=1)]


@on_host
def summarise(data: Dataset, split: Split, result: FitResult, l2: float) -> dict[str, Any]:
    """The numbers of a fit to the training rows of `split` at strength `l2`, ready for JSON."""
    n, m = split.X_train.shape
    device = jax.devices()[0]
    hits = [predict(result, X) == y for X, y in ((split.X_train, split.y_train), (split.X_test, split.y_test))]
    return {
        "data": data.name,
        "notes": list(data.notes),
        "n_train": n,
        "n_test": len(split.y_test),
        "n_features": m,
        "n_classes": len(result.classes),
        "l2": float(l2),
        "cost": result.objective,
        "duality_gap": result.duality_gap,
        "status": result.status,
        "n_iter": result.n_iter,
        "n_passes": result.n_passes,
        "accuracy_train": float(hits[0].mean()),
        "accuracy_test": float(hits[1].mean()) if len(hits[1]) else None,
        "gradient": _gradient_agreement(split, result, l2),
        "device": device.device_kind if device.platform != "cpu" else "cpu",
        "dtype": result.params.W.dtype.name,
        "versions": {"softmax_jax": __version__, "jax": jax.__version__, "python": platform.python_version()},
    }


def _gradient_agreement(split: Split, result: FitResult, l2: float) -> dict[str, float]:
    """The largest entry of the gradient on the training rows, and the largest difference of its two forms."""
    T = one_hot_encode(np.searchsorted(result.classes, split.y_train), len(result.classes))
    weights = None if split.weights is None else split.weights.astype(split.X_train.dtype)  # else they widen it
    forms = [
        np.concatenate([np.ravel(np.asarray(g)) for g in gradient(result.params, split.X_train, T, l2, weights)])
        for gradient in (autodiff_gradient, closed_form_gradient)
    ]
    return {
        "largest_entry": float(np.abs(forms[1]).max()),
        "autodiff_minus_closed_form": float(np.abs(forms[0] - forms[1]).max()),
    }


def _updates_per_epoch(solver: Any, n: int) -> int:
    """Updates of gradient descent in an epoch of n rows; 1 for other solvers."""
    return -(-n // min(n, solver.minibatches or n)) if isinstance(solver, SGD) else 1
