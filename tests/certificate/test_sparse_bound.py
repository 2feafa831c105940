"""The certificate with l1: above the true distance anywhere, zero at the optimum, the former one without l1."""

from __future__ import annotations

import numpy as np
import pytest
from sparse_attacks import refuted
from sparse_reference import Sparse, minimise, objective, strongest
from streamed_cases import Case, Counting

import softmax_jax as sj
from softmax_jax.certificate.screening import not_screened
from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.penalties import sparsity
from softmax_jax.placement.place import InFloat64, place
from softmax_jax.problem.problem import Spread, with_strengths
from softmax_jax.solvers import working_sets
from softmax_jax.solvers.working_sets import proven

N, M, K = 60, 12, 3
groups = pytest.mark.parametrize("group", [None, "features"])
PROBLEMS, PARTS = 24, 3  # each kind in each shape; `make attack` goes through 10,000


def data(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, M)) * 10 ** rng.uniform(-0.5, 0.5, M)
    y = np.argmax(X[:, :3] + rng.gumbel(size=(N, K)), axis=1)
    return X, y, np.eye(K)[y]


@pytest.mark.parametrize("part", range(PARTS))
def test_no_bound_is_below_the_true_distance_and_none_is_loose_at_the_optimum(part):
    each = PROBLEMS // PARTS
    assert [r for seed in range(part * each, (part + 1) * each) for r in refuted(seed)] == []


def test_the_attack_would_notice_a_bound_that_is_too_small(monkeypatch):
    honest = sj.duality_gap
    monkeypatch.setattr(sj, "duality_gap", lambda *args: 0.9 * honest(*args) - 1e-12)
    noticed = {r.kind for seed in range(16) for r in refuted(seed)}
    assert noticed >= {"ordinary", "soft32", "bias", "offset", "weights"}


@groups
@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_it_is_the_distance_to_an_independent_optimum_within_a_small_factor_near_it(group, l2):
    X, _, T = data()
    problem = Sparse(X, T, 0.03, l2, group)
    best = minimise(problem)
    rng = np.random.default_rng(1)
    for size in (1.0, 1e-2, 1e-4):  # without l2 the bound grows like the violation, not like its square
        W = best.W + size * rng.standard_normal(best.W.shape) * (best.W != 0)
        gap = sj.duality_gap(Params(W, best.b), X, T, l2, l1=0.03, group=group)
        distance = objective(problem, W, best.b) - best.objective
        assert distance <= gap <= 20 * size + 50 * distance
    assert sj.duality_gap(Params(best.W, best.b), X, T, l2, l1=0.03, group=group) < 1e-8


@groups
def test_without_l1_it_is_the_former_bound(group):
    X, _, T = data()
    rng = np.random.default_rng(2)
    params = Params(rng.standard_normal((M, K)), rng.standard_normal(K))
    former = sj.duality_gap(params, X, T, 0.1)
    assert sj.duality_gap(params, X, T, 0.1, l1=0.0, group=group) == former
    assert sj.duality_gap(params, X, T, 0.1, l1=1e-13, group=group) == pytest.approx(former, rel=5e-3)  # other grids
    near = sj.fit(X, T, l2=0.1, tol=1e-4).params
    former = sj.duality_gap(near, X, T, 0.1)
    assert sj.duality_gap(near, X, T, 0.1, l1=1e-15, group=group) == pytest.approx(former, rel=1e-6)
    assert sj.duality_gap(params, X, T, 0.0, l1=0.0) == np.inf


def test_blocks_shards_and_sparse_features_prove_the_same():
    import scipy.sparse

    X, _, T = data()
    rng = np.random.default_rng(3)
    params = Params(rng.standard_normal((M, K)) * (rng.random((M, K)) < 0.5), rng.standard_normal(K))
    for l2 in (0.0, 1e-3):
        expected = sj.duality_gap(params, X, T, l2, l1=0.05)
        for other in (scipy.sparse.csr_matrix(X), Counting(X)):
            assert sj.duality_gap(params, other, T, l2, l1=0.05) == pytest.approx(expected, rel=1e-9)


@groups
def test_what_is_screened_is_zero_at_the_optimum_and_nearly_all_zeros_are_screened_in_the_end(group):
    X, y, T = data()
    top = strongest(Sparse(X, T, 1.0, 0.0, group))
    l1 = 0.4 * top
    best = minimise(Sparse(X, T, l1, 0.0, group))
    placed = with_strengths(place(X, y.astype(np.int32), None, 1.0, True, InFloat64()), l1, 0.0, group)
    deviation = X.std(axis=0)
    kept = []
    for part in (0.0, 0.9, 0.999, 1.0):
        proof = proven(placed.exact, Params(part * best.W, best.b))
        may = not_screened(proof.G, proof.c, proof.gap, deviation, l1, by_feature=group is not None)
        assert not (~np.broadcast_to(may, best.W.shape) & (best.W != 0)).any()
        kept.append(may.any(axis=1).sum())
    assert kept == sorted(kept, reverse=True)
    assert kept[-1] == np.count_nonzero(best.W.any(axis=1)) < kept[0]


def test_deviations_are_never_too_small_for_tiny_or_far_columns():
    rng = np.random.default_rng(5)
    for X in (1e-170 * rng.standard_normal((50, 3)), 1e6 + 1e-3 * rng.standard_normal((50, 3))):
        mean, variance = X.mean(axis=0), np.maximum((X**2).mean(axis=0) - X.mean(axis=0) ** 2, 0)  # as sums of sparse X
        largest = working_sets.largest_deviations(Spread(mean, variance), 50, np.finfo(float))
        scale = np.abs(X).max()
        assert (largest >= scale * (X / scale).std(axis=0)).all()


def test_nothing_is_screened_without_a_bound():
    assert not_screened(np.zeros((4, 3)), 1.0, np.inf, np.ones(4), 1.0, by_feature=False).all()


def test_the_gradient_at_zero_weights_gives_the_least_strength_of_no_weights():
    X, y, T = data()
    for group in (None, "features"):
        for free, weight in ((True, None), (False, None), (True, np.linspace(0, 1, N))):
            bias = None if free else np.zeros(K)
            expected = strongest(Sparse(X, T, 1.0, 0.0, group, weight, bias))
            found = sj.l1_max(X, y, group=group, fit_intercept=free, sample_weight=weight)
            assert found == pytest.approx(expected, rel=1e-9)


def test_the_record_of_the_group_is_what_the_problem_carries():
    case = Case(np.float64)
    with scope(np.float64):
        held = with_strengths(place(case.X, case.y, None, 1.0, True, InFloat64()), 0.2, 0.1, "features").exact
        assert (float(held.sparsity.l1), float(held.l2)) == (0.2, 0.1)
    assert type(held.sparsity) is type(sparsity(0.2, "features"))
