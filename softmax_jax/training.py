"""A training run on one data set: split, standardise, fit, evaluate, and check the gradient at the solution.

The main job of the command line, without the command line: data in, numbers and pictures out.
"""

from __future__ import annotations

import json
import math
import platform
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from softmax_jax._version import __version__
from softmax_jax.data import Dataset
from softmax_jax.fitting import FitResult, fit
from softmax_jax.gradients import autodiff_gradient, closed_form_gradient
from softmax_jax.model import one_hot_encode
from softmax_jax.prediction import host_net_input
from softmax_jax.solvers import SGD


class Split(NamedTuple):
    """Training and test rows; the test arrays are empty where no test is asked for.

    Attributes:
      X_train: (n, m).
      y_train: (n,).
      X_test: (n_test, m).
      y_test: (n_test,).
      mean: (m,) subtracted from every row; zeros where nothing was standardised.
      scale: (m,) every row was divided by it; ones where nothing was standardised.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


class TrainingRun(NamedTuple):
    """What a run used and found; `summary` is ready for JSON."""

    data: Dataset
    split: Split
    result: FitResult
    summary: dict[str, Any]


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
    result = fit(split.X_train, split.y_train, seed=seed, **settings)
    fit_wall_s = time.perf_counter() - start
    summary = _summary(data, split, result, settings.get("l2", 1e-4))
    solver = settings.get("solver")
    summary |= {
        "solver": "auto" if solver is None else type(solver).__name__,
        "tol": float(settings.get("tol", 1e-6)),
        "fit_wall_s": round(fit_wall_s, 3),
        "updates_per_epoch": _updates_per_epoch(solver, len(split.y_train)),
        "standardised": standardise,
        "seed": seed,
    }
    return TrainingRun(data, split, result, summary)


def split_rows(data: Dataset, *, test: float, standardise: bool, seed: int) -> Split:
    """Training and test rows in the proportions of the classes, both scaled by the training rows.

    Args:
      data: features and labels.
      test: fraction of the rows for the test, in [0, 1).
      standardise: whether to scale.
      seed: of the split, an integer in [0, 2**32).

    Returns:
      Split.

    Raises:
      ValueError: test or seed is out of range, or a class has too few rows.
    """
    if not 0 <= test < 1:
        raise ValueError(f"test must be a fraction of the rows in [0, 1), got {test}.")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer in [0, 2**32), got {seed}.")
    X, y = data.X, data.y
    if test == 0:
        parts = [X, X[:0], y, y[:0]]
    else:
        _check_split(y, test)
        parts = train_test_split(X, y, test_size=test, stratify=y, random_state=seed)
    X_train, X_test, y_train, y_test = (np.asarray(part) for part in parts)
    mean, scale = np.zeros(X.shape[1], X.dtype), np.ones(X.shape[1], X.dtype)
    if standardise:
        scaler = StandardScaler().fit(X_train)
        mean, scale = np.asarray(scaler.mean_), np.asarray(scaler.scale_)
        X_train = np.asarray(scaler.transform(X_train))
        X_test = np.asarray(scaler.transform(X_test)) if len(X_test) else X_test
    return Split(X_train, y_train, X_test, y_test, mean, scale)


def predict(result: FitResult, X: np.ndarray) -> np.ndarray:
    """The label (n,) of the largest net input in each row of X, scaled as for the fit."""
    if len(X) == 0:
        return result.classes[:0]
    return result.classes[host_net_input(result.params, X).argmax(axis=1)]


def write_run(run: TrainingRun, folder: Path) -> list[Path]:
    """Write loss_curve.png, confusion_matrix.png, results.json and model.json.

    Args:
      run: from `train`.
      folder: an existing folder; files of these names in it are replaced.

    Returns:
      The paths written.
    """
    from softmax_jax import plots  # matplotlib is an extra, and slow to import

    result, split = run.result, run.split
    names = ("loss_curve.png", "confusion_matrix.png", "results.json", "model.json")
    paths = [folder / name for name in names]
    floor = result.objective - result.duality_gap
    updates = run.summary["updates_per_epoch"]
    loss = plots.plot_loss_curve(result.history, floor=floor, updates_per_epoch=updates)
    rows, X, y = ("test", split.X_test, split.y_test) if len(split.y_test) else ("training", *split[:2])
    confusion = plots.plot_confusion_matrix(y, predict(result, X), classes=result.classes)
    confusion.set_xlabel(f"predicted class ({rows} rows of {run.data.name})")
    for ax, path in zip((loss, confusion), paths[:2], strict=True):
        ax.figure.savefig(path)  # type: ignore[union-attr] # a figure, not a subfigure
    paths[2].write_text(to_json(run.summary) + "\n", encoding="utf-8")
    paths[3].write_text(to_json(_model(run)) + "\n", encoding="utf-8")
    return paths


def to_json(values: dict[str, Any]) -> str:
    """Standard JSON: numbers that are not finite become null."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(plain(values), indent=2, ensure_ascii=False, allow_nan=False)


def _check_split(y: np.ndarray, test: float) -> None:
    """Refuse what cannot be split with every class on both sides."""
    classes, counts = np.unique(y, return_counts=True)
    n, k = len(y), len(classes)
    n_test = math.ceil(test * n)
    remedy = "or test=0 (--test 0) to train on all rows"
    if counts.min() < 2:
        label = classes[counts.argmin()]
        raise ValueError(f"class {str(label)!r} has 1 row; a split needs 2 of each class, {remedy}.")
    if n_test < k or n - n_test < k:
        raise ValueError(
            f"test={test} splits {n} rows into {n - n_test} and {n_test}; both need at least {k}, "
            f"one for each class; take another fraction, {remedy}."
        )


def _summary(data: Dataset, split: Split, result: FitResult, l2: float) -> dict[str, Any]:
    n, m = split.X_train.shape
    device = jax.devices()[0]
    hits = [predict(result, X) == y for X, y in ((split.X_train, split.y_train), (split.X_test, split.y_test))]
    return {
        "data": data.name,
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
    forms = [
        np.concatenate([np.ravel(np.asarray(g)) for g in gradient(result.params, split.X_train, T, l2)])
        for gradient in (autodiff_gradient, closed_form_gradient)
    ]
    return {
        "largest_entry": float(np.abs(forms[1]).max()),
        "autodiff_minus_closed_form": float(np.abs(forms[0] - forms[1]).max()),
    }


def _model(run: TrainingRun) -> dict[str, Any]:
    """What predicting by hand takes: the class of the largest entry of ((x - mean) / scale) W + b."""
    return {
        "classes": run.result.classes.tolist(),
        "feature_names": list(run.data.feature_names),
        "mean": run.split.mean.tolist(),
        "scale": run.split.scale.tolist(),
        "W": run.result.params.W.tolist(),
        "b": run.result.params.b.tolist(),
    }


def _updates_per_epoch(solver: Any, n: int) -> int:
    """Updates of gradient descent in an epoch of n rows; 1 for other solvers."""
    return -(-n // min(n, solver.minibatches or n)) if isinstance(solver, SGD) else 1
