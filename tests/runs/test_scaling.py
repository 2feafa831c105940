"""The scaling is scikit-learn's, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from softmax_jax.data.rows.iterable import rows_of_array
from softmax_jax.data.rows.reading import in_memory
from softmax_jax.runs.scaling import scaling_of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_number_is_that_of_scikit_learn(dtype, order, weighted):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((137, 11)) * 10.0 ** rng.uniform(-3, 3, 11) + rng.uniform(-1e3, 1e3, 11)
    X[:, 3] = 3.3  # a column that does not vary
    X = np.array(X, dtype, order=order)
    weights = rng.uniform(size=137) * (rng.uniform(size=137) > 0.1) if weighted else None
    with np.errstate(invalid="ignore"):  # theirs takes the root of a variance below 0, and then leaves it out
        theirs = StandardScaler().fit(X, sample_weight=weights)
    ours = scaling_of(X, weights)
    pairs = [(theirs.mean_, ours.mean), (theirs.var_, ours.var), (theirs.scale_, ours.scale)]
    pairs += [(theirs.n_samples_seen_, ours.seen), (theirs.transform(X), ours.apply(X))]
    for expected, found in pairs:
        np.testing.assert_array_equal(found, expected)
        assert np.asarray(found).dtype == np.asarray(expected).dtype
    assert ours.scale[3] == 1


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_that_are_read_by_blocks_have_the_same_scaling(weighted):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((137, 11)) * 10.0 ** rng.uniform(-3, 3, 11) + rng.uniform(-1e3, 1e3, 11)
    X[:, 3] = 3.3
    weights = rng.uniform(size=137) if weighted else None
    whole, streamed = scaling_of(X, weights), scaling_of(rows_of_array(X), weights)
    np.testing.assert_allclose(streamed.mean, whole.mean, rtol=1e-13)
    np.testing.assert_allclose(streamed.scale, whole.scale, rtol=1e-9)
    assert streamed.scale[3] == 1 and streamed.seen == pytest.approx(whole.seen)
    rows = streamed.of_rows(rows_of_array(X.astype(np.float16)))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(in_memory(rows), streamed.apply(X.astype(np.float16).astype(np.float32)))
