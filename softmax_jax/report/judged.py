"""What a report shows of predictions: metrics per class, mistakes, confusion and calibration, as parts of a page."""

from __future__ import annotations

import numpy as np

from softmax_jax import plots
from softmax_jax.calibration import expected_calibration_error, temperature_scale
from softmax_jax.plots.style import new_axes
from softmax_jax.report.evaluation import Evaluation
from softmax_jax.report.page import figure, parts

MOST_LISTED = 25  # classes in a table
_LIMITS = {"separated": " (all right: the sharper, the better)", "uninformative": " (no better than equal chances)"}


def metrics(evaluation: Evaluation) -> str:
    """Precision, recall and F1 of each class, or of the worst ones."""
    labels, each, means = evaluation.per_class()
    title, order = f"of {evaluation.name}", np.arange(len(labels))
    if len(order) > MOST_LISTED:
        order = np.argsort(each[:, 2], kind="stable")[:MOST_LISTED]
        title += f"; the {MOST_LISTED} classes of {len(labels)} with the lowest F1"
    rows = [(labels[i], *each[i]) for i in order] + [(f"{name} mean", *values) for name, values in means.items()]
    cells = [(name, *(f"{value:.3f}" for value in values), int(count)) for name, *values, count in rows]
    return parts.grid(("class", "precision", "recall", "F1", "rows"), cells, title)


def confusion(evaluation: Evaluation) -> str:
    """The confusion matrix as a picture."""
    ax = plots.plot_confusion_matrix(evaluation.truth, evaluation.predicted, classes=evaluation.classes)
    return figure(ax, "Counts of true class against predicted class.", f"Counts of {evaluation.name}.")


def mistakes(evaluation: Evaluation) -> str:
    """The pairs of classes that are taken for each other most often."""
    wrong = evaluation.truth != evaluation.predicted
    if not wrong.any():
        return parts.text(f"No mistakes: {evaluation.name} are predicted right.")
    pairs, counts = np.unique(np.stack([evaluation.y, evaluation.guesses])[:, wrong], axis=1, return_counts=True)
    first = np.argsort(-counts, kind="stable")[:10]
    names = evaluation.classes[pairs.T[first]]
    rows = [(f"{i} → {j}", int(count)) for (i, j), count in zip(names, counts[first], strict=True)]
    return parts.grid(("true → predicted", "rows"), rows, "the most frequent mistakes")


def calibration(evaluation: Evaluation) -> list[str]:
    """How far confidence is from accuracy, in numbers and as a picture."""
    indices = np.arange(len(evaluation.classes))
    error = expected_calibration_error(evaluation.O, evaluation.y, classes=indices)
    scaling = temperature_scale(evaluation.Z, evaluation.y, classes=indices)
    rows = {
        "expected calibration error": error,
        "cross-entropy": f"{scaling.cost_before:.6g} nats per sample",
        "best temperature": f"{scaling.temperature:.4g}{_LIMITS.get(scaling.status, '')}",
        "cross-entropy at it": f"{scaling.cost_after:.6g} nats per sample",
        "rows": evaluation.name,
    }
    words = (
        f"On average the stated confidence is {error:.1%} away from the share of right predictions. "
        "Dividing the net input by the best temperature gives the lowest cross-entropy on these rows."
    )
    ax = plots.plot_reliability_diagram(evaluation.O, evaluation.y, classes=indices, ax=new_axes((4.8, 4.4)))
    return [parts.text(words) + parts.facts(rows), figure(ax, "Accuracy against confidence, by bins.")]
