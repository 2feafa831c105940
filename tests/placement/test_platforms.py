"""The platform decides how much is worked on at a time and how products are computed; results say what was used."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from cases import with_tiles
from scipy import sparse

import softmax_jax as sj
from softmax_jax.certificate.bound import certify
from softmax_jax.dtypes import scope
from softmax_jax.placement import platforms
from softmax_jax.placement.place import place
from softmax_jax.placement.platforms import (
    ALGORITHMS,
    copied,
    precision_of,
    precision_on,
    tiles_of,
    tiles_on,
    with_products,
)
from softmax_jax.problem.tiles import CACHED, FUSED
from softmax_jax.solvers import steps

CPU = SimpleNamespace(platform="cpu")
H100, V100 = (SimpleNamespace(platform="gpu", compute_capability=c) for c in ("9.0", "7.0"))
ROCM = SimpleNamespace(platform="gpu", compute_capability="gfx942")
TPU = SimpleNamespace(platform="tpu")


@pytest.fixture
def _cpu_takes_them(monkeypatch):
    """A CPU takes the names of these algorithms; what it makes of them is float32."""
    monkeypatch.setitem(platforms.HAS, "cpu", ("bf16x6", "bf16x3"))


@pytest.mark.parametrize(
    ("device", "wanted", "given"),
    [
        (CPU, "auto", "float32"),
        (H100, "auto", "bf16x3"),
        (TPU, "auto", "bf16x3"),
        (V100, "auto", "float32"),
        (ROCM, "auto", "float32"),
        (H100, "tf32x3", "tf32x3"),
        (TPU, "tf32x3", "bf16x6"),
        (CPU, "tf32x3", "float32"),
        (CPU, "bf16x3", "float32"),
        (ROCM, "tf32x3", "float32"),
        (V100, "bf16x3", "float32"),
        (H100, "float32", "float32"),
    ],
)
def test_a_platform_gets_the_precision_it_has(device, wanted, given):
    assert precision_on(device, wanted) == given


def test_an_unknown_precision_is_refused_by_name():
    with pytest.raises(ValueError, match="precision must be one of auto, float32, tf32x3, bf16x6, bf16x3, got 'half'"):
        sj.fit(np.eye(3), [0, 1, 2], solver=sj.LBFGS(precision="half"))


def test_tiles_follow_the_data_and_not_the_default():
    assert tiles_of(jax.numpy.ones(3)) == CACHED == tiles_on(None) == tiles_of(np.ones(3))
    assert tiles_on(H100) == FUSED == tiles_on(TPU)


def test_full_precision_is_that_of_every_dtype_but_float32():
    tiles = with_products(FUSED, "bf16x3")
    assert [precision_of(tiles, np.dtype(d)) for d in ("float32", "float64")] == ["bf16x3", "float64"]
    assert tiles.precision(np.float64) == jax.lax.Precision.HIGHEST
    assert tiles.precision(np.dtype("float32")) == ALGORITHMS["bf16x3"]


@pytest.mark.usefixtures("_cpu_takes_them")
@pytest.mark.parametrize("solver", [sj.LBFGS, sj.NewtonCG])
@pytest.mark.parametrize("precision", ["bf16x3", "bf16x6"])
def test_a_fit_with_fast_products_proves_the_same_optimum_and_says_what_it_used(solver, precision, rng):
    X, y = rng.standard_normal((300, 8)).astype(np.float32), rng.integers(0, 3, 300)
    plain = sj.fit(X, y, l2=1e-2, tol=1e-5, solver=solver())
    fast = sj.fit(X, y, l2=1e-2, tol=1e-5, solver=solver(precision=precision))
    assert (plain.status, plain.precision) == ("converged", "float32")
    assert (fast.status, fast.precision) == ("converged", precision)
    assert abs(fast.objective - plain.objective) <= 2e-5


@pytest.mark.usefixtures("_cpu_takes_them")
def test_sparse_products_are_in_float32_and_the_result_says_so(rng):
    X, y = sparse.random_array((80, 6), density=0.5, rng=rng, dtype=np.float32).tocsr(), rng.integers(0, 2, 80)
    assert sj.fit(X, y, l2=1e-2, tol=1e-5, solver=sj.LBFGS(precision="bf16x3")).precision == "float32"


@pytest.mark.usefixtures("_cpu_takes_them")
def test_a_fit_that_gets_no_closer_climbs_to_full_precision_and_to_float64(rng):
    X, y = rng.standard_normal((300, 8)).astype(np.float32), rng.integers(0, 3, 300)
    found = sj.fit(X, y, l2=1e-3, tol=1e-15, solver=sj.LBFGS(precision="bf16x3"))
    assert found.precision == "bf16x3, then float32, then float64"
    assert found.status == "precision_floor" and found.duality_gap < 1e-12  # what float32 parameters can hold


@pytest.mark.usefixtures("_cpu_takes_them")
def test_proofs_and_float64_data_know_nothing_of_fast_products(rng):
    X, y = rng.standard_normal((40, 3)), rng.integers(0, 2, 40).astype(np.int32)
    data = place(X.astype(np.float32), y, None, 0.1, True, sj.LBFGS(precision="bf16x3"))
    assert data.training.rows.tiles.products is not None
    assert data.exact.rows.tiles.products is None and data.exact.in_memory.X.tiles.products is None
    assert sj.fit(X, y, solver=sj.LBFGS(precision="bf16x3")).precision == "float64"


def test_what_an_accelerator_would_do_gives_the_same_fit_and_proof(rng):
    X, y = rng.standard_normal((5000, 6)).astype(np.float32), rng.integers(0, 70, 5000).astype(np.int32)
    data = place(X, y, None, 1e-2, True, sj.LBFGS())
    found = []
    for tiles in (CACHED, FUSED):
        problem, exact = (with_tiles(p, tiles) for p in (data.training, data.exact))
        with scope(np.float32):
            solver, start = sj.LBFGS(), sj.init_params(6, 70, zeros=True, dtype=np.float32)
            chunk = steps.begin(solver, problem, solver.prepare(problem), start)
            chunk = steps.run(solver, problem, chunk, np.float32(0), np.int32(6))
            params = copied(chunk.state.point.params)
        with scope(np.float64):
            found.append((params, jax.tree.map(np.asarray, certify(exact, params))))
    (one, proof), (other, same) = found
    np.testing.assert_allclose(one.W, other.W, atol=1e-5)
    assert proof.gap == pytest.approx(same.gap, rel=1e-2) and proof.objective == pytest.approx(same.objective, rel=1e-6)


def test_a_saved_result_keeps_what_it_was_computed_in(tmp_path, rng):
    found = sj.fit(rng.standard_normal((20, 2)), rng.integers(0, 2, 20))
    sj.save(found, tmp_path / "model.safetensors")
    assert sj.load(tmp_path / "model.safetensors").precision == found.precision == "float64"


def test_solvers_that_say_nothing_multiply_in_full_precision(monkeypatch, rng):
    monkeypatch.setitem(platforms.HAS, "cpu", ("bf16x3",))
    monkeypatch.setitem(platforms.FASTEST, "cpu", "bf16x3")
    X, y = rng.standard_normal((30, 2)).astype(np.float32), rng.integers(0, 2, 30).astype(np.int32)
    of = {s: place(X, y, None, 0.1, True, s).training.rows.tiles.products for s in (sj.LBFGS(), sj.SGD(), sj.Newton())}
    assert [p is not None for p in of.values()] == [True, False, False]


def test_a_fit_that_keeps_its_parameters_where_they_lie_is_the_same_fit(monkeypatch, rng):
    X, y = rng.standard_normal((200, 3)).astype(np.float32), rng.integers(0, 3, 200)
    usual = sj.fit(X, y, tol=1e-14, l2=1e-3, solver=sj.LBFGS())  # goes on in float64
    monkeypatch.setattr(platforms, "is_on_cpu", lambda arrays: False)
    kept = sj.fit(X, y, tol=1e-14, l2=1e-3, solver=sj.LBFGS())
    assert usual.precision == kept.precision == "float32, then float64"
    assert kept.objective == pytest.approx(usual.objective, rel=1e-12) and kept.duality_gap < 1e-12
    np.testing.assert_allclose(kept.params.W, usual.params.W, atol=1e-6)
