"""Probes of few features: strengths of l1 from where none is used until more than so many are, and the best before.

Whole features are kept or dropped (group="features"), l2 = 0, and every strength is certified, so that the features of
a strength are those of the optimum and not of a fit that ended early.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.fitting.single import FitResult, fit
from softmax_jax.inputs import checks
from softmax_jax.model import Params
from softmax_jax.model_selection.choice import best_strength
from softmax_jax.model_selection.path import PathResult, fit_path
from softmax_jax.model_selection.protocols import Protocol

STRENGTHS = 100  # from l1_max to a hundredth of it
STRONGER = 1.05  # the factor by which l1 rises where the last fit uses too many features
PENALTY: dict[str, Any] = {"group": "features", "l2": 0.0}


def of_few_features(most: Any) -> Protocol:
    """The protocol of at most `most` features, an integer >= 1; its strengths depend on the data."""
    most = checks.number(most, "sparse", low=1, integer=True)
    return Protocol(
        name=f"at most {most} features",
        source="group lasso, Yuan and Lin 2006",
        strengths=np.zeros(0),
        convention="l1: mean of losses + l1 times the sum over features of the norms of their weights",
        to_l2=lambda strengths, n_samples, n_classes: np.zeros_like(strengths),
        standardised=True,  # the penalty counts weights of different columns alike
    )


def path_to(
    most: int,
    data: tuple[Any, Any, Any, Any],
    settings: dict[str, Any],
    callback: Callable[[int, PathResult], Any] | None = None,
) -> tuple[PathResult, bool]:
    """The strengths tried, strong to weak, of which the last may use more than `most` features; whether it was stopped.

    Args:
      most: features.
      data: X, y, X_val and y_val, as for `fit_path`.
      settings: further arguments of `fit_path`.
      callback: as of `fit_path`.

    Raises:
      KeyboardInterrupt: Ctrl-C before the first strength was done.
    """
    X, y, X_val, y_val = data

    def enough(i: int, path: PathResult) -> bool:
        stop = callback is not None and callback(i, path)
        return bool(stop) or used(path, i) > most

    path = fit_path(X, y, X_val=X_val, y_val=y_val, n_l1=STRENGTHS, callback=enough, **PENALTY, **settings)
    done = STRENGTHS - path.status.count("interrupted")
    if not done:
        raise KeyboardInterrupt
    over = np.flatnonzero(path.n_features[:done] > most)
    if len(over):
        return _first(path, int(over[0]) + 1), False
    return _first(path, done), done < STRENGTHS


def best_of_few(path: PathResult, most: int) -> int:
    """Index of the highest validation accuracy with at most `most` features; of equals the one with the least loss."""
    return best_strength(path.strengths, np.where(path.n_features <= most, path.val_accuracy, np.nan), path.val_loss)


def used(path: PathResult, i: int) -> int:
    """Features with a weight that is not zero at strength i, which was run."""
    return int(np.count_nonzero(path.params.W[i].any(axis=1)))


def refit(
    X: Any, y: Any, path: PathResult, best: int, most: int, settings: dict[str, Any], checkpoint: Path | None = None
) -> tuple[FitResult, float, int]:
    """The winner on other rows, its l1 and how many fits it took: l1 rises until at most `most` features are left.

    Args:
      X: (n, m) features.
      y: (n,) labels.
      path: of `path_to`.
      best: index of the winner.
      most: features.
      settings: further arguments of `fit`.
      checkpoint: folder to keep each fit in, or None.
    """

    def fitted(number: int, l1: float, start: Params) -> FitResult:
        kept = None if checkpoint is None else checkpoint / f"winner-{number}"
        return fit(X, y, l1=l1, init=start, checkpoint=kept, **PENALTY, **settings)

    l1, fits = float(path.strengths[best]), 1
    result = fitted(1, l1, path.at(best))
    while len(result.support) > most and result.status != "interrupted":
        l1, fits = STRONGER * l1, fits + 1
        result = fitted(fits, l1, result.params)
    return result, l1, fits


def _first(path: PathResult, count: int) -> PathResult:
    """The first `count` strengths of a path."""
    fields = path._asdict()
    params, classes = fields.pop("params"), fields.pop("classes")
    return PathResult(
        params=type(params)(*(p[:count] for p in params)), classes=classes, **{k: v[:count] for k, v in fields.items()}
    )
