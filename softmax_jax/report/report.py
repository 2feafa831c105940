"""What a training run did and found, as one HTML file to send to somebody: figures and style inline, no network."""

from __future__ import annotations

import datetime
import math
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax import plots
from softmax_jax.data.rows.reading import in_blocks, in_memory, some_rows
from softmax_jax.gradient_check import compare_gradients
from softmax_jax.model import one_hot_encode
from softmax_jax.plots.style import new_axes
from softmax_jax.report.evaluation import evaluate
from softmax_jax.report.judged import MOST_LISTED, calibration, confusion, metrics, mistakes
from softmax_jax.report.page import figure, page, parts
from softmax_jax.runs.pictures import draw_descent
from softmax_jax.runs.summary import TrainingRun, data_warnings_of, kept_words, outcome, told
from softmax_jax.runtime.host import on_host
from softmax_jax.storage.atomic import write_atomically

_MOST_CHECKED = 1000  # rows of the gradient check, of which finite differences take hundreds of passes
_NARROW = 8  # classes up to which a heat map of weights has room in half of the page
_HALF = (5.0, 3.7)  # inches, of a figure that takes half of the page
_SCALED = "standardised to mean 0, variance 1 of the training rows"
_PACKAGES = ("jax", "jaxlib", "numpy", "scikit-learn", "optax")


@on_host
def write_report(run: TrainingRun, path: str | Path) -> Path:
    """Write the report of a run: certificate, data, settings, metrics, calibration, weights, gradient, environment.

    Args:
      run: from `training.train`.
      path: the HTML file to write; one that is there is replaced.

    Returns:
      The path written.

    Raises:
      OSError: the file cannot be written; an older one is unchanged.
    """
    path = Path(path)
    write_atomically(path, report_html(run).encode("utf-8"))
    return path


@on_host
def report_html(run: TrainingRun) -> str:
    """The report of `write_report` as a string."""
    evaluation, data, summary, good = evaluate(run), run.data, run.summary, run.result.status == "converged"
    gap = run.result.duality_gap
    made = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return page(
        name=data.name,
        size=f"Softmax regression on {summary['n_train']} × {summary['n_features']} training rows, "
        f"{summary['n_classes']} classes",
        good=good,
        verdict="✓ converged: the optimum, with a proof" if good else f"! {run.result.status}: ended short of its goal",
        cards={
            **({"accuracy, test rows": f"{summary['accuracy_test']:.4f}"} if summary["n_test"] else {}),
            "accuracy, training rows": f"{summary['accuracy_train']:.4f}",
            "objective J, nats per sample": f"{run.result.objective:.6g}",
            "most it can be above the optimum": f"{gap:.1e}" if math.isfinite(gap) else "none",
            "for the fit": f"{summary['fit_wall_s']:.2f} s",
        },
        sections={
            "Certificate": _certificate(run),
            "Data": _data(run),
            "Metrics per class": [metrics(evaluation), mistakes(evaluation)],
            "Confusion": [confusion(evaluation)],
            **({"Calibration": calibration(evaluation)} if len(evaluation.classes) > 1 else {}),
            "Weights": _weights(run),
            "Gradient check": [_gradient(run)],
            "Settings and environment": _settings(summary),
        },
        footer=f"Written by softmax_jax {summary['versions']['softmax_jax']} on {made}.",
    )


def _certificate(run: TrainingRun) -> list[str]:
    result, summary = run.result, run.summary
    words = (_meaning(run), *data_warnings_of(run))
    proof = parts.text(*words) + parts.facts(told(summary))
    if not len(result.history):
        return [proof]
    certified = result.history, result.objective, result.duality_gap, summary["tol"]
    ax = draw_descent(*certified, summary["updates_per_epoch"], new_axes(_HALF))
    return [proof, figure(ax, "The cost on its way to the optimum, by iteration or epoch.")]


def _meaning(run: TrainingRun) -> str:
    """What the certificate says, in one sentence, and what to do where the fit did not converge."""
    result, words = run.result, "With l2 = 0 the objective need not have an optimum, and nothing is proven about it."
    if math.isfinite(result.duality_gap):
        words = (
            f"No weights and bias whatever have an objective below {result.objective - result.duality_gap:.8g}: "
            f"this fit is proven, in float64, to be within {result.duality_gap:.1e} nats per sample of the optimum."
        )
    if run.summary["solver"] == "SGD" and result.status != "converged":
        return f"{words} Gradient descent ended first: give more epochs or another eta, or use an exact solver."
    return f"{words} {outcome(run)}"


def _data(run: TrainingRun) -> list[str]:
    data = run.data
    low, high, constant = _extent(data.X)
    values = {
        "rows": f"{len(data.y)}, of which {run.summary['n_test']} for the test",
        "images": " × ".join(map(str, data.image_shape or ())),
        "values": f"{low:.6g} to {high:.6g}, {data.X.dtype}",
        "constant features": constant,
    }
    labels, counts = np.unique(data.y, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_LISTED]
    shares = [(labels[i], int(counts[i]), f"{counts[i] / len(data.y):.1%}") for i in order]
    title = f"the {MOST_LISTED} largest of {len(labels)} classes" if len(labels) > MOST_LISTED else ""
    return [
        parts.facts({name: value for name, value in values.items() if value}),
        parts.grid(("class", "rows", "share"), shares, title),
    ]


def _extent(X: Any) -> tuple[float, float, int]:
    """The least and the largest entry, and how many columns are constant."""
    ends = [(block.min(axis=0), block.max(axis=0)) for _, block in in_blocks(X)]
    low, high = np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)
    return float(low.min()), float(high.max()), int((low == high).sum())


def _settings(summary: dict[str, Any]) -> list[str]:
    settings = {
        "l2": f"{summary['l2']:g} times half the sum of squared weights is part of J; the bias is not penalised",
        "l1": _l1_words(summary),
        "solver": summary["solver"],
        "tol": f"{summary['tol']:g} nats per sample: how near to the least possible J the fit had to come",
        "features": _SCALED if summary["standardised"] else "as they are",
        "seed": summary["seed"],
    }
    machine = {
        "device": summary["device"],
        "dtype": summary["dtype"],
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        **{name: summary["versions"][name] for name in ("python", "softmax_jax")},
        **{name: version(name) for name in _PACKAGES},
    }
    return [parts.facts({name: value for name, value in settings.items() if value != ""}), parts.facts(machine)]


def _l1_words(summary: dict[str, Any]) -> str:
    if not summary.get("l1"):
        return ""
    of = "norms of each feature's weights" if summary["group"] else "absolute weights"
    return f"{summary['l1']:g} times the sum of {of} is part of J"


def _weights(run: TrainingRun) -> list[str]:
    W, classes, data = np.asarray(run.result.params.W, np.float64), run.result.classes, run.data
    scaled = "Weights are of the standardised features. " if run.summary["standardised"] else ""
    if data.image_shape is not None and len(data.image_shape) == 2:
        ax = plots.plot_weights(W, data.image_shape, classes=classes)
        caption = f"{scaled}Red speaks for the class, blue against it."
        return [figure(ax, "The weights of each class as an image.", caption)]
    norms = np.linalg.norm(W, axis=1)
    kept = np.argsort(-norms, kind="stable")[: len(run.result.support)]  # none that is zero
    first = kept[:15]
    for_, against = W.argmax(axis=1), W.argmin(axis=1)
    rows = [(data.feature_names[i], float(norms[i]), classes[for_[i]], classes[against[i]]) for i in first]
    table = parts.grid(("feature", "norm of its weights", "speaks most for", "and against"), rows)
    left = f"{kept_words(run.summary)} are not zero. " if run.summary.get("l1") else ""
    told = parts.text(f"{scaled}{left}The features with the largest weights:") + table
    if W.shape[0] != 2:
        ax = plots.plot_feature_weights(W, feature_names=data.feature_names, classes=classes)
        drawn = figure(ax, "The weights of the features that count most, for each class.")
        return [told + drawn] if len(classes) > _NARROW else [told, drawn]
    plane: Any = {"classes": classes, "feature_names": data.feature_names}
    ax = plots.plot_decision_regions(run.result.params, in_memory(run.split.X_train), run.split.y_train, **plane)
    return [told, figure(ax, "The class predicted at each point of the plane.", "Training rows.")]


def _gradient(run: TrainingRun) -> str:
    y, classes = run.split.y_train, run.result.classes
    rows = np.sort(np.random.default_rng(0).permutation(len(y))[:_MOST_CHECKED])
    T = one_hot_encode(np.searchsorted(classes, y[rows]), len(classes))
    X = in_memory(some_rows(run.split.X_train, rows))
    report = compare_gradients(run.result.params, X, T, run.summary["l2"])
    every, sparse = len(rows) == len(y), bool(run.summary.get("l1"))
    smooth = "the part of J that has one, without the penalty by l1," if sparse else "J"
    words = (
        f"The gradient of {smooth} at the solution by automatic differentiation, in closed form and by finite "
        f"differences, on {'all' if every else f'a sample of {len(rows)}'} training rows."
    )
    if every and not sparse and run.result.status == "converged":
        words += " At an optimum it is itself rounding error: only absolute differences mean anything."
    return parts.text(words) + parts.scrolled(report._repr_html_())
