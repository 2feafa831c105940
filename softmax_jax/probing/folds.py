"""Strengths scored on K folds in place of validation rows: one X, the folds side by side in one program.

Every row is held out once, so the score of a strength rests on all n rows. What is certified is the fits on the folds;
the winner's is made afterwards, on all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from softmax_jax.data.rows.reading import some_rows
from softmax_jax.data.rows.source import RowSource
from softmax_jax.inputs.conversion import is_sparse
from softmax_jax.inputs.samples import Samples
from softmax_jax.model import Params
from softmax_jax.model_selection.path import PathResult
from softmax_jax.model_selection.sweep import Sweep
from softmax_jax.model_selection.sweep_checkpoint import store_for
from softmax_jax.model_selection.validation import validation_scores
from softmax_jax.solvers.solutions import Solutions
from softmax_jax.storage.fingerprints import digest


class Folds:
    """The strengths of a probe on K stratified folds, of rows in random order.

    Args:
      rows: checked.
      count: K, at least 2.
      seed: of the order.
      **settings: tol, max_iter, solver and devices, as of `fit_path`.
    """

    def __init__(self, rows: Samples, count: int, seed: int, **settings: Any) -> None:
        """Draw the folds; nothing is placed before the first strength."""
        from sklearn.model_selection import StratifiedKFold

        from softmax_jax.estimators.folds import fold_weights, splits_of

        members = np.bincount(rows.T, minlength=len(rows.classes))
        splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
        if members.min() < count:
            least = rows.classes[members.argmin()].item()
            raise ValueError(f"folds={count} need {count} rows of each class, got {members.min()} of {least!r}.")
        self.rows, self.settings = rows, settings
        drawn = getattr(rows.X, "drawn", None)  # of rows read by blocks: the order that they would have in memory
        at = np.arange(len(rows.T)) if drawn is None else drawn
        self.splits = [(at[train], np.sort(at[held])) for train, held in splits_of(splitter, rows.T[at], {}, None)]
        self.weights = fold_weights(self.splits, rows.T, None, len(rows.classes))
        self._sweeps: list[Sweep] = []

    def solve(
        self, l2_values: np.ndarray, init: Params | None, checkpoint: Any, callback: Callable[[int, PathResult], Any]
    ) -> PathResult:
        """The strengths, strong to weak: gap and status are the worst of the folds', parameters their mean.

        Args:
          l2_values: (q,) strengths > 0, strong to weak.
          init: parameters to start from, where these are the first strengths.
          checkpoint: folder to keep each strength in, or None.
          callback: called after each with its index and the result so far; a true result stops.
        """
        if not self._sweeps:
            self._place(init)
        result = self._blank(l2_values)
        settings = {
            "tol": self.settings["tol"],
            "max_iter": self.settings["max_iter"],
            "init": init,
            "folds": digest(self.weights),
        }
        data = (self.rows.X, self.rows.T, None, self.rows.classes)
        try:
            # where folds are swept one by one, only the first one's solver goes on where it was
            with store_for(checkpoint, self._sweeps[0], result, data, None, settings) as store:
                done = 0 if store is None else store.load()
                for i in range(done, len(l2_values)):
                    self._enter(
                        result, i, [sweep.solve(float(l2_values[i]), self.settings["tol"]) for sweep in self._sweeps]
                    )
                    if store is not None:
                        store.save(i + 1)
                    if callback(i, result):
                        break
        except KeyboardInterrupt:
            pass  # what is not solved keeps the status "interrupted"
        return result

    def _place(self, init: Params | None) -> None:
        alone = is_sparse(self.rows.X) or isinstance(self.rows.X, RowSource)
        groups = [fold[None] for fold in self.weights] if alone else [self.weights]
        names = ("solver", "max_iter", "devices")
        common = {"n_classes": len(self.rows.classes), "fit_intercept": True} | {
            name: self.settings[name] for name in names
        }
        self._sweeps = [Sweep(self.rows.X, self.rows.T, group, **common) for group in groups]
        if init is not None:
            for sweep in self._sweeps:
                sweep.start_from(init)

    def _blank(self, l2_values: np.ndarray) -> PathResult:
        L, (m, k), dtype = len(l2_values), self._sweeps[0].shape, self._sweeps[0].data.dtype
        params = Params(np.full((L, m, k), np.nan, dtype), np.full((L, k), np.nan, dtype))
        numbers = np.full(L, np.nan), np.full(L, np.inf), ["interrupted"] * L, np.zeros(L, int), np.zeros(L, int)
        scores = np.full(L, np.nan), np.full(L, np.nan)
        return PathResult(l2_values, params, self.rows.classes, *numbers, *scores, [""] * L, np.zeros(L))

    def _enter(self, result: PathResult, i: int, found: list[Solutions]) -> None:
        """What the folds found at strength i."""
        W, b = (np.concatenate([getattr(each.params, name) for each in found]) for name in ("W", "b"))
        status = [word for each in found for word in each.status]
        result.params.W[i], result.params.b[i] = W.mean(axis=0), b.mean(axis=0)
        result.status[i] = next((word for word in status if word != "converged"), "converged")
        result.objective[i] = np.mean(np.concatenate([each.objective for each in found]))
        result.duality_gap[i] = max(each.duality_gap.max() for each in found)
        result.n_iter[i] = max(each.n_iter.max() for each in found)
        result.n_passes[i] = sum(int(each.n_passes.sum()) for each in found)
        sizes = [len(held) for _, held in self.splits]
        scores = [
            validation_scores(Params(*p), some_rows(self.rows.X, held), self.rows.T[held])
            for *p, (_, held) in zip(W, b, self.splits, strict=True)
        ]
        result.val_loss[i], result.val_accuracy[i] = np.average(scores, axis=0, weights=sizes)
