"""How well probabilities predict labels: accuracy, top 5, balanced accuracy, macro F1, log loss, calibration, by class.

    balanced accuracy   mean over the classes that occur of the share of their rows that is predicted right
    macro F1            mean over the classes that occur or are predicted of 2 tp / (rows + predicted)
    log loss            - mean log O_iy, nats per sample

Rows of a class that the model does not know are predicted wrong; log loss and calibration are of the other rows.
Probabilities may come some rows at a time: of each row a few numbers are kept, whatever the number of classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.calibration import binned, error_of
from softmax_jax.runtime.fields import with_documented_fields

_BINS = 15


@with_documented_fields
class Metrics(NamedTuple):
    """What predictions are worth on n rows.

    Attributes:
      n: rows.
      accuracy: share predicted right.
      top5: share whose label is among the five most probable; None for five classes or fewer.
      balanced_accuracy: as above.
      macro_f1: as above.
      log_loss: as above, nats per sample; NaN where no row is of a known class.
      calibration_error: expected, in 15 bins of equal width; NaN for one class, or no row of a known one.
      per_class: label, precision, recall, F1, rows and rows predicted of each class that occurs or is predicted.
      unknown: labels that the model does not know.
    """

    n: int
    accuracy: float
    top5: float | None
    balanced_accuracy: float
    macro_f1: float
    log_loss: float
    calibration_error: float
    per_class: list[dict[str, Any]]
    unknown: list[Any]


def measure(O: np.ndarray, y: np.ndarray, classes: np.ndarray) -> Metrics:
    """The metrics of probabilities.

    Args:
      O: (n, k), rows sum to 1.
      y: (n,) labels, of the kind of `classes`.
      classes: (k,) labels of the columns.

    Raises:
      ValueError: no row, or O and y differ in length.
    """
    if len(y) == 0 or O.shape != (len(y), len(classes)):
        raise ValueError(
            f"O must be (n, {len(classes)}) with a label for each of n >= 1 rows, got {O.shape}, {y.shape}."
        )
    return measure_blocks([O], y, classes)


def measure_blocks(blocks: Iterable[np.ndarray], y: np.ndarray, classes: np.ndarray) -> Metrics:
    """The metrics of probabilities that come some rows at a time.

    Args:
      blocks: (r, k) each, rows sum to 1; n >= 1 rows in all.
      y: (n,) labels, of the kind of `classes`.
      classes: (k,) labels of the columns.

    Raises:
      ValueError: blocks and y differ in length.
    """
    at, known = indices(y, classes)
    start, judged = 0, []
    for O in blocks:
        of_block = at[start : start + len(O)]
        judged += [_judge(O, of_block)] if len(of_block) == len(O) else []
        start += len(O)
    if start != len(y) or not start:
        raise ValueError(f"blocks must have a row for each of the n >= 1 labels, got {start} for {len(y)}.")
    guesses, confidence, loss_of, first5 = (np.concatenate(part) for part in zip(*judged, strict=True))
    right = known & (guesses == at)
    rows = _per_class(y, at, known, guesses, classes)
    recalls = [row["recall"] for row in rows if row["rows"]]
    top5 = float((known & first5).mean()) if len(classes) > 5 else None
    loss, error = float("nan"), float("nan")
    if known.any():
        loss = float(loss_of[known].mean())
        if len(classes) > 1:
            count = int(known.sum())
            error = error_of(binned(confidence[known], right[known], np.full(count, 1 / count), _BINS))
    return Metrics(
        n=len(y),
        accuracy=float(right.mean()),
        top5=top5,
        balanced_accuracy=float(np.mean(recalls)),
        macro_f1=float(np.mean([row["f1"] for row in rows])),
        log_loss=loss,
        calibration_error=error,
        per_class=rows,
        unknown=np.unique(y[~known]).tolist(),
    )


class _Judged(NamedTuple):
    """What is kept of some rows: the class predicted, its probability, the loss, whether the label is among five."""

    guesses: np.ndarray
    confidence: np.ndarray
    loss: np.ndarray
    first5: np.ndarray


def _judge(O: np.ndarray, at: np.ndarray) -> _Judged:
    """Rows O (r, k) whose labels are of the classes `at` (r,)."""
    rows, first5 = np.arange(len(O)), np.ones(len(O), bool)
    if O.shape[1] > 5:
        first5 = (np.argpartition(-O, 5, axis=1)[:, :5] == at[:, None]).any(axis=1)
    loss = -np.log(np.maximum(O[rows, at].astype(np.float64), np.finfo(O.dtype).tiny))
    return _Judged(O.argmax(axis=1), O.max(axis=1).astype(np.float64), loss, first5)


def indices(y: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each label its place (n,) among the classes, 0 where it has none, and whether it has one (n,).

    Args:
      y: (n,) labels.
      classes: (k,) labels in any order.
    """
    order = np.argsort(classes)
    place = np.minimum(np.searchsorted(classes, y, sorter=order), len(classes) - 1)
    at = order[place]
    known = classes[at] == y
    return np.where(known, at, 0), known


def alike(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Labels in the kind of the classes: text that spells the classes, or numbers where the classes are text of these.

    Args:
      y: (n,) labels as a file holds them.
      classes: (k,) labels as the model knows them.

    Raises:
      ValueError: none of the labels is known to the model.
    """
    found = y
    texts = [array.dtype.kind in "OU" for array in (y, classes)]
    if texts[0] != texts[1]:
        by_name = {str(label): label for label in classes.tolist()}
        found = np.array([by_name.get(str(label), label) for label in y.tolist()])
        if found.dtype.kind != classes.dtype.kind:
            found = y
    if (found.dtype.kind in "OU") != texts[1] or not indices(found, classes)[1].any():
        shown = ", ".join(map(str, classes.tolist()[:8]))
        raise ValueError(f"the model knows none of the labels, {y.tolist()[0]!r} among them; its classes: {shown}.")
    return found


def told(metrics: Metrics) -> dict[str, str]:
    """The metrics as people read them, without the classes: name -> words."""
    values = {
        "accuracy": metrics.accuracy,
        "top-5 accuracy": metrics.top5,
        "balanced accuracy": metrics.balanced_accuracy,
        "macro F1": metrics.macro_f1,
    }
    words = {name: f"{value:.4f}" for name, value in values.items() if value is not None}
    if np.isfinite(metrics.log_loss):
        words["log loss"] = f"{metrics.log_loss:.4f} nats per sample"
    if np.isfinite(metrics.calibration_error):
        words["calibration"] = (
            f"stated confidence is {metrics.calibration_error:.1%} from the share of right predictions"
        )
    if metrics.unknown:
        words["unknown"] = f"labels that the model does not know count as wrong: {metrics.unknown[:8]}"
    return words


def _per_class(
    y: np.ndarray, at: np.ndarray, known: np.ndarray, guesses: np.ndarray, classes: np.ndarray
) -> list[dict[str, Any]]:
    k = len(classes)
    right = np.bincount(at[known & (guesses == at)], minlength=k)
    rows, predicted = np.bincount(at[known], minlength=k), np.bincount(guesses, minlength=k)
    found = [
        _row(
            classes[j].item() if hasattr(classes[j], "item") else classes[j],
            int(right[j]),
            int(rows[j]),
            int(predicted[j]),
        )
        for j in np.argsort(classes)
        if rows[j] or predicted[j]
    ]
    strange, counts = np.unique(y[~known], return_counts=True)
    return found + [_row(label, 0, int(count), 0) for label, count in zip(strange.tolist(), counts, strict=True)]


def _row(label: Any, right: int, rows: int, predicted: int) -> dict[str, Any]:
    shares = {
        "precision": right / max(1, predicted),
        "recall": right / max(1, rows),
        "f1": 2 * right / (rows + predicted),
    }
    return {"class": label, **shares, "rows": rows, "predicted": predicted}
