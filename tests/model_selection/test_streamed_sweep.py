"""A path over rows that are read by blocks ends where the path in memory does."""

from __future__ import annotations

import numpy as np
import pytest
from streamed_cases import ROWS, Case, Counting, N

import softmax_jax as sj
from softmax_jax.data import open_rows
from softmax_jax.model_selection import sweep
from softmax_jax.placement import budget, place

STRENGTHS = [1e-3, 1.0, 0.1, 1e-2]
TOL = 1e-6
CASE = Case()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(budget, "streamed_rows", lambda *args: ROWS)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "X.npy"
    np.save(path, CASE.X)
    return path


def test_a_path_of_a_file_is_that_in_memory(rows):
    settings = {"tol": TOL, "sample_weight": CASE.weight, "X_val": CASE.X[:50], "y_val": CASE.y[:50]}
    stored = sj.fit_path(CASE.X, CASE.y, STRENGTHS, **settings)
    streamed = sj.fit_path(open_rows(rows), CASE.y, STRENGTHS, **settings)
    assert streamed.status == ["converged"] * 4 and (streamed.duality_gap <= TOL).all()
    assert streamed.params.W.dtype == np.float32
    np.testing.assert_allclose(streamed.objective, stored.objective, atol=2 * TOL)
    np.testing.assert_allclose(streamed.val_loss, stored.val_loss, atol=1e-2)
    assert sj.fit_path(open_rows(rows), CASE.T, [0.1], fit_intercept=False).status == ["converged"]


def test_validation_rows_may_be_streamed(rows):
    settings = {"tol": TOL, "y_val": CASE.y}
    stored = sj.fit_path(CASE.X, CASE.y, STRENGTHS, X_val=CASE.X, **settings)
    streamed = sj.fit_path(CASE.X, CASE.y, STRENGTHS, X_val=open_rows(rows), **settings)
    np.testing.assert_allclose(streamed.val_loss, stored.val_loss, rtol=1e-6)
    np.testing.assert_array_equal(streamed.val_accuracy, stored.val_accuracy)
    with pytest.raises(ValueError, match="prune='proof' needs X_val in memory"):
        sj.fit_path(CASE.X, CASE.y, STRENGTHS, X_val=open_rows(rows), prune="proof", **settings)
    with pytest.raises(ValueError, match="X_val has 4 features, but the rows trained on have 3"):
        sj.fit_path(CASE.X[:, :3], CASE.y, STRENGTHS, X_val=open_rows(rows), **settings)


def test_the_data_are_surveyed_once_and_starts_save_passes():
    source = Counting(CASE.X)
    result = sj.fit_path(source, CASE.y, STRENGTHS, tol=TOL)
    passes = source.read / N
    certificates = 3 * len(STRENGTHS)  # at most: a pass for a bias, for a gap, and for the rounding
    assert result.n_passes.sum() < passes <= 1 + result.n_passes.sum() + certificates
    alone = sum(sj.fit(source, CASE.y, l2=l2, tol=TOL).n_passes for l2 in STRENGTHS)
    assert result.n_passes.sum() < alone


def test_no_penalty_at_all_comes_last(rows):
    result = sj.fit_path(open_rows(rows), CASE.y, [0.0, 1e-2], tol=1e-3)
    assert result.status == ["converged"] * 2 and np.isinf(result.duality_gap[0])


def test_a_path_that_is_stopped_goes_on_in_the_same_bits(rows, tmp_path):
    whole = sj.fit_path(open_rows(rows), CASE.y, STRENGTHS, tol=TOL)
    for _ in STRENGTHS:
        parts = sj.fit_path(
            open_rows(rows), CASE.y, STRENGTHS, tol=TOL, checkpoint=tmp_path, callback=lambda i, result: True
        )
    assert parts.status == whole.status
    for a, b in zip((*parts.params, parts.duality_gap), (*whole.params, whole.duality_gap), strict=True):
        np.testing.assert_array_equal(a, b)


def test_interruption_leaves_the_rest_unsolved(rows, monkeypatch):
    calls = []

    def interrupted_at_the_second(*args, **settings):
        calls.append(1)
        found = optimise(*args, **settings)
        return found if len(calls) == 1 else found._replace(status="interrupted")

    optimise = sweep.optimise
    monkeypatch.setattr(sweep, "optimise", interrupted_at_the_second)
    result = sj.fit_path(open_rows(rows), CASE.y, STRENGTHS, tol=TOL)
    assert result.status == ["interrupted", "converged", "interrupted", "interrupted"]
    assert np.isnan(result.params.W[0]).all()


def test_a_large_memory_map_is_read_by_blocks(rows, monkeypatch):
    X, sizes = np.load(rows, mmap_mode="r"), []
    monkeypatch.setattr("softmax_jax.placement.place.MAPPED_SHARE", 0.0)
    survey = place.survey
    monkeypatch.setattr(
        place, "survey", lambda source, w, size, wide: sizes.append(size) or survey(source, w, size, wide)
    )
    assert sj.fit_path(X, CASE.y, [0.1]).status == ["converged"]
    assert sizes == [ROWS]


@pytest.mark.parametrize("streamed", [False, True])
def test_memory_that_runs_out_on_the_way_means_smaller_blocks(streamed, rows, monkeypatch):
    name, calls = "optimise" if streamed else "advance_batch", []
    run = getattr(sweep, name)

    def scarce(*args, **settings):
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        return run(*args, **settings)

    X = open_rows(rows) if streamed else CASE.X
    whole = sj.fit_path(X, CASE.y, STRENGTHS, tol=TOL)
    monkeypatch.setattr(sweep, name, scarce)
    result = sj.fit_path(X, CASE.y, STRENGTHS, tol=TOL)
    assert len(calls) == len(STRENGTHS) + 1
    assert result.status == ["converged"] * 4
    np.testing.assert_allclose(result.objective, whole.objective, atol=2 * TOL)


def test_what_needs_x_in_memory_says_so(rows):
    source = open_rows(rows)
    with pytest.raises(ValueError, match="needs X in memory, got rows that are read by blocks"):
        sj.fit_path(source, CASE.y, STRENGTHS, retire="proof", X_val=CASE.X, y_val=CASE.y)
    with pytest.raises(ValueError, match=r"solver must be None, LBFGS\(\) or NewtonCG\(\) where X is read by blocks"):
        sj.fit_path(source, CASE.y, STRENGTHS, solver=sj.Newton())
    with pytest.raises(ValueError, match="goes through one device, got 2"):
        sj.fit_path(source, CASE.y, STRENGTHS, devices=2)


def test_ctrl_c_in_a_fit_without_a_penalty_ends_the_whole_of_a_cross_validation(monkeypatch):
    calls, optimise = [], sweep.optimise

    def interrupted(*args, **settings):
        calls.append(1)
        return optimise(*args, **settings)._replace(status="interrupted")

    monkeypatch.setattr(sweep, "optimise", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sj.cross_validate(CASE.X, CASE.y, [0.0], cv=3, tol=1e-3)
    assert len(calls) == 1
