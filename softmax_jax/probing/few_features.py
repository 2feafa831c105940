"""What a probe of few features finds: l1 falls until more than so many are used, and the best before is fitted again.

The protocol's strengths are those of l1, which depend on the data; see `model_selection/sparse_search`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.model_selection import sparse_search
from softmax_jax.model_selection.choice import best_strength
from softmax_jax.model_selection.path import PathResult
from softmax_jax.probing.along_l2 import Found, as_found
from softmax_jax.probing.rows import Rows
from softmax_jax.probing.search import ProbeProgress


def check_few(most: Any, others: dict[str, Any]) -> int:
    """The number of features that a probe may use, an integer >= 1.

    Args:
      most: as the caller gave it.
      others: arguments that a probe of few features has no use for, by name; None where they were not given.

    Raises:
      ValueError: not as described, or one of `others` was given.
    """
    sparse_search.of_few_features(most)
    if given := [name for name, value in others.items() if value is not None]:
        raise ValueError(f"{given[0]} is for probes along l2, and sparse={most!r} for one along l1: give one of them.")
    return int(most)


def few_features(most: int, rows: Rows, settings: dict[str, Any], callback: Any, checkpoint: Any) -> Found:
    """Search along l1 and fit the best strength with at most `most` features again.

    Args:
      most: features.
      rows: prepared, some of them held out.
      settings: tol, max_iter, solver and devices, as of `fit`.
      callback: told a ProbeProgress after each fit of the search; a true result stops it.
      checkpoint: folder in which each fit is kept, or None.

    Raises:
      KeyboardInterrupt: Ctrl-C before the first fit was done.
    """
    folder = None if checkpoint is None else Path(checkpoint)
    told = _Told(most, callback)
    data = (rows.train, None, rows.X_val, rows.y_val)
    kept = {"checkpoint": None if folder is None else folder / "search"}
    path, stopped = sparse_search.path_to(most, data, settings | kept, told)
    told.rest(path)
    protocol = sparse_search.of_few_features(most)._replace(strengths=path.strengths[::-1])
    best, done = sparse_search.best_of_few(path, most), len(path.status)
    l1 = float(path.strengths[best])
    so_far = as_found(path, best, l1=l1, group=sparse_search.PENALTY["group"]), done, 0.0, l1
    if stopped:
        return Found(protocol, path, path.strengths, best, *so_far, stopped=True)
    try:
        result, l1, fits = sparse_search.refit(rows.everything, None, path, best, most, settings, folder)
    except KeyboardInterrupt:  # the strengths are not lost
        return Found(protocol, path, path.strengths, best, *so_far, stopped=True)
    return Found(protocol, path, path.strengths, best, result, done + fits, 0.0, l1)


class _Told:
    """The callback of the search: tells of each strength once, also of those that a checkpoint had."""

    def __init__(self, most: int, callback: Callable[[ProbeProgress], Any] | None) -> None:
        self.most, self.callback, self.seen = most, callback, 0
        self.scores: list[tuple[float, float]] = []  # accuracy and loss of those told of

    def __call__(self, i: int, path: PathResult) -> bool:
        """Tell of all strengths up to i."""
        stop = False
        for j in range(self.seen, i + 1):
            self.seen = j + 1  # also where the callback is interrupted
            stop = bool(self.callback is not None and self.callback(self._progress(j, path)))
        return stop

    def rest(self, path: PathResult) -> None:
        """Tell of those not told of: all were in the checkpoint."""
        if self.seen < len(path.status):
            self(len(path.status) - 1, path)

    def _progress(self, i: int, path: PathResult) -> ProbeProgress:
        n_features = sparse_search.used(path, i)
        accuracy, loss = float(path.val_accuracy[i]), float(path.val_loss[i])
        self.scores.append((accuracy if n_features <= self.most else np.nan, loss))
        return ProbeProgress(
            n_fits=i + 1,
            most=sparse_search.STRENGTHS,
            strength=float(path.strengths[i]),
            unit="l1",
            l2=float(path.l2_values[i]),
            duality_gap=float(path.duality_gap[i]),
            val_accuracy=accuracy,
            val_loss=loss,
            status=path.status[i],
            is_best=best_strength(path.strengths[: i + 1], *np.transpose(self.scores)) == i,
            n_features=n_features,
        )
