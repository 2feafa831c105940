"""The split is scikit-learn's, row for row."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from softmax_jax.runs.stratified import stratified_rows


@pytest.mark.parametrize("seed", range(20))
def test_the_rows_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 9))
    n = int(rng.integers(8 * k, 400))
    y = np.concatenate([np.repeat(np.arange(k), 2), rng.integers(0, k, n - 2 * k)])
    labels = rng.permutation(y) if seed % 2 else np.array([f"class {j}" for j in rng.permutation(y)])
    test = float(rng.choice([0.2, 0.25, 1 / 3, 0.5]))
    theirs = train_test_split(np.arange(n), test_size=test, stratify=labels, random_state=seed)
    ours = stratified_rows(labels, int(np.ceil(test * n)), seed)
    for expected, found in zip(theirs, ours, strict=True):
        np.testing.assert_array_equal(found, expected)
