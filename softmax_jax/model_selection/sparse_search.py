"""Probes of few features: strengths of l1 from where none is used until more than so many are, and the best before.

Whole features are kept or dropped (group="features"), l2 = 0, and every strength is certified, so that the features of
a strength are those of the optimum and not of a fit that ended early.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from softmax_jax.fitting.single import FitResult, fit
from softmax_jax.inputs import checks
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
        convention="strength = l1 of the sum over features of the norm of their weights, l2 = 0",
        to_l2=lambda strengths, n_samples, n_classes: np.zeros_like(strengths),
    )


def path_to(
    most: int,
    data: tuple[Any, Any, Any, Any],
    settings: dict[str, Any],
    callback: Callable[[int, PathResult], Any] | None = None,
) -> PathResult:
    """The strengths tried, strong to weak; of these the last may use more than `most` features.

    Args:
      most: features.
      data: X, y, X_val and y_val, as for `fit_path`.
      settings: further arguments of `fit_path`.
      callback: as of `fit_path`, but its answer does not matter.

    Raises:
      KeyboardInterrupt: half of a search is no result.
    """
    X, y, X_val, y_val = data
    last = STRENGTHS - 1

    def beyond(i: int, path: PathResult) -> bool:
        nonlocal last
        if callback is not None:
            callback(i, path)
        full = int(np.count_nonzero(path.params.W[i].any(axis=1))) > most
        last = i if full else last
        return full

    path = fit_path(X, y, X_val=X_val, y_val=y_val, n_l1=STRENGTHS, callback=beyond, **PENALTY, **settings)
    path = _first(path, last + 1)
    if "interrupted" in path.status:
        raise KeyboardInterrupt
    return path


def best_of_few(path: PathResult, most: int) -> int:
    """Index of the highest validation accuracy with at most `most` features; of equals the strongest."""
    return best_strength(path.strengths, np.where(path.n_features <= most, path.val_accuracy, np.nan))


def refit(
    X: Any, y: Any, path: PathResult, best: int, most: int, settings: dict[str, Any]
) -> tuple[FitResult, float, int]:
    """The winner on other rows, its l1 and how many fits it took: l1 rises until at most `most` features are left.

    Args:
      X: (n, m) features.
      y: (n,) labels.
      path: of `path_to`.
      best: index of the winner.
      most: features.
      settings: further arguments of `fit`.
    """
    l1, start, fits = float(path.strengths[best]), path.at(best), 1
    result = fit(X, y, l1=l1, init=start, **PENALTY, **settings)
    while len(result.support) > most and result.status != "interrupted":
        l1, fits = STRONGER * l1, fits + 1
        result = fit(X, y, l1=l1, init=result.params, **PENALTY, **settings)
    return result, l1, fits


def _first(path: PathResult, count: int) -> PathResult:
    """The first `count` strengths of a path."""
    fields = path._asdict()
    params, classes = fields.pop("params"), fields.pop("classes")
    return PathResult(
        params=type(params)(*(p[:count] for p in params)), classes=classes, **{k: v[:count] for k, v in fields.items()}
    )
