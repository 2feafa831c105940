"""A fit on rows that are read by blocks ends where the fit in memory does, and reads the data once a pass."""

from __future__ import annotations

import subprocess
import sys

import jax
import ml_dtypes
import numpy as np
import pytest
from streamed_cases import ROWS, Case, Counting, K, N

import softmax_jax as sj
from softmax_jax.data import open_rows
from softmax_jax.data.rows.iterable import rows_of_array
from softmax_jax.dtypes import scope
from softmax_jax.fitting import single
from softmax_jax.model import Params
from softmax_jax.placement import budget
from softmax_jax.placement.place import place


@pytest.fixture(scope="module")
def case():
    return Case()


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(budget, "streamed_rows", lambda *args: ROWS)


def close(actual, expected, tolerance):
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, atol=tolerance), actual, expected)


def test_passes_equal_those_in_memory_and_read_each_row_once(case):
    source = Counting(case.X.astype(np.float64))
    solver, direction = sj.LBFGS(), case.params
    streamed = place(source, case.T, case.weight, 0.1, True, solver, rows=ROWS).exact
    stored = place(case.X.astype(np.float64), case.T, case.weight, 0.1, True, solver).exact
    assert source.read == N and streamed.rows.size == ROWS
    params = Params(*(p.astype(np.float64) for p in case.params))
    with scope(np.float64):
        point = streamed.at(params)
        assert source.read == 2 * N
        product = streamed.hessian_product(point, params)
        assert source.read == 3 * N
        expected = jax.jit(lambda p, at: p.at(at))(stored, params)
        close(point, expected._replace(Z=None), 1e-12)
        close(product, jax.jit(lambda p, at, v: p.hessian_product(at, v))(stored, expected, direction), 1e-12)
        for actual, wanted in (
            (streamed.variances(), stored.variances()),
            (streamed.second_moment(N), stored.second_moment(N)),
        ):
            close(actual, wanted, 1e-12)


@pytest.fixture(scope="module")
def folder(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    np.save(folder / "X.npy", case.X)
    return folder


def test_fits_end_where_those_in_memory_do(case, folder, small_blocks):
    source, progress = Counting(case.X), []
    keep = {"l2": 1e-3, "tol": 1e-9, "sample_weight": case.weight}
    stored = sj.fit(case.X, case.y, solver=sj.LBFGS(), **keep)
    streamed = sj.fit(source, case.y, callback=progress.append, **keep)
    assert streamed.status == stored.status == "converged"
    assert streamed.objective == pytest.approx(stored.objective, abs=1e-9)
    assert streamed.duality_gap <= 1e-9
    assert streamed.params.W.dtype == np.float32
    np.testing.assert_allclose(streamed.params.W, stored.params.W, atol=1e-3)
    assert len(progress) == streamed.n_iter == len(streamed.history)
    assert source.read % N == 0 and streamed.n_passes < source.read // N <= streamed.n_passes + 8
    again = sj.fit(open_rows(folder / "X.npy"), case.y, **keep)
    np.testing.assert_array_equal(again.params.W, streamed.params.W)
    started = sj.fit(source, case.y, init=stored.params, **keep)
    assert started.n_iter < 3 and started.status == "converged"
    newton = sj.fit(source, case.y, solver=sj.NewtonCG(), **keep)
    assert newton.status == "converged" and newton.objective == pytest.approx(stored.objective, abs=1e-9)


def test_the_duality_gap_of_any_parameters_is_that_in_memory(case):
    X, T = case.X.astype(np.float64), case.T
    for fit_intercept in (True, False):
        rest = (T, 1e-2, case.weight, fit_intercept)
        assert sj.duality_gap(case.params, Counting(X), *rest) == pytest.approx(
            sj.duality_gap(case.params, X, *rest), rel=0.02
        )


def test_without_a_penalty_separable_classes_are_found_out(case, small_blocks):
    y = np.argmax(case.X[:, :K], axis=1)
    result = sj.fit(Counting(case.X), y, l2=0, fit_intercept=False, tol=1e-9)
    assert result.status == "diverging"
    assert not result.params.b.any()
    assert sj.fit(Counting(case.X), y, l2=0, max_iter=2).status in ("max_iter", "diverging")


def test_a_large_memory_map_is_streamed_and_a_small_one_copied(case, folder, monkeypatch):
    X, seen = np.load(folder / "X.npy", mmap_mode="r"), []
    monkeypatch.setattr(single, "run_solver", lambda solver, data, *rest: seen.append(data.training) or stopped())
    for free in (X.nbytes, 4 * X.nbytes):
        monkeypatch.setattr("softmax_jax.placement.place.free_bytes", lambda device=None, free=free: free)
        with pytest.raises(KeyError):
            sj.fit(X, case.y)
    assert [problem.rows.is_streamed for problem in seen] == [True, False]


def stopped():
    raise KeyError


@pytest.mark.parametrize("dtype", [np.uint8, ml_dtypes.bfloat16], ids=str)
def test_rows_are_kept_in_their_storage_dtype_and_widened_on_the_device(dtype, case):
    X = np.round(40 * np.abs(case.X)).astype(dtype)
    data = place(rows_of_array(X), case.y, None, 1e-3, True, sj.LBFGS(), rows=ROWS)
    assert data.training.rows.survey.sample.dtype == dtype
    assert data.dtype == np.float32
    point = data.training.at(case.params)
    expected = place(X.astype(np.float32), case.y, None, 1e-3, True, sj.LBFGS()).training.at(case.params)
    close(point.gradient, expected.gradient, 1e-4)


def test_solvers_that_take_rows_in_another_order_are_refused(case):
    for solver in (sj.SGD(), sj.Newton()):
        with pytest.raises(ValueError, match="solver must be None, LBFGS.* where X is read by blocks"):
            sj.fit(Counting(case.X), case.y, solver=solver)


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_an_entry_that_is_not_finite_is_named_by_file_block_and_row(value, word, case, tmp_path, small_blocks):
    X = case.X.copy()
    X[150, 2] = value
    np.save(tmp_path / "a.npy", X[:100])
    np.save(tmp_path / "b.npy", X[100:])
    words = rf"contains {word}, first in .*b.npy, row 50, column 2 \(block 2 of 64 rows, row 150 of X\)"
    with pytest.raises(ValueError, match=words):
        sj.fit(open_rows(tmp_path), case.y)


def test_a_file_that_changes_during_the_fit_ends_it(case, tmp_path, small_blocks):
    np.save(tmp_path / "X.npy", case.X)

    def change(progress):
        np.save(tmp_path / "X.npy", case.X[:200])

    with pytest.raises(ValueError, match=r"X.npy changed while it was in use"):
        sj.fit(open_rows(tmp_path / "X.npy"), case.y, tol=1e-9, callback=change)


ALONE = """
import sys
import numpy as np
import softmax_jax as sj
from softmax_jax.placement import platforms
from softmax_jax.data import open_rows
platforms.CACHED = platforms.CACHED._replace(block_bytes=2**20)
def mib(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field)) / 1024
def file(n):
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(sys.argv[1], "w+", np.float32, (n, 256))
    for start in range(0, n, 10_000):
        X[start : start + 10_000] = rng.standard_normal((10_000, 256), np.float32)
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    X.flush()
    return open_rows(sys.argv[1]), y
sj.fit(*file(20_000), tol=1e-3, l2=1.0)  # compiles
source, y = file(250_000)
before = mib("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
assert sj.fit(source, y, tol=1e-3, l2=1.0).status == "converged"
print(mib("VmHWM") - before, source.shape[0] * 1024 / 2**20)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path):
    command = [sys.executable, "-c", ALONE, str(tmp_path / "X.npy")]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=300)
    growth_mib, file_mib = (float(word) for word in done.stdout.split())
    assert file_mib > 240
    assert growth_mib < file_mib / 2  # two blocks, what is compiled, and what allocators keep, which varies by 50 MiB


def test_a_row_without_weight_hides_nothing_of_the_size_of_the_others():
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((200, 2)), np.ones(200)
    X[0], w[0] = 1e12, 0
    rows = place(rows_of_array(X), np.arange(200, dtype=np.int32) % 2, w, 0.1, True, sj.LBFGS(), rows=ROWS).exact.rows
    w /= w.sum()
    true = w @ X**2
    with scope(np.float64):
        found = np.asarray(rows.squares())
        mean, variance = (np.asarray(a) for a in rows.variances(1.0))
    assert (found >= true * (1 - 1e-12)).all() and (found <= 50 * true).all()
    np.testing.assert_allclose(variance, w @ (X - w @ X) ** 2, rtol=1e-10)
    np.testing.assert_allclose(mean, w @ X, atol=1e-10)
