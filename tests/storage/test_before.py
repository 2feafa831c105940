"""What a directory tells of the runs before: how far, how long, from which file; times add up over runs."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.fitting.single import fit
from softmax_jax.solvers import SGD
from softmax_jax.storage import checkpoints
from softmax_jax.storage.before import fit_before, search_before
from softmax_jax.storage.checkpoints import CheckpointStore


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(checkpoints.time, "perf_counter", lambda: now[0])
    return now


def store(folder, **settings):
    return CheckpointStore(folder, {"rows": 3}, settings)


def test_seconds_of_runs_that_were_resumed_add_up(clock, tmp_path):
    for run in range(3):
        with store(tmp_path) as kept:
            kept.load()
            clock[0] += 2.0
            kept.save(run, {"x": np.zeros(1)}, {})
            clock[0] += 1.0  # after the last checkpoint: lost with what was done in it
        assert fit_before(tmp_path).wall_s == pytest.approx(2.0 * (run + 1))


def test_a_fit_tells_from_which_checkpoint_and_after_how_many_iterations_it_goes_on(tmp_path):
    assert fit_before(None) is None
    assert fit_before(tmp_path / "absent") is None
    X, y = np.arange(12.0)[:, None] % 5, np.arange(12) % 3
    result = fit(X, y, l2=1e-2, max_iter=3, tol=1e-12, checkpoint=tmp_path)
    before = fit_before(tmp_path)
    assert (before.n_done, before.n_passes, before.unit) == (result.n_iter, result.n_passes, "iterations")
    assert before.checkpoint == str(tmp_path / "checkpoint-000000000003.safetensors")
    assert str(before).startswith(f"Going on from {before.checkpoint}: 3 iterations, {result.n_passes} passes, ")
    assert before.wall_s > 0
    fit(X, y, l2=1e-2, solver=SGD(0.1, 2), checkpoint=tmp_path / "sgd")
    assert (fit_before(tmp_path / "sgd").n_done, fit_before(tmp_path / "sgd").unit) == (2, "epochs")


def test_a_file_that_is_no_checkpoint_is_passed_over(clock, tmp_path):
    with store(tmp_path) as kept:
        kept.save(1, {"x": np.zeros(1)}, {})
    (tmp_path / "checkpoint-000000000002.safetensors").write_bytes(b"torn")
    assert fit_before(tmp_path).checkpoint.endswith("1.safetensors")


def test_a_search_counts_the_strengths_and_seconds_of_all_its_parts(clock, tmp_path):
    assert search_before(None) is None
    assert search_before(tmp_path) is None
    for part, done in (("search-0", 4), ("search-1", 2), ("winner", None)):
        with store(tmp_path / part) as kept:
            clock[0] += 1.5
            kept.save(done or 9, {"x": np.zeros(1)}, {"done": str(done)} if done else {})
    before = search_before(tmp_path)
    assert (before.n_done, before.wall_s) == (6, 4.5)
    assert str(before) == f"Going on from {tmp_path}: 6 strengths, 4.5 s so far."
