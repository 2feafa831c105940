"""Columns far from zero: shifted exactly, and what is proven there is what is proven of the centred ones."""

from __future__ import annotations

import numpy as np
import pytest
from attacks import ByBlocks

import softmax_jax as sj
from softmax_jax.model import Params
from softmax_jax.placement.offsets import column_offsets, inward, outward

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
Y = RNG.integers(0, 3, 60)
FAR = np.array([1e5, -3e6, 0, 1e7])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_the_shift_is_exact(dtype):
    columns = (RNG.standard_normal((100, 4)) + [1000, -2000, 0, 1]).astype(dtype)
    offset = column_offsets(columns.min(axis=0), columns.max(axis=0), dtype)
    assert (offset != 0).tolist() == [True, True, False, False]
    exact = columns.astype(np.longdouble) - offset.astype(np.longdouble)
    np.testing.assert_array_equal((columns - offset.astype(dtype)).astype(np.longdouble), exact)


def test_constant_columns_become_zero_and_columns_about_zero_stay():
    assert column_offsets(np.array([-1.0, 0, 0]), np.array([1.0, 0, 1]), np.float64) is None
    assert column_offsets(np.array([7.0, -2]), np.array([7.0, 1]), np.float64).tolist() == [7, 0]


def test_parameters_go_in_and_out():
    params = Params(RNG.standard_normal((4, 3)), RNG.standard_normal(3))
    back = outward(inward(params, FAR), FAR)
    np.testing.assert_allclose(back.b, params.b, atol=1e-8)
    np.testing.assert_allclose(inward(params, FAR).b, params.b + FAR @ params.W, rtol=1e-14)


@pytest.mark.parametrize("solver", [None, sj.LBFGS(), sj.NewtonCG(), sj.Newton()])
def test_a_fit_far_from_zero_is_that_of_the_centred_columns(solver):
    far = X + FAR
    expected = sj.fit(far - FAR, Y, l2=1e-3, tol=1e-11, solver=solver)  # far has lost some digits of X
    found = sj.fit(far, Y, l2=1e-3, tol=1e-11, solver=solver)
    assert (found.status, expected.status) == ("converged", "converged")
    np.testing.assert_allclose(found.params.W, expected.params.W, atol=1e-6)
    assert abs(found.objective - expected.objective) < 1e-10
    assert sj.duality_gap(found.params, far, np.eye(3)[Y], 1e-3) < 1e-8  # b, of about 1e6, has a rounding of 1e-10


@pytest.mark.parametrize("seed", range(4))
def test_dense_newton_converges_where_offsets_are_millions_of_deviations(seed):
    rng = np.random.default_rng(seed)
    far, y = rng.standard_normal((60, 4)) + 3e6, rng.integers(0, 3, 60)
    found = sj.fit(far, y, l2=1e-7, solver=sj.Newton())
    assert found.status == "converged"
    assert sj.duality_gap(found.params, far, np.eye(3)[y], 1e-7) <= 1e-6 + 1e-9


def test_so_do_rows_read_by_blocks_paths_and_many_fits():
    far = X + FAR
    expected = sj.fit(far - FAR, Y, l2=1e-3, tol=1e-10)
    blocks = sj.fit(ByBlocks(far), Y, l2=1e-3, tol=1e-10)
    path = sj.fit_path(far, Y, [1e-1, 1e-3], tol=1e-10)
    many = sj.fit_many(far, np.stack([Y, Y]), l2=1e-3, tol=1e-10)
    assert [blocks.status, *path.status, *many.status] == ["converged"] * 5
    for W in (blocks.params.W, path.params.W[1], many.params.W[0]):
        np.testing.assert_allclose(W, expected.params.W, atol=1e-4)
    gaps = [sj.duality_gap(Params(W, b), ByBlocks(far), np.eye(3)[Y], 1e-3) for W, b in (blocks.params, path.at(1))]
    assert max(gaps) < 1e-8


def test_float32_parameters_that_cannot_hold_the_optimum_are_not_called_converged():
    far = (X + 1e6).astype(np.float32)
    found = sj.fit(far, Y, l2=1e-7, tol=1e-9)
    true = sj.duality_gap(found.params, far, np.eye(3)[Y], 1e-7)
    assert found.status == "precision_floor"
    assert found.duality_gap > 1e-9
    assert found.duality_gap == pytest.approx(true, rel=0.5)
