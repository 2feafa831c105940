"""Rows come to lie where they should, with zeros behind them, in memory of their own."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import scipy.sparse
from jax.sharding import Mesh

from softmax_jax.dtypes import scope
from softmax_jax.placement.place import place
from softmax_jax.placement.shards import Shards, shards_of
from softmax_jax.solvers import LBFGS

MESH = Mesh(np.array(jax.devices()[:4]), ("rows",))


def test_rows_are_shared_evenly_with_zeros_behind_each_part():
    X = np.arange(1, 23, dtype=np.float32).reshape(11, 2)
    shards = shards_of(11, MESH)
    assert shards.counts == (3, 3, 3, 2) and shards.rows == 16
    placed = shards.spread(X)
    assert [s.data.devices() for s in placed.addressable_shards] == [{d} for d in jax.devices()[:4]]
    parts = np.asarray(placed).reshape(4, 16, 2)
    np.testing.assert_array_equal(np.concatenate([p[:c] for p, c in zip(parts, shards.counts, strict=True)]), X)
    assert all((p[c:] == 0).all() for p, c in zip(parts, shards.counts, strict=True))
    turned = np.asarray(shards.spread(X.T, axis=1))
    np.testing.assert_array_equal(turned, np.asarray(placed).T)


def test_a_process_places_the_rows_that_it_holds():
    y = np.arange(10, 15)
    shards = Shards(4, (2, 1, 3, 2), first=2, mesh=MESH)
    here = Shards(4, (3, 2), mesh=Mesh(np.array(jax.devices()[:2]), ("rows",)))
    np.testing.assert_array_equal(np.asarray(here.spread(y)), [10, 11, 12, 0, 13, 14, 0, 0])
    assert sum(shards.counts[shards.first : 3]) == 3  # where the last part starts in the rows of this process


def test_the_caller_s_memory_is_not_shared():
    X = np.ones((16, 2), np.float32)
    placed = [shards_of(16, None).spread(X), shards_of(16, MESH).spread(X)]
    X[:] = 7
    assert all(np.asarray(p).max() == 1 for p in placed)


def test_sparse_parts_laid_end_to_end_are_the_rows_of_the_whole():
    rng = np.random.default_rng(0)
    X = scipy.sparse.csr_array(rng.standard_normal((11, 5)) * (rng.random((11, 5)) < 0.4)).astype(np.float32)
    shards = shards_of(11, MESH)
    record = shards.features(X)
    starts = np.asarray(record.rows.indptr).reshape(4, -1)
    data, columns = (np.asarray(a).reshape(4, -1) for a in (record.rows.data, record.rows.indices))
    rebuilt = [
        scipy.sparse.csr_array((data[i], columns[i], starts[i]), shape=(16, 5)).toarray()[:count]
        for i, count in enumerate(shards.counts)
    ]
    np.testing.assert_array_equal(np.concatenate(rebuilt), X.toarray())
    assert record.shape[1] == 5


@pytest.mark.parametrize(("dtype", "once"), [("float16", True), ("float32", True), ("float64", False)])
def test_soft_targets_lie_once_as_given_and_their_rows_count_as_sums_of_one(dtype, once):
    rng = np.random.default_rng(0)
    X, T = rng.standard_normal((20, 2)).astype(np.float32), rng.dirichlet(np.ones(3), 20).astype(dtype)
    data = place(X, T, None, 0.1, True, LBFGS())
    assert (data.training.rows.T is data.exact.rows.T) == once
    assert data.exact.rows.T.dtype == T.dtype
    with scope(np.float64):
        sums = np.asarray(data.exact.rows.targets).sum(axis=0)[:20]
    np.testing.assert_allclose(sums, 1, rtol=1e-15)
