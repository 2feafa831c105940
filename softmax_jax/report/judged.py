"""What a report shows of predictions: metrics per class, mistakes, confusion and calibration, as parts of a page."""

from __future__ import annotations

import numpy as np

from softmax_jax import plots
from softmax_jax.calibration import expected_calibration_error, temperature_scale
from softmax_jax.plots.confused_pairs import plot_confusion
from softmax_jax.plots.style import new_axes
from softmax_jax.report.evaluation import Evaluation
from softmax_jax.report.page import figure, parts

MOST_LISTED = 25  # classes in a table
_NO_TEMPERATURE = {
    "separated": "none: half of these rows, on which it is fitted, are all predicted right",
    "uninformative": "none: on half of these rows, on which it is fitted, equal probabilities do best",
}


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
    """The confusion matrix as a picture; of many classes the most confused pairs."""
    ax = plot_confusion(evaluation.truth, evaluation.predicted, evaluation.classes)
    return figure(
        ax,
        "Rows of each true class by predicted class, of many classes the most confused pairs.",
        f"Counts of {evaluation.name}.",
    )


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
    rows = {
        "rows": evaluation.name,
        "expected calibration error": error,
        "cross-entropy": f"{_cross_entropy(evaluation.Z, evaluation.y):.6g} nats per sample",
    }
    words = [f"On average the stated confidence is {error:.1%} away from the share of right predictions."]
    if evaluation.held_out and len(evaluation.y) > 1:
        rows |= _temperature(evaluation)
        words.append(
            "Dividing the net input by a temperature changes how sure the model is, and no prediction. It is fitted on "
            "one half of these rows, drawn at random, and tried on the other: rows that it was not fitted on."
        )
    ax = plots.plot_reliability_diagram(evaluation.O, evaluation.y, classes=indices, ax=new_axes((4.8, 5.2)))
    return [parts.text(*words) + parts.facts(rows), figure(ax, "Accuracy against confidence, by bins.")]


def _temperature(evaluation: Evaluation) -> dict[str, str]:
    """The best temperature of half of the rows, and what it does to the cross-entropy of the others."""
    n, k = evaluation.Z.shape
    order = np.random.default_rng(0).permutation(n)
    fitted, tried = np.sort(order[: n // 2]), np.sort(order[n // 2 :])
    scaling = temperature_scale(evaluation.Z[fitted], evaluation.y[fitted], classes=np.arange(k))
    if scaling.status != "converged":
        return {"temperature": _NO_TEMPERATURE[scaling.status]}
    Z, y = evaluation.Z[tried], evaluation.y[tried]
    before, after = _cross_entropy(Z, y), _cross_entropy(Z / scaling.temperature, y)
    return {
        f"temperature, of {len(fitted)} of the rows": f"{scaling.temperature:.4g}",
        f"cross-entropy of the other {len(tried)}": f"{before:.6g}, with the temperature {after:.6g} nats per sample",
    }


def _cross_entropy(Z: np.ndarray, y: np.ndarray) -> float:
    Z = Z.astype(np.float64)
    Z = Z - Z.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(Z).sum(axis=1)) - Z[np.arange(len(y)), y]))
