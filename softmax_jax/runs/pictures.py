"""The pictures of a training run, drawn from plain arrays: JAX is not needed, nor loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Shown(NamedTuple):
    """What the pictures show.

    Attributes:
      history: (t,) cost of each iteration or update; empty for no loss curve.
      floor: a proven lower bound of the cost, nats per sample.
      updates_per_epoch: above 1 for minibatches.
      truth: (n,) labels.
      predicted: (n,) labels.
      classes: (k,) labels in the order to show.
      rows: which rows these are of, in words.
    """

    history: np.ndarray
    floor: float
    updates_per_epoch: int
    truth: np.ndarray
    predicted: np.ndarray
    classes: np.ndarray
    rows: str


def draw(shown: Shown, out: Path) -> list[Path]:
    """Write loss_curve.png, where an iteration was done, and confusion_matrix.png.

    Args:
      shown: what is known of the run.
      out: an existing folder.

    Returns:
      The paths written.
    """
    from softmax_jax.plots.style import save

    pictures = _pictures(shown)
    for name, ax in pictures.items():
        save(ax, out / name)
    return [out / name for name in pictures]


def warm_up() -> None:
    """Import what drawing takes, and find the fonts: what is drawn later is drawn in half of the time."""
    from softmax_jax.plots.style import figure_of

    words = np.array(["a", "b"])
    for ax in _pictures(Shown(np.array([1.0, 0.1]), 0.1, 1, words, words, words, "")).values():
        figure_of(ax).draw_without_rendering()


def _pictures(shown: Shown) -> dict[str, Axes]:
    from softmax_jax.plots.confusion import plot_confusion_matrix  # matplotlib is an extra, and slow to import
    from softmax_jax.plots.loss import plot_loss_curve

    confusion = plot_confusion_matrix(shown.truth, shown.predicted, classes=shown.classes)
    confusion.set_xlabel(f"predicted class ({shown.rows})")
    if not len(shown.history):
        return {"confusion_matrix.png": confusion}
    loss = plot_loss_curve(shown.history, floor=shown.floor, updates_per_epoch=shown.updates_per_epoch)
    return {"loss_curve.png": loss, "confusion_matrix.png": confusion}
