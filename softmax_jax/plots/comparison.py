"""Several features compared: test accuracies with their errors, and how they grow with the labels at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from softmax_jax.plots.style import BLUE, GREY, MARKERS, colours, finish, new_axes
from softmax_jax.plots.style import names as named
from softmax_jax.runtime.host import in_numpy


@in_numpy
def plot_comparison(names: Sequence[str], accuracy: Any, errors: Any, *, n_test: int, ax: Axes | None = None) -> Axes:
    """Mean test accuracy of each of several features, with one standard error; pale dots are seeds.

    Args:
      names: F, of the features, from top to bottom.
      accuracy: (F, S) on the test rows, NaN where it is not known.
      errors: (F,) standard error of the mean.
      n_test: test rows.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes.

    Raises:
      ValueError: shapes disagree.
    """
    scores, errors = np.asarray(accuracy, np.float64), np.asarray(errors, np.float64)
    if scores.ndim != 2 or errors.shape != (len(scores),):
        raise ValueError(f"accuracy must be (F, S) and errors (F,), got {scores.shape} and {errors.shape}.")
    words, places = named(names, len(scores), "names", length=28), np.arange(len(scores))
    ax = ax if ax is not None else new_axes((6.4, 1.4 + 0.42 * len(scores)))
    known = np.isfinite(scores).any(axis=1)
    means = np.array([row[np.isfinite(row)].mean() if any(np.isfinite(row)) else np.nan for row in scores])
    if scores.shape[1] > 1:
        ax.plot(scores, np.repeat(places[:, None], scores.shape[1], axis=1), "o", color=GREY, alpha=0.45, markersize=4)
    look: Any = {"fmt": "o", "color": BLUE, "markersize": 7, "capsize": 3, "elinewidth": 1.6}
    ax.errorbar(means[known], places[known], xerr=errors[known], **look)
    ax.set_yticks(places, words)
    ax.set_ylim(len(scores) - 0.4, -0.6)
    best = int(np.nanargmax(means))
    seeds = f", pale: each of {scores.shape[1]} seeds" if scores.shape[1] > 1 else ""
    ax.set_xlabel(f"test accuracy; bars: one standard error of {n_test} rows{seeds}")
    return finish(ax, f"highest: {words[best]}, {means[best]:.4f}")


@in_numpy
def plot_few_shot(
    shots: Any, accuracy: Any, *, names: Sequence[str], n_classes: int = 0, ax: Axes | None = None
) -> Axes:
    """Test accuracy against the labelled rows a class: the mean over seeds, and a band of one standard deviation.

    Args:
      shots: (H,) rows a class, above 0.
      accuracy: (F, H, S) of F features and S seeds, NaN where it is not known.
      names: F, of the features.
      n_classes: k, for a line at equal chances; 0 for none.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes.

    Raises:
      ValueError: shapes disagree, or nothing is known.
    """
    shots, scores = np.asarray(shots, np.float64), np.asarray(accuracy, np.float64)
    if scores.ndim != 3 or scores.shape[1] != len(shots) or not (shots > 0).all():
        raise ValueError(f"accuracy must be (F, {len(shots)}, S) for these shots above 0, got {scores.shape}.")
    if not np.isfinite(scores).any():
        raise ValueError("accuracy must hold a number, got none.")
    words = named(names, len(scores), "names", length=28)
    ax = ax if ax is not None else new_axes((6.4, 4.2))
    for i, (of, colour) in enumerate(zip(scores, colours(len(scores)), strict=True)):
        kept = [values[np.isfinite(values)] for values in of]
        done = np.array([len(values) > 0 for values in kept])
        mean = np.array([values.mean() for values in kept if len(values)])
        spread = np.array([values.std(ddof=1) if len(values) > 1 else 0.0 for values in kept if len(values)])
        ax.fill_between(shots[done], mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)
        marker = MARKERS[i % len(MARKERS)]
        ax.plot(shots[done], mean, color=colour, marker=marker, markersize=5, linewidth=1.8, label=words[i])
    if n_classes > 1:
        ax.axhline(1 / n_classes, color=GREY, linestyle=":", linewidth=1.2, label="equal chances")
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(list(shots)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(shots, [f"{each:g}" for each in shots])
    ax.set(xlabel="labelled rows of each class", ylabel="test accuracy")
    many = scores.shape[2] > 1
    return finish(ax, f"mean and one deviation of {scores.shape[2]} draws" if many else "one draw")
