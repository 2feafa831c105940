"""A split of rows at random in the proportions of the classes: the very rows that scikit-learn draws for a seed.

Of each class as many rows are drawn as its share of them, rounded down; what is then missing goes to the classes of
which most was rounded off, by lot among equals. As `train_test_split(..., stratify=y, random_state=seed)`, whose
import takes 2 s: more than all the rest of a run on a small table.

References:
  scikit-learn, sklearn.model_selection.StratifiedShuffleSplit.
"""

from __future__ import annotations

import numpy as np


def stratified_rows(y: np.ndarray, n_test: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows for training and for the test, in random order.

    Args:
      y: (n,) labels, of each class at least two.
      n_test: how many rows are for the test; no fewer than there are classes, and as many are left.
      seed: in [0, 2**32).
    """
    _, index, counts = np.unique(y, return_inverse=True, return_counts=True)
    rng = np.random.RandomState(seed)
    train_counts = _shares(counts, len(y) - n_test, rng)
    test_counts = _shares(counts - train_counts, n_test, rng)
    train, test = [], []
    for rows, n, m in zip(_rows_of_classes(index, counts), train_counts, test_counts, strict=True):
        drawn = rows[rng.permutation(len(rows))]
        train.append(drawn[:n])
        test.append(drawn[n : n + m])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


def _rows_of_classes(index: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    return np.split(np.argsort(index, kind="stable"), np.cumsum(counts)[:-1])


def _shares(counts: np.ndarray, n: int, rng: np.random.RandomState) -> np.ndarray:
    """How many of each class are among n rows."""
    exact = counts / counts.sum() * n
    whole = np.floor(exact)
    remainder, missing = exact - whole, int(n - whole.sum())
    for value in np.unique(remainder)[::-1]:
        if missing == 0:
            break
        equals = np.flatnonzero(remainder == value)
        lucky = rng.choice(equals, size=min(len(equals), missing), replace=False)
        whole[lucky] += 1
        missing -= len(lucky)
    return whole.astype(int)
