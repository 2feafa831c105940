"""Fits with l1 end at the optimum that an independent solver finds, with its zeros, however the rows are held."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from sparse_reference import Sparse, minimise, strongest
from streamed_cases import ROWS, Counting

import softmax_jax as sj
from softmax_jax.fitting import sparse
from softmax_jax.placement import budget, columns
from softmax_jax.placement.columns import padded_width
from softmax_jax.solvers import proximal_search, working_sets

N, M, K = 60, 12, 3
groups = pytest.mark.parametrize("group", [None, "features"])


def data(dtype=np.float64, seed=0, m=M):
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((N, m)) * 10 ** rng.uniform(-0.5, 0.5, m) + rng.standard_normal(m)).astype(dtype)
    y = np.argmax(X[:, :3] + rng.gumbel(size=(N, K)), axis=1)
    return X, y, np.eye(K)[y]


def agrees(result, problem, tol=1e-9):
    best = minimise(problem)
    assert result.status == "converged" and result.duality_gap <= tol
    assert -1e-12 <= result.objective - best.objective <= result.duality_gap
    np.testing.assert_array_equal(result.params.W != 0, best.W != 0)
    np.testing.assert_allclose(result.params.W, best.W, atol=1e-4)
    return best


@groups
@pytest.mark.parametrize("l2", [0.0, 0.01])
@pytest.mark.parametrize("share", [0.9, 0.3, 0.03])
def test_the_optimum_and_its_zeros_are_those_of_an_independent_solver(group, l2, share):
    X, y, T = data()
    l1 = share * strongest(Sparse(X, T, 1.0, l2, group))
    result = sj.fit(X, y, l1=l1, l2=l2, group=group, tol=1e-9)
    agrees(result, Sparse(X, T, l1, l2, group))
    assert result.n_nonzero == np.count_nonzero(result.params.W)
    np.testing.assert_array_equal(result.support, np.flatnonzero(result.params.W.any(axis=1)))


@groups
def test_weights_soft_targets_and_a_fixed_bias(group):
    X, _, _ = data()
    rng = np.random.default_rng(1)
    T, weight = rng.dirichlet(np.full(K, 0.3), N), rng.uniform(0, 1, N) * (rng.random(N) > 0.2)
    for free in (True, False):
        problem = Sparse(X, T, 0.05, 0.0, group, weight, None if free else np.zeros(K))
        result = sj.fit(X, T, l1=0.05, l2=0.0, group=group, sample_weight=weight, fit_intercept=free, tol=1e-9)
        agrees(result, problem)


@groups
def test_float32_is_certified_to_more_than_its_rounding_and_keeps_its_zeros(group):
    X, y, T = data(np.float32)
    result = sj.fit(X, y, l1=0.05, l2=0.0, group=group, tol=1e-7)
    assert result.status == "converged" and result.params.W.dtype == np.float32
    best = minimise(Sparse(X.astype(float), T, 0.05, 0.0, group))
    np.testing.assert_array_equal(result.params.W != 0, best.W != 0)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(budget, "streamed_rows", lambda *args: ROWS)


@pytest.mark.parametrize(
    ("kind", "group"), [("CSR", None), ("CSR", "features"), ("read", None), ("shared", "features")]
)
def test_sparse_features_rows_read_by_blocks_and_eight_devices_end_at_the_same(kind, group, small_blocks):
    X, y, _ = data()
    expected = sj.fit(X, y, l1=0.04, l2=0.001, group=group, tol=1e-9)
    given = {"CSR": scipy.sparse.csr_matrix(X), "read": Counting(X), "shared": X}[kind]
    devices = 8 if kind == "shared" else None
    found = sj.fit(given, y, l1=0.04, l2=0.001, group=group, tol=1e-9, devices=devices)
    assert found.status == "converged"
    np.testing.assert_array_equal(found.params.W != 0, expected.params.W != 0)
    np.testing.assert_allclose(found.params.W, expected.params.W, atol=1e-5)


def test_blocks_of_rows_in_memory_end_at_the_same(monkeypatch):
    X, y, _ = data()
    expected = sj.fit(X, y, l1=0.04, l2=0.0, tol=1e-9)
    monkeypatch.setattr(sparse, "first_rows", lambda *args: 16)
    found = sj.fit(X, y, l1=0.04, l2=0.0, tol=1e-9)
    assert found.status == "converged"
    np.testing.assert_allclose(found.params.W, expected.params.W, atol=1e-5)


def small_sets(monkeypatch, few=8, least=4):
    """Working sets as if hundreds of features were many."""
    monkeypatch.setattr(working_sets, "FEW", few)
    monkeypatch.setattr(working_sets, "LEAST", least)
    monkeypatch.setattr(columns, "LEAST_WIDTH", 8)


@pytest.mark.parametrize(
    ("kind", "group"),
    [("dense", None), ("CSR", "features"), ("read", "features"), ("shared", None), ("shared CSR", "features")],
)
def test_sets_that_grow_lead_to_the_optimum_of_all_features(group, kind, monkeypatch, small_blocks):
    small_sets(monkeypatch)
    X, y, T = data(m=40)
    devices = 8 if "shared" in kind else None
    given = {"dense": X, "shared": X, "read": Counting(X)}.get(kind, scipy.sparse.csr_matrix(X))
    rounds = []
    honest = working_sets.WorkingSets.restricted

    def counted(self, chosen, *strengths):
        rounds.append(len(chosen))
        return honest(self, chosen, *strengths)

    monkeypatch.setattr(working_sets.WorkingSets, "restricted", counted)
    result = sj.fit(given, y, l1=0.08, l2=0.0, group=group, tol=1e-8, devices=devices)
    agrees(result, Sparse(X, T, 0.08, 0.0, group), tol=1e-8)
    assert len(rounds) >= 2 and rounds[0] < 40


def test_a_shifted_column_keeps_its_weight_and_the_bias_takes_the_rest():
    X, y, _ = data()
    expected = sj.fit(X, y, l1=0.04, l2=0.0, tol=1e-10)
    far = sj.fit(X + 4096.0, y, l1=0.04, l2=0.0, tol=1e-8)
    assert far.status == "converged"
    np.testing.assert_allclose(far.params.W, expected.params.W, atol=1e-3)


def test_above_the_least_strength_nothing_is_left_but_the_class_shares():
    X, y, _ = data()
    top = sj.l1_max(X, y)
    above, below = (sj.fit(X, y, l1=share * top, l2=0.0, tol=1e-9) for share in (1.0 + 1e-9, 0.999))
    assert above.n_nonzero == 0 and above.n_iter == 0 and below.n_nonzero >= 1
    b, shares = above.params.b, np.log(np.bincount(y) / N)
    np.testing.assert_allclose(b - b.mean(), shares - shares.mean(), atol=1e-6)
    assert sj.fit(X, y, l1=np.inf, l2=0.0).n_nonzero == 0


def test_a_class_that_does_not_occur_and_constant_features_have_no_weight():
    X, y, _ = data()
    X[:, 3], T = 2.0, np.eye(K + 1)[y]
    result = sj.fit(X, T, l1=0.03, l2=0.0, tol=1e-8)
    assert result.status == "converged"
    assert not result.params.W[3].any() and np.isfinite(result.params.b).all()


def test_it_starts_where_it_is_told_and_stops_when_it_is_told():
    X, y, _ = data()
    done = sj.fit(X, y, l1=0.02, l2=0.0, tol=1e-9)
    again = sj.fit(X, y, l1=0.02, l2=0.0, tol=1e-8, init=done.params)
    assert again.n_iter == 0 and again.status == "converged"
    seen = []
    stopped = sj.fit(X, y, l1=0.02, l2=0.0, tol=1e-12, callback=lambda p: seen.append(p) or True)
    assert stopped.status == "interrupted" and len(seen) == 1 and np.isfinite(stopped.duality_gap)
    short = sj.fit(X, y, l1=0.02, l2=0.0, tol=1e-12, max_iter=1)
    assert (short.status, short.n_iter) == ("max_iter", 1) and short.duality_gap > 1e-12


def test_a_fit_that_was_stopped_goes_on_from_its_checkpoint_to_the_same_bits(tmp_path, monkeypatch):
    small_sets(monkeypatch)
    X, y, _ = data(m=40)
    arguments = {"l1": 0.05, "l2": 0.0, "tol": 1e-9}
    whole = sj.fit(X, y, **arguments)
    rounds = []
    honest = working_sets._Fit.round

    def interrupted(self):
        rounds.append(self.n_iter)
        if len(rounds) == 3:
            raise KeyboardInterrupt
        return honest(self)

    monkeypatch.setattr(working_sets._Fit, "round", interrupted)
    half = sj.fit(X, y, **arguments, checkpoint=tmp_path / "fit", every=0)
    assert half.status == "interrupted" and 0 < half.n_iter < whole.n_iter
    resumed = sj.fit(X, y, **arguments, checkpoint=tmp_path / "fit", every=0)
    assert resumed.status == "converged" and rounds[3] == rounds[2]
    np.testing.assert_array_equal(resumed.params.W, whole.params.W)
    np.testing.assert_array_equal(resumed.params.b, whole.params.b)
    np.testing.assert_array_equal(resumed.history, whole.history)


@pytest.mark.parametrize("l1", [-1.0, np.nan, "0.1", None, True])
def test_another_l1_is_refused_by_name(l1):
    X, y, _ = data()
    with pytest.raises((ValueError, TypeError), match="l1"):
        sj.fit(X, y, l1=l1)


@pytest.mark.parametrize("solver", [sj.LBFGS(), sj.NewtonCG(), sj.Newton(), sj.SGD(0.1, 2)])
def test_solvers_that_cannot_are_refused_and_the_one_that_can_is_named(solver):
    X, y, _ = data()
    with pytest.raises(ValueError, match=r"ProximalNewton\(\)"):
        sj.fit(X, y, l1=0.1, solver=solver)
    with pytest.raises(ValueError, match="l1 > 0"):
        sj.fit(X, y, solver=sj.ProximalNewton())


def test_no_step_of_a_fit_makes_the_objective_larger():
    X, y, _ = data(m=40)
    for group in (None, "features"):
        history = sj.fit(X, y, l1=0.02, l2=0.0, group=group, tol=1e-10).history
        assert (np.diff(history) <= 1e-12).all() and len(history) >= 3


def test_the_search_ends_short_of_a_minimum_that_lies_behind_it(monkeypatch):
    X, y, T = data()
    monkeypatch.setattr(proximal_search, "ACCURACY", 1e-3)  # nearly exact steps lead to the same optimum
    agrees(sj.fit(X, y, l1=0.031, l2=0.0, tol=1e-9), Sparse(X, T, 0.031, 0.0))


def test_widths_of_sets_are_few():
    assert {padded_width(count) for count in range(1, 3000)} == {256, 512, 1024, 2048, 4096}
