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
      objective: J at the end, nats per sample.
      duality_gap: the proven bound on J - J* there; inf where there is none.
      tol: the bound that was asked for.
      updates_per_epoch: above 1 for minibatches.
      truth: (n,) labels.
      predicted: (n,) labels.
      classes: (k,) labels in the order to show.
      rows: which rows these are of, in words.
    """

    history: np.ndarray
    objective: float
    duality_gap: float
    tol: float
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
    for ax in _pictures(Shown(np.array([1.0, 0.1]), 0.1, 1e-3, 1e-2, 1, words, words, words, "")).values():
        figure_of(ax).draw_without_rendering()


def _pictures(shown: Shown) -> dict[str, Axes]:
    from softmax_jax.plots.confused_pairs import plot_confusion  # matplotlib is an extra, and slow to import

    confusion = plot_confusion(shown.truth, shown.predicted, shown.classes)
    confusion.set_xlabel(f"{confusion.get_xlabel()} ({shown.rows})")
    if not len(shown.history):
        return {"confusion_matrix.png": confusion}
    return {"loss_curve.png": draw_descent(*shown[:5]), "confusion_matrix.png": confusion}


def draw_descent(
    history: np.ndarray, objective: float, gap: float, tol: float, updates: int, ax: Axes | None = None
) -> Axes:
    """J - J* within its proven band; without a certificate, of minibatches the costs themselves.

    Args:
      history: of one iteration at least; this and the others as in `Shown`.
      objective: J at the end.
      gap: the proven one, or inf.
      tol: the bound that was asked for.
      updates: of an epoch.
      ax: where to draw; a new figure where not given.
    """
    from softmax_jax.plots.convergence import plot_convergence
    from softmax_jax.plots.loss import plot_loss_curve

    if updates > 1 and not np.isfinite(gap):
        return plot_loss_curve(history, updates_per_epoch=updates, ax=ax)
    aim = tol if updates == 1 else None  # that descent by minibatches seldom comes near
    return plot_convergence(history, objective, gap, tol=aim, updates_per_epoch=updates, ax=ax)
