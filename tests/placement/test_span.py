"""Fewer rows than features: the problem in the span of the rows has the optimum of X, and the proof is that of X."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.sharding import Mesh
from sklearn.linear_model import LogisticRegression

import softmax_jax as sj
from softmax_jax.fitting import single
from softmax_jax.model import Params
from softmax_jax.model_selection import many, sweep
from softmax_jax.placement import products
from softmax_jax.placement.place import Kind
from softmax_jax.placement.span import LEAST_FEATURES, padded_columns, pays, span_of, spanned

N, M, K = 40, 300, 3
L2 = 1e-2


def data(dtype: Any = np.float64, seed=0):
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((N, 5)) @ rng.standard_normal((5, M))
    X = (signal + rng.standard_normal((N, M))) / 3
    y = np.argmax(signal[:, :K] + rng.gumbel(size=(N, K)), axis=1)
    y[:K] = np.arange(K)
    return X.astype(dtype), y


def weights(seed=1):
    rng = np.random.default_rng(seed)
    s = rng.uniform(0, 1, N) * (rng.random(N) > 0.2)
    return s / s.sum()


@pytest.fixture
def outside(monkeypatch):
    """fit() with the reduction off."""

    def fit(*args, **kwargs):
        with monkeypatch.context() as off:
            off.setattr(single, "pays", lambda *_: False)
            return sj.fit(*args, **kwargs)

    return fit


@pytest.fixture
def solved_columns(monkeypatch):
    """How many columns the problems had that solvers worked on."""
    seen = []
    run = single.run_solver
    monkeypatch.setattr(single, "run_solver", lambda s, d, *rest: seen.append(d.exact.shape[1]) or run(s, d, *rest))
    return seen


def basis(X, s, free=True):
    span = span_of(X, s, free)
    assert span is not None
    return span


def tilted(spanned):
    """`spanned`, with a basis that is 1 % off."""

    def wrong(*args):
        wide = spanned(*args)
        C = wide.span.C * (1 + 0.01 * np.random.default_rng(5).standard_normal(wide.span.C.shape))
        return wide._replace(span=wide.span._replace(C=C))

    return wrong


def kind(n, m, sparse=False, streamed=False):
    return Kind((n, m), np.dtype(np.float32), sparse, streamed)


@pytest.mark.parametrize("free", [True, False])
def test_the_basis_is_orthonormal_and_its_features_are_those_of_x_with_a_diagonal_covariance(free):
    X, s = data()[0], weights()
    span = basis(X, s, free)
    mean = s @ X if free else np.zeros(M)
    V = (X - mean).T @ span.C
    r = int((np.abs(V).max(axis=0) > 0).sum())
    assert r == (s > 0).sum() - free
    np.testing.assert_allclose(V[:, :r].T @ V[:, :r], np.eye(r), atol=1e-10)
    np.testing.assert_allclose(span.features[s > 0], ((X - mean) @ V)[s > 0], atol=1e-10)
    covariance = span.features.T @ (s[:, None] * span.features)
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-12)


def test_what_goes_in_and_out_has_the_same_net_input_and_a_weight_outside_the_span_is_dropped():
    X, s = data()[0], np.full(N, 1 / N)
    span = basis(X, s)
    rng = np.random.default_rng(2)
    given = Params(rng.standard_normal((M, K)), rng.standard_normal(K))
    inside = span.inward(given)
    back = span.outward(inside)
    np.testing.assert_allclose(X @ back.W + back.b, X @ given.W + given.b, atol=1e-10)
    np.testing.assert_allclose(span.features @ inside.W + inside.b, X @ given.W + given.b, atol=1e-10)
    assert np.linalg.norm(back.W) == pytest.approx(np.linalg.norm(inside.W), rel=1e-10)
    assert np.linalg.norm(back.W) < 0.5 * np.linalg.norm(given.W)


def test_rows_that_occur_twice_have_no_direction_of_their_own():
    X = data()[0]
    twice = np.concatenate([X[:20], X[:20]])
    span = basis(twice, np.full(N, 1 / N))
    assert (np.abs(span.C).max(axis=0) > 0).sum() == 19


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize(("dtype", "tol"), [(np.float64, 1e-10), (np.float32, 1e-6), (np.float16, 1e-6)])
def test_a_fit_in_the_span_is_the_fit_of_x(outside, solved_columns, free, dtype, tol):
    X, y = data(dtype)
    found = sj.fit(X, y, l2=L2, tol=tol, fit_intercept=free, sample_weight=weights())
    assert solved_columns == [padded_columns(int((weights() > 0).sum()) - free)]
    plain = outside(X, y, l2=L2, tol=tol, fit_intercept=free, sample_weight=weights())
    assert found.status == plain.status == "converged"
    assert found.params.W.shape == (M, K)
    assert found.params.W.dtype == found.params.b.dtype == plain.params.W.dtype
    assert found.objective == pytest.approx(plain.objective, abs=2 * tol)
    judged = sj.duality_gap(found.params, X, sj.one_hot_encode(y), L2, weights(), free)
    assert judged <= 1.1 * tol
    np.testing.assert_allclose(found.params.W, plain.params.W, atol=2 * np.sqrt(2 * tol / L2))
    np.testing.assert_allclose(found.params.W.sum(axis=1), 0, atol=1e-6)


def test_it_agrees_with_scikit_learn():
    X, y = data()
    found = sj.fit(X, y, l2=L2, tol=1e-12)
    theirs = LogisticRegression(C=1 / (L2 * N), tol=1e-10, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(found.params.W.T, theirs.coef_, atol=1e-6)


@pytest.mark.parametrize("solver", [sj.LBFGS(), sj.NewtonCG(), sj.Newton()], ids=repr)
def test_every_exact_solver_works_in_the_span_and_descent_does_not(solved_columns, solver):
    X, y = data()
    found = sj.fit(X, y, l2=L2, tol=1e-9, solver=solver)
    assert found.status == "converged"
    descent: Any = sj.SGD(epochs=1)
    sj.fit(X, y, l2=L2, solver=descent)
    assert solved_columns == [40, M]


def test_no_penalty_leaves_the_fit_as_it_is(solved_columns):
    X, y = data()
    sj.fit(X, y, l2=0, max_iter=3)
    assert solved_columns == [M]


def test_soft_targets_and_a_start_that_is_given(outside):
    X, _ = data()
    T = np.random.default_rng(3).dirichlet(np.ones(K), N)
    start = sj.Params(np.random.default_rng(4).standard_normal((M, K)), np.ones(K))
    found = sj.fit(X, T, l2=L2, tol=1e-10, init=start)
    assert found.objective == pytest.approx(outside(X, T, l2=L2, tol=1e-10).objective, abs=2e-10)
    at_optimum = sj.fit(X, T, l2=L2, tol=1e-8, init=found.params)
    assert at_optimum.n_iter == 0


@pytest.mark.parametrize("free", [True, False])
def test_sparse_features(outside, free):
    X, y = data()
    X = scipy.sparse.csr_matrix(np.where(np.abs(X) > 0.7, X, 0))
    found = sj.fit(X, y, l2=L2, tol=1e-9, fit_intercept=free)
    plain = outside(X.toarray(), y, l2=L2, tol=1e-9, fit_intercept=free)
    assert found.status == "converged"
    assert found.objective == pytest.approx(plain.objective, abs=2e-9)


def test_columns_far_from_zero_are_certified_as_they_were_given():
    X, y = data()
    far = (X / 8 + 1e4).astype(np.float32)
    found = sj.fit(far, y, l2=1e-3, tol=1e-5)
    assert found.status == "converged"
    near = sj.fit(far.astype(np.float64) - 1e4, y, l2=1e-3, tol=1e-9)
    assert found.objective == pytest.approx(near.objective, abs=2e-5)


def test_numbers_whose_squares_overflow_are_fitted_outside_of_the_span(solved_columns):
    X, y = data()
    sj.fit(X * 1e200, y, l2=L2, max_iter=1)
    assert solved_columns == [M]


def test_a_proof_that_rounding_in_the_basis_has_cost_is_made_up_for_outside_of_it(monkeypatch, solved_columns):
    X, y = data()
    monkeypatch.setattr(single, "spanned", tilted(single.spanned))
    found = sj.fit(X, y, l2=L2, tol=1e-9)
    assert solved_columns == [40, M]
    assert found.status == "converged"
    assert len(found.history) == found.n_iter
    assert sj.duality_gap(found.params, X, sj.one_hot_encode(y), L2) <= 1.1e-9


def test_a_fit_that_is_cut_short_says_so_with_the_gap_of_x():
    X, y = data()
    found = sj.fit(X, y, l2=1e-4, max_iter=2)
    assert (found.status, found.n_iter) == ("max_iter", 2)
    judged = sj.duality_gap(found.params, X, sj.one_hot_encode(y), 1e-4)
    assert found.duality_gap == pytest.approx(judged, rel=1e-3)
    stopped = sj.fit(X, y, l2=1e-4, callback=lambda progress: True)
    assert stopped.status == "interrupted"


def test_a_checkpoint_goes_on_bit_for_bit(tmp_path):
    X, y = data(np.float32)
    whole = sj.fit(X, y, l2=1e-4)
    sj.fit(X, y, l2=1e-4, max_iter=3, checkpoint=tmp_path, every=0)
    resumed = sj.fit(X, y, l2=1e-4, checkpoint=tmp_path, every=0)
    assert (resumed.params.W == whole.params.W).all()
    assert resumed.n_iter == whole.n_iter


def test_a_jax_array_is_fitted_like_a_numpy_one():
    X, y = data(np.float32)
    of_jax, of_numpy = sj.fit(jnp.asarray(X), y, l2=L2), sj.fit(X, y, l2=L2)
    assert (of_jax.params.W == of_numpy.params.W).all()


def test_products_on_an_accelerator_are_those_of_the_host():
    X = data(np.float32)[0]
    mean, W, R = X.mean(axis=0, dtype=np.float64), np.ones((M, 2)), np.ones((N, 2))
    there = jnp.asarray(X)
    np.testing.assert_allclose(products.gram(there, mean), products.gram(X, mean), rtol=1e-12)
    np.testing.assert_allclose(products.times(there, W), products.times(X, W), rtol=1e-12)
    np.testing.assert_allclose(products.transposed(there, R), products.transposed(X, R), rtol=1e-12)


def test_blocks_of_columns_add_up(monkeypatch):
    X = data(np.float32)[0]
    mean, W, R = X.mean(axis=0, dtype=np.float64), np.ones((M, 2)), np.ones((N, 2))
    whole = products.gram(X, mean), products.times(X, W), products.transposed(X, R)
    monkeypatch.setattr(products, "COLUMNS", 77)
    for a, b in zip((products.gram(X, mean), products.times(X, W), products.transposed(X, R)), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_it_is_done_where_it_pays():
    assert pays(kind(100, 20_000), None)
    assert pays(kind(5000, 8000), None)
    assert not pays(kind(5000, 20_000), None)  # a larger matrix to factorise than any without
    assert not pays(kind(400, 400), None)
    assert not pays(kind(20, LEAST_FEATURES - 1), None)
    assert pays(kind(500, 20_000, sparse=True), None)
    assert not pays(kind(3000, 20_000, sparse=True), None)
    assert not pays(kind(100, 20_000, streamed=True), None)
    assert not pays(kind(100, 20_000), None, 64)
    assert not pays(kind(100, 20_000), Mesh(np.array(jax.devices()[:2]), ("rows",)))


def test_few_shapes_are_compiled():
    assert len({padded_columns(r) for r in range(1, 2049)}) < 90
    assert all(r <= padded_columns(r) <= max(8, 1.13 * r + 8) for r in range(1, 2049))


def test_the_problem_in_the_span_is_not_rounded_where_it_is_certified():
    X, y = data(np.float32)
    wide = spanned(X, y.astype(np.int32), np.full(N, 1 / N), L2, True, sj.LBFGS())
    assert wide is not None
    assert wide.inner.exact.rows.stored_dtype == np.float64
    assert wide.inner.training.rows.stored_dtype == np.float32
    assert wide.inner.dtype == wide.given.dtype == np.float32


def test_sweeps_and_stacks_are_those_without_the_span(monkeypatch):
    X, y = data()
    strengths = [0.1, 0.01, 0.0]
    stack, labels = np.stack([X, data(seed=7)[0]]), np.stack([y, data(seed=7)[1]])
    found = sj.fit_path(X, y, strengths, tol=1e-9), sj.fit_many(stack, labels, l2=L2, tol=1e-9)
    shared = sj.fit_many(X, np.stack([y, np.roll(y, 1)]), l2=L2, tol=1e-9)
    for module in (many, sweep):
        monkeypatch.setattr(module, "pays", lambda *_: False)
    plain = sj.fit_path(X, y, strengths, tol=1e-9), sj.fit_many(stack, labels, l2=L2, tol=1e-9)
    assert found[0].status == plain[0].status == ["converged", "converged", "diverging"]
    np.testing.assert_allclose(found[0].objective[:2], plain[0].objective[:2], atol=2e-9)
    assert found[1].status == shared.status == ["converged", "converged"]
    np.testing.assert_allclose(found[1].objective, plain[1].objective, atol=2e-9)
    plainly = sj.fit_many(X, np.stack([y, np.roll(y, 1)]), l2=L2, tol=1e-9)
    np.testing.assert_allclose(shared.objective, plainly.objective, atol=2e-9)
    assert found[1].params.W.shape == (2, M, K)


def test_a_sweep_goes_on_outside_where_the_basis_is_wrong(monkeypatch):
    X, y = data()
    monkeypatch.setattr(sweep, "spanned", tilted(sweep.spanned))
    found = sj.fit_path(X, y, [0.1, 0.01], tol=1e-9)
    assert found.status == ["converged", "converged"]
    for i, l2 in enumerate([0.1, 0.01]):
        assert sj.duality_gap(found.at(i), X, sj.one_hot_encode(y), l2) <= 1.1e-9
