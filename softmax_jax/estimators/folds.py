"""Folds: the rows that each trains on and holds out, and the weights that its fit gives to all rows."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

Splits = list[tuple[np.ndarray, np.ndarray]]


def splitter_of(cv: Any, T: np.ndarray, classes: np.ndarray) -> Any:
    """The splitter that `cv` is or stands for.

    Args:
      cv: number of stratified folds, a splitter, or an iterable of pairs.
      T: (n,) class indices.
      classes: (k,) labels.
    """
    if isinstance(cv, numbers.Integral) and not isinstance(cv, bool):
        cv, members = int(cv), np.bincount(T, minlength=len(classes))
        if cv < 2:
            raise ValueError(f"cv must be at least 2 folds, got {cv}.")
        if members.max() < cv:
            raise ValueError(
                f"cv={cv} folds need {cv} members of some class, got at most {members.max()}: take fewer folds, or "
                "pass a splitter such as KFold."
            )
    return check_cv(cv, T, classifier=True)


def splits_of(splitter: Any, T: np.ndarray, metadata: dict[str, Any], weight: np.ndarray | None) -> Splits:
    """Row indices of the folds, trained on and held out.

    Args:
      splitter: of `splitter_of`.
      T: (n,) class indices.
      metadata: what the splitter is given beside, by name.
      weight: (n,) of the scores, or None.
    """
    pairs = splitter.split(np.zeros((len(T), 1)), T, **metadata)
    splits = [(_row_indices(a, len(T), i), _row_indices(b, len(T), i)) for i, (a, b) in enumerate(pairs)]
    for i, (train, test) in enumerate(splits):
        if not len(train) or not len(test):
            raise ValueError(f"cv must leave rows to train on and to hold out in every fold, got none in fold {i}.")
        if weight is not None and not weight[test].any():
            raise ValueError(f"sample_weight must not be zero in all rows held out, as it is in fold {i}.")
    return splits


def _row_indices(rows: Any, n: int, fold: int) -> np.ndarray:
    """Indices in [0, n) of the rows that an index array or a boolean mask (n,) names."""
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n,):
        return np.flatnonzero(rows)
    rows = rows.astype(int) if rows.size == 0 else rows
    if rows.dtype.kind not in "iu" or rows.ndim != 1 or (rows.size and not 0 <= rows.min() <= rows.max() < n):
        raise ValueError(f"cv must give row indices in [0, {n}) or masks of {n} rows, got {rows!r} in fold {fold}.")
    return rows


def fold_weights(splits: Splits, T: np.ndarray, weight: np.ndarray | None, k: int) -> np.ndarray:
    """(F, n) weights that sum to one and are zero on rows held out; a row drawn twice counts twice.

    Args:
      splits: of `splits_of`.
      T: (n,) class indices.
      weight: (n,) of the fits, or None.
      k: number of classes.
    """
    n = len(T)
    rows = np.stack([np.bincount(train, minlength=n) for train, _ in splits]).astype(np.float64)
    if weight is not None:
        rows *= weight
    total = rows.sum(axis=1)
    present = np.array([np.count_nonzero(np.bincount(T, row > 0, k)) for row in rows])
    lacking = (total == 0) | (present < 2)
    if lacking.any():
        fold = int(np.argmax(lacking))
        raise ValueError(f"Every fold needs two classes of positive weight to train on; fold {fold} has not.")
    return rows / total[:, None]
