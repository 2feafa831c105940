"""Probes of few features: never more than asked for, certified at each strength, the best of those on validation."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.model_selection import sparse_search

M, K = 8, 3


def make_data(n, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n, M)), np.arange(n) % K
    X[:, 0] += 2 * y
    X[:, 3] -= 1.5 * (y == 1)
    return X, np.array(["a", "b", "c"])[y]


DATA = (*make_data(60, 0), *make_data(30, 1))


@pytest.fixture(scope="module")
def probe():
    told = []
    found = sj.linear_probe(*DATA, sparse=2, standardise=False, callback=told.append)
    return found, told


def test_strengths_fall_until_more_features_are_used(probe):
    found, told = probe
    counts = found.path.n_features
    assert counts[0] == 0 and (counts[:-1] <= 2).all() and counts[-1] > 2
    assert (np.diff(found.strengths) < 0).all()
    assert found.strengths[0] == pytest.approx(sj.l1_max(*DATA[:2], group="features"))
    assert found.path.status == ["converged"] * len(counts) and found.path.duality_gap.max() <= 1e-6
    assert [p.n_fits for p in told] == list(range(1, len(counts) + 1))
    np.testing.assert_allclose([p.strength for p in told], found.strengths)


def test_the_best_has_at_most_so_many_and_is_fitted_to_all_rows(probe):
    found, _ = probe
    path, counts = found.path, found.path.n_features
    assert counts[found.best] <= 2
    assert path.val_accuracy[found.best] == path.val_accuracy[counts <= 2].max()
    assert 0 < len(found.result.support) <= 2 and found.result.status == "converged"
    X, y = np.concatenate([DATA[0], DATA[2]]), np.concatenate([DATA[1], DATA[3]])
    alone = sj.fit(X, y, l1=found.l1, l2=0.0, group="features")
    assert abs(alone.objective - found.result.objective) <= 2e-6
    assert found.l2 == 0.0 and found.l1 >= found.strengths[found.best]
    assert found.protocol.name == "at most 2 features"


def test_more_features_than_there_are_is_the_whole_path():
    path, stopped = sparse_search.path_to(M, DATA, {"tol": 1e-4})
    assert not stopped
    assert len(path.status) == sparse_search.STRENGTHS
    assert path.strengths[-1] == pytest.approx(path.strengths[0] / 100)


def test_a_winner_that_uses_more_on_other_rows_is_penalised_more(probe):
    path = probe[0].path
    X, y = DATA[2:]
    last = len(path.status) - 1  # uses more than two on the rows of the search, too
    assert path.n_features[last] > 2
    result, l1, fits = sparse_search.refit(X, y, path, last, 2, {})
    assert len(result.support) <= 2 and fits > 1
    assert l1 == pytest.approx(path.strengths[last] * sparse_search.STRONGER ** (fits - 1))


@pytest.mark.parametrize("sparse", [0, -1, 1.5, "all"])
def test_the_number_of_features_is_checked(sparse):
    with pytest.raises((ValueError, TypeError), match="'sparse' parameter must be an integer >= 1"):
        sj.linear_probe(*DATA, sparse=sparse)
