"""A training run and its summary: what was asked for and found, under the same names alone and over processes."""

from __future__ import annotations

import platform
from typing import Any, NamedTuple

import jax
import numpy as np

from softmax_jax._version import __version__
from softmax_jax.data import Dataset
from softmax_jax.display.plain_words import ended_words, gap_words
from softmax_jax.fitting.data_warnings import data_warnings
from softmax_jax.fitting.messages import convergence_message
from softmax_jax.fitting.single import FitResult
from softmax_jax.runs.splitting import Split
from softmax_jax.runtime.fields import with_documented_fields

_DEFAULTS = {"l2": 1e-4, "solver": None, "tol": 1e-6, "max_iter": 1000, "l1": 0.0, "group": None}  # those of `fit`
_APART = 0.05  # of training and test accuracy
_GRADIENT = "autodiff and closed form differ by {autodiff_minus_closed_form:.1e} at most"


@with_documented_fields
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


def known_settings(given: dict[str, Any], seed: int) -> dict[str, Any]:
    """The settings of a run: the defaults of `fit`, and what was given in their place.

    Args:
      given: arguments of `fit`, others among them.
      seed: of everything that is drawn at random.
    """
    return {name: given.get(name, default) for name, default in _DEFAULTS.items()} | {"seed": seed}


def found(data: Dataset, result: FitResult, l2: float, **more: Any) -> dict[str, Any]:
    """What a fit found, ready for JSON.

    Args:
      data: what was read.
      result: what `fit` returned.
      l2: strength it was given.
      **more: what this kind of run knows besides, such as n_train and accuracy_train.
    """
    device = jax.devices()[0]
    return {
        "data": data.name,
        "notes": list(data.notes),
        "n_features": len(data.feature_names),
        "n_classes": len(result.classes),
        "l2": float(l2),
        "cost": result.objective,
        "duality_gap": result.duality_gap,
        "status": result.status,
        "n_iter": result.n_iter,
        "n_passes": result.n_passes,
        **more,
        "n_features_kept": len(result.support),
        "n_weights_kept": result.n_nonzero,
        "device": device.device_kind if device.platform != "cpu" else "cpu",
        "dtype": result.params.W.dtype.name,
        "versions": {"softmax_jax": __version__, "jax": jax.__version__, "python": platform.python_version()},
    }


def asked(settings: dict[str, Any], fit_wall_s: float) -> dict[str, Any]:
    """What the fit was asked for and how long it took, ready for JSON.

    Args:
      settings: from `known_settings`.
      fit_wall_s: wall time, compilation included.
    """
    solver = settings["solver"]
    plain = {"solver": "auto" if solver is None else type(solver).__name__, "fit_wall_s": round(fit_wall_s, 3)}
    return {**settings, "l2": float(settings["l2"]), "tol": float(settings["tol"]), **plain}


def told(summary: dict[str, Any]) -> dict[str, str]:
    """A summary as people read it: name -> words, in the order of a printed table."""
    s, unit = summary, "epochs" if summary.get("solver") == "SGD" else "iterations"
    data = f"{s['data']}: train {s['n_train']} x {s['n_features']}, {s['n_classes']} classes"
    data += f", test {s['n_test']} rows" if s.get("n_test") else ""
    data += ", weighted" if s.get("weighted") else ""
    if "n_processes" in s:
        data += f", shared by {s['n_processes']} processes, {s['n_devices']} devices"
    tested = "" if s.get("accuracy_test") is None else f", test {s['accuracy_test']:.4f}"
    table = {
        "data": data,
        "read": "\n".join(s["notes"]),
        "cost": f"{s['cost']:.8g} nats per sample ({penalty_words(s)})",
        "kept": kept_words(s) if s.get("l1") else "",
        "duality gap": gap_words(s["duality_gap"]),
        "status": ended_words(s["status"], s["n_iter"], s["n_passes"], unit),
        "accuracy": f"train {s['accuracy_train']:.4f}{tested}",
        "gradient": _GRADIENT.format(**s["gradient"]) if "gradient" in s else "",
        "device, dtype": f"{s['device']}, {s['dtype']}",
        "time": _time_words(s) if "fit_wall_s" in s else "",
    }
    return {name: words for name, words in table.items() if words}


def _time_words(summary: dict[str, Any]) -> str:
    """How long the fit took, over all of its runs."""
    words, before = f"{summary['fit_wall_s']:.2f} s for the fit, compilation included", summary.get("resumed")
    if not before:
        return words
    return f"{words}; {before['wall_s']:.2f} s of them before it went on after {before['n_done']} {before['unit']}"


def penalty_words(summary: dict[str, Any]) -> str:
    """The strengths of a fit, as people read them."""
    words = f"l2 = {summary['l2']:g}"
    if not summary.get("l1"):
        return words
    return f"l1 = {summary['l1']:g}{' of whole features' if summary['group'] else ''}, {words}"


def kept_words(summary: dict[str, Any]) -> str:
    """How many features and weights are not zero."""
    m, k = summary["n_features"], summary["n_classes"]
    return f"{summary['n_features_kept']} of {m} features, {summary['n_weights_kept']} of {m * k} weights"


def outcome(run: TrainingRun) -> str:
    """What the status of a run means and what to do, for one that did not converge; "" for one that did."""
    given = {name: run.settings[name] for name in ("solver", "l2", "tol")}
    return convergence_message(run.result, l1=run.settings.get("l1", 0.0), **given)


def tuning_hint(summary: dict[str, Any]) -> str:
    """What to do where training and test rows are predicted so differently that l2 may be too weak; "" elsewhere.

    Args:
      summary: of a run whose l2 was given, not tuned.
    """
    train, test = summary["accuracy_train"], summary.get("accuracy_test")
    if test is None or summary.get("solver") == "SGD":
        return ""
    error = 2 * np.sqrt(test * (1 - test) / summary["n_test"])
    if train - test <= max(_APART, error):
        return ""
    return (
        f"Train and test accuracy part ({train:.4f} and {test:.4f}): l2 = {summary['l2']:g} was given, not tuned. "
        "`softmax-jax probe` with the same data tunes it on validation rows."
    )


def data_warnings_of(run: TrainingRun) -> list[str]:
    """What is odd about the rows that a run was fitted to, in sentences; none for ordinary data."""
    split = run.split
    T = np.searchsorted(run.result.classes, split.y_train)
    penalty = {"l1": run.settings.get("l1", 0.0), "l2": run.settings["l2"]}
    return data_warnings(run.result, split.X_train, T, split.weights, fit_intercept=True, **penalty)
