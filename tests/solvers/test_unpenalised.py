"""l2 = 0: the coefficients are those of plain maximum likelihood, or the fit says that there are none."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog

import softmax_jax as sj

SOLVERS = {"default": None, "L-BFGS": sj.LBFGS(), "Newton": sj.Newton(), "Newton-CG": sj.NewtonCG()}
N, M = 1000, 5  # of most data here: one shape, because each is compiled for


def maximum_likelihood(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """W (m, k), its rows of sum zero: Newton's method in plain NumPy, on standardised columns."""
    mean, scale = X.mean(axis=0), X.std(axis=0)
    A = np.c_[(X - mean) / scale, np.ones(len(X))]
    k, p = y.max() + 1, A.shape[1]
    theta, T = np.zeros((p, k)), np.eye(k)[y]
    for _ in range(50):
        Z = A @ theta
        O = np.exp(Z - Z.max(axis=1, keepdims=True))
        O /= O.sum(axis=1, keepdims=True)
        g = A.T @ (O - T)
        H = np.einsum("ij,jl,ia,ib->jalb", O, np.eye(k), A, A) - np.einsum("ij,il,ia,ib->jalb", O, O, A, A)
        step = np.linalg.lstsq(H.reshape(k * p, k * p), g.T.reshape(-1), rcond=1e-12)[0].reshape(k, p).T
        theta -= step / max(1.0, np.abs(step).max() / 2)
        if np.abs(step).max() < 1e-11:
            break
    assert np.abs(step).max() < 1e-9
    W = theta[:-1] / scale[:, None]
    return W - W.mean(axis=1, keepdims=True)


def columns(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Columns that evenly spaced rows, or the first ones, would show as constant."""
    i = np.arange(n)
    if kind == "alternating arms":
        return (i % 2)[:, None]
    if kind == "matched pairs":
        return np.where(i % 2, 1, -1)[:, None] * np.repeat(np.abs(rng.standard_normal(n // 2)), 2)[:, None]
    if kind == "quarters":
        return np.eye(4)[i % 4][:, 1:]
    if kind == "every eighth":
        return (i % 8 == 3)[:, None]
    if kind == "rare flag":
        return (i >= n - 12)[:, None]
    if kind == "rare flags at random":
        return np.eye(5)[np.where(rng.random(n) < 0.05, rng.integers(1, 5, n), 0)][:, 1:]
    if kind == "nearly constant":
        return 1 - (i % 97 == 11)[:, None]
    assert kind == "alternating, far from zero"
    return 1e5 + (i % 2)[:, None]


KINDS = [
    "alternating arms",
    "matched pairs",
    "quarters",
    "every eighth",
    "rare flag",
    "rare flags at random",
    "nearly constant",
    "alternating, far from zero",
]


def data(kind: str, n: int = N, k: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """M features, normal ones beside those of the kind, and labels that depend on all; patterns have every label."""
    rng = np.random.default_rng(seed)
    extra = columns(kind, n, rng).astype(float)
    X = np.c_[rng.standard_normal((n, M - extra.shape[1])), extra]
    Z = (X - X.mean(axis=0)) @ rng.standard_normal((X.shape[1], k)) / 2
    y = np.argmax(Z + rng.gumbel(size=Z.shape), axis=1)
    for column in extra.T:  # where a flag is set, labels overlap
        rows = np.flatnonzero(column != np.median(column))
        y[rows[:k]] = np.arange(k)
    return X, y


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_columns_that_a_comb_of_rows_takes_for_constant_are_fitted(kind, solver):
    X, y = data(kind)
    result = sj.fit(X, y, l2=0, solver=SOLVERS[solver])
    assert result.status == "converged"
    np.testing.assert_allclose(result.params.W, maximum_likelihood(X, y), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["quarters", "rare flag"])
def test_so_are_they_in_float32_sparse_with_three_classes_and_along_a_path(kind):
    X, y = data(kind, k=3)
    expected = maximum_likelihood(X, y)
    for given in (X.astype(np.float32), sp.csr_matrix(X)):
        found = sj.fit(given, y, l2=0)
        assert found.status == "converged"
        np.testing.assert_allclose(found.params.W, expected, rtol=1e-3, atol=1e-3)
    path = sj.fit_path(X, y, [0.0, 1e-2])
    np.testing.assert_allclose(path.params.W[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("solver", [None, sj.LBFGS()])
def test_flags_in_one_row_of_two_thousand_are_fitted_wherever_they_stand(solver):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        n = 20_000
        flag = np.zeros(n)
        flag[rng.choice(n, 10, replace=False)] = 1
        X, y = np.c_[rng.standard_normal(n), flag], rng.integers(0, 2, n)
        y[np.flatnonzero(flag)] = np.arange(10) < 7
        W = sj.fit(X, y, l2=0, solver=solver).params.W
        np.testing.assert_allclose(W, maximum_likelihood(X, y), rtol=1e-4, atol=1e-4)


def test_a_flag_on_five_of_two_hundred_thousand_rows_counts():
    n = 200_000
    flag = np.zeros(n)
    flag[[7, 50_000, 99_999, 123_456, 199_999]] = 1
    y = np.random.default_rng(1).integers(0, 2, n)
    y[flag == 1] = [1, 1, 1, 0, 1]
    share = y[flag == 0].mean()
    expected = np.log(4) - np.log(share / (1 - share))  # of the flag: the log odds there less those elsewhere
    for solver in (None, sj.LBFGS()):
        W = sj.fit(flag[:, None], y, l2=0, solver=solver).params.W
        np.testing.assert_allclose(W[0, 1] - W[0, 0], expected, rtol=1e-4)


@functools.cache
def has_no_optimum(seed: int, k: int) -> bool:
    """Whether a direction makes no row's margin worse and one better: a linear program on standardised columns."""
    X, y = flags_and_scales(seed, k)
    A = np.c_[(X - X.mean(axis=0)) / X.std(axis=0), np.ones(len(X))]
    rows = []
    for j in range(k):
        for i in np.flatnonzero(y != j):
            margin = np.zeros((k, A.shape[1]))
            margin[y[i]], margin[j] = A[i], -A[i]
            rows.append(margin.reshape(-1))
    M = np.array(rows)
    best = linprog(-M.sum(axis=0), A_ub=-M, b_ub=np.zeros(len(M)), bounds=(-1, 1))
    return -best.fun > 1e-6


def flags_and_scales(seed: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Small data of which some are separated, some by a flag alone, with columns in units from 1e-7 to 1e7."""
    rng = np.random.default_rng(seed)
    n = 60
    X = np.c_[rng.standard_normal((n, 2)), rng.random((n, 2)) < 0.2]
    Z = X @ rng.standard_normal((4, k)) * rng.choice([0.3, 1, 4, 30])
    y = np.argmax(Z + rng.gumbel(size=Z.shape), axis=1)
    y[:k] = np.arange(k)
    if seed % 3 == 0:
        y[X[:, 2] == 1] = 1  # a flag that only one class has
    return X * 10 ** rng.uniform(-7, 7, 4), y


@pytest.mark.parametrize(("dtype", "k"), [(np.float64, 3), (np.float32, 2)])
@pytest.mark.parametrize("solver", SOLVERS)
def test_separation_is_found_where_a_linear_program_finds_it_and_nowhere_else(solver, dtype, k):
    verdicts = []
    for seed in range(12):
        X, y = flags_and_scales(seed, k)
        status = sj.fit(X.astype(dtype), y, l2=0, solver=SOLVERS[solver]).status
        assert status == ("diverging" if has_no_optimum(seed, k) else "converged"), seed
        if dtype == np.float64 and seed % 3 == 0:
            assert sj.fit(X, y, l2=0, solver=SOLVERS[solver], tol=1e-9).status == status, seed
        verdicts.append(status)
    assert len(set(verdicts)) == 2


def test_the_units_of_columns_do_not_matter():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((60, 4))
    y = np.argmax(X[:, :3] + rng.gumbel(size=(60, 3)), axis=1)
    plain = sj.fit(X, y, l2=0).params.W
    for unit in (1e-7, 1e-3, 1e4, 1e8):
        units = np.array([unit, 1, 1 / unit, 1])
        found = sj.fit(X * units, y, l2=0)
        assert found.status == "converged"
        np.testing.assert_allclose(found.params.W * units[:, None], plain, rtol=1e-5, atol=1e-7)


def test_small_features_with_classes_of_equal_size_are_not_separated():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 4)) * 1e-7, np.arange(60) % 3
    found = sj.fit(X, y, l2=0)
    assert (found.status, found.n_iter > 0) == ("converged", True)
    np.testing.assert_allclose(found.params.W, maximum_likelihood(X, y), rtol=1e-4)
