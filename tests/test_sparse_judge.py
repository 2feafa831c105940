"""The judge of the sparse races: its gap is never below the true distance, and nothing at the optimum."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sparse_judge import Judge, totals_right
from sparse_reference import Sparse, minimise, strongest


def data(n=40, m=12, k=4):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, m))
    return X, np.argmax(X[:, :3] @ rng.standard_normal((3, k)) + rng.gumbel(size=(n, k)), axis=1)


def case(share: float, l2: float, group: str | None):
    X, y = data()
    problem = Sparse(X, np.eye(4)[y], 0.0, l2, group)
    return Judge(X, y, group), problem._replace(l1=share * strongest(problem))


KINDS = [(share, l2, group) for share in (0.02, 0.3) for l2 in (0.0, 1e-3, 0.1) for group in (None, "features")]


@pytest.mark.parametrize(("share", "l2", "group"), KINDS)
def test_the_gap_is_nothing_at_the_optimum_and_never_below_the_distance_to_it(share, l2, group):
    judge, problem = case(share, l2, group)
    best = minimise(problem)
    verdict = judge(best.W, best.b, problem.l1, l2)
    assert verdict.objective == pytest.approx(best.objective, abs=1e-14)
    assert abs(verdict.gap) < 1e-8
    assert verdict.nonzeros == np.count_nonzero(best.W if group is None else np.linalg.norm(best.W, axis=1))
    rng = np.random.default_rng(1)
    for size in (1e-3, 1e-1, 1.0, 10.0):
        W, b = (p + size * rng.standard_normal(p.shape) for p in best[:2])
        verdict = judge(W, b, problem.l1, l2)
        assert verdict.floor <= best.objective + 1e-13 and verdict.objective >= best.objective


@pytest.mark.parametrize("group", [None, "features"])
def test_no_weights_are_optimal_from_l1_max_on_and_not_below(group):
    judge, problem = case(1.0, 0.0, group)
    assert judge.l1_max() == pytest.approx(problem.l1, rel=1e-12)
    W, b = np.zeros((12, 4)), np.log(problem.T.mean(axis=0))
    assert abs(judge(W, b, problem.l1 * 1.000001, 0.0).gap) < 1e-13
    assert judge(W, b, problem.l1 * 0.9, 0.0).gap > 1e-4


def test_sparse_features_are_judged_as_dense_ones():
    judge, problem = case(0.1, 1e-3, None)
    W, b = np.full((12, 4), 0.1), np.arange(4.0)
    sparse = Judge(sp.csr_array(problem.X), problem.T.argmax(axis=1))
    np.testing.assert_allclose(sparse(W, b, 0.1, 1e-3), judge(W, b, 0.1, 1e-3), rtol=1e-12)


def test_the_class_totals_are_made_right_from_far_away():
    X, y = data()
    Z, T = 3 * X[:, :4], np.eye(4)[y]
    b = totals_right(Z, T, np.array([30.0, 0, -30, 5]))
    E = np.exp(Z + b)
    np.testing.assert_allclose((E / E.sum(axis=1, keepdims=True)).mean(axis=0), T.mean(axis=0), atol=2e-14)
