"""A fit that is stopped and resumed, however it was stopped, ends in the bits of one that was not."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
import time

import numpy as np
import optax
import pytest
from resumed_fits import child, child_on_a_full_disk, fits, same, start

from softmax_jax.fitting.single import fit
from softmax_jax.solvers import LBFGS, SGD, NewtonCG, driver, stopping
from softmax_jax.storage import resuming, saving
from softmax_jax.storage.checkpoints import CheckpointError, CheckpointStore, CheckpointWarning

FITS = fits()
KILLS = 6
QUICK = "L-BFGS, separable without a penalty"


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    monkeypatch.setattr(driver, "FIRST_CHUNK", 1)
    monkeypatch.setattr(stopping, "CHUNK_WALL_S", 0.0)


@pytest.fixture(autouse=True)
def heeded_ctrl_c():
    """A shell starts its background jobs with SIGINT ignored, which a fit respects: not what is tested here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def uninterrupted():
    """The results of the fits in one go, in chunks as long as they come."""
    results = {}

    def result(name):
        if name not in results:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(driver, "FIRST_CHUNK", 4)
                patch.setattr(stopping, "CHUNK_WALL_S", 0.5)
                results[name] = fit(**FITS[name])
        return results[name]

    return result


@pytest.mark.parametrize("name", [name for name in FITS if name != "L-BFGS"])  # which is killed below
def test_a_fit_that_is_stopped_again_and_again_ends_in_the_same_bits(name, uninterrupted, tmp_path):
    rng, stops = np.random.default_rng(0), 0
    while True:
        result = fit(**FITS[name], checkpoint=tmp_path, every=0, callback=lambda progress: rng.random() < 0.3)
        if result.status != "interrupted":
            break
        stops += 1
    assert stops >= 1
    assert same(result, uninterrupted(name))


def test_a_finished_fit_is_returned_at_once(uninterrupted, tmp_path):
    calls = []
    for _ in range(2):
        result = fit(**FITS["Newton-CG"], checkpoint=tmp_path, callback=calls.append)
        assert same(result, uninterrupted("Newton-CG"))
        seen = len(calls)
    assert seen == len(calls) > 0


def test_a_fit_at_its_iteration_limit_goes_on_with_a_larger_one(uninterrupted, tmp_path):
    few = fit(**FITS["L-BFGS"], checkpoint=tmp_path, max_iter=10)
    assert (few.status, few.n_iter) == ("max_iter", 10)
    assert same(fit(**FITS["L-BFGS"], checkpoint=tmp_path), uninterrupted("L-BFGS"))


def test_more_epochs_go_on_and_fewer_are_refused(uninterrupted, tmp_path):
    arguments = FITS["gradient descent"]
    adam = arguments["solver"].optimiser
    fit(**arguments | {"solver": SGD(0.1, 5, 64, adam)}, checkpoint=tmp_path)
    assert same(fit(**arguments, checkpoint=tmp_path), uninterrupted("gradient descent"))
    with pytest.raises(CheckpointError, match="epochs must be at least the 12 that the checkpoint has done, got 4"):
        fit(**arguments | {"solver": SGD(0.1, 4, 64, adam)}, checkpoint=tmp_path)


@pytest.mark.slow
def test_a_fit_killed_at_six_random_moments_ends_in_the_same_bits(uninterrupted, tmp_path):
    rng = np.random.default_rng(0)
    kills, progress, longest_start_s = 0, [], 1.0
    while True:
        process, pipe = start(child, "L-BFGS", str(tmp_path / "checkpoints"), pause_s=0.015)
        begin = time.monotonic()
        if kills < KILLS and rng.random() < 0.3:  # while it starts, or goes back to its checkpoint
            time.sleep(rng.uniform(0, longest_start_s))
        else:
            progress.append(pipe.recv())
            longest_start_s = time.monotonic() - begin
            if kills == KILLS:
                break
            time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        kills += 1
    result = pipe.recv()
    while isinstance(result, int):
        result = pipe.recv()
    process.join()
    assert progress == sorted(progress) and progress[-1] > progress[0]
    assert same(result, uninterrupted("L-BFGS"))
    kept = [name for name in os.listdir(tmp_path / "checkpoints") if name != "lock"]
    assert len(kept) == 2 and all(name.endswith(".safetensors") for name in kept)


def test_ctrl_c_saves_the_state_and_says_how_to_resume(uninterrupted, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with pytest.warns(CheckpointWarning, match=r"interrupted by SIGINT after step 1\..*call fit again with the same"):
        result = fit(**FITS[QUICK], checkpoint=tmp_path, callback=lambda progress: signal.raise_signal(signal.SIGINT))
    assert (result.status, result.n_iter) == ("interrupted", 1)
    assert signal.getsignal(signal.SIGINT) is before
    assert same(fit(**FITS[QUICK], checkpoint=tmp_path), uninterrupted(QUICK))


def test_a_second_ctrl_c_does_not_wait_for_the_end_of_the_chunk(tmp_path):
    steps = []

    def impatient(progress):
        signal.raise_signal(signal.SIGINT)
        steps.append("after the first")
        signal.raise_signal(signal.SIGINT)
        steps.append("after the second")

    assert fit(**FITS[QUICK], checkpoint=tmp_path, callback=impatient).status == "interrupted"
    assert steps == ["after the first"]


def test_a_handler_of_the_users_own_gets_its_signal_after_the_state_is_saved(tmp_path):
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(sorted(os.listdir(tmp_path))))
    try:
        with pytest.warns(CheckpointWarning, match="SIGTERM"):
            result = fit(**FITS[QUICK], checkpoint=tmp_path, callback=lambda p: signal.raise_signal(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert result.status == "interrupted"
    assert seen == [["checkpoint-000000000001.safetensors", "lock"]]


def test_sigterm_ends_the_process_after_the_state_is_saved(uninterrupted, tmp_path):
    process, pipe = start(child, QUICK, str(tmp_path), pause_s=0.2)
    n_iter = pipe.recv()
    process.terminate()
    process.join()
    assert process.exitcode == -signal.SIGTERM
    with contextlib.suppress(EOFError):
        while True:
            n_iter = pipe.recv()
    seen = []
    result = fit(**FITS[QUICK], checkpoint=tmp_path, callback=seen.append)
    assert seen[0].n_iter > n_iter
    assert same(result, uninterrupted(QUICK))


def test_a_fit_in_another_thread_takes_no_signals(uninterrupted, tmp_path):
    results = []
    before = signal.getsignal(signal.SIGINT)

    def watch(progress):
        results.append(signal.getsignal(signal.SIGINT) is before)

    def work():
        results.append(fit(**FITS[QUICK], checkpoint=tmp_path, every=0, callback=watch))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert all(results[:-1])
    assert same(results[-1], uninterrupted(QUICK))


def test_a_full_disk_is_a_warning_and_leaves_the_last_good_checkpoint(uninterrupted, tmp_path):
    process, pipe = start(child_on_a_full_disk, "Newton-CG", str(tmp_path))
    result, words = pipe.recv()
    process.join()
    assert words and all("was not written" in w and "File too large" in w for w in words)
    assert same(result, uninterrupted("Newton-CG"))
    first = []
    assert same(fit(**FITS["Newton-CG"], checkpoint=tmp_path, callback=first.append), result)
    assert 0 < first[0].n_iter < result.n_iter
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_a_write_that_fails_is_a_warning_and_training_goes_on(uninterrupted, monkeypatch, tmp_path):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("softmax_jax.storage.atomic.os.fsync", full)
    with pytest.warns(CheckpointWarning, match=r"step \d+ was not written.*No space left on device"):
        result = fit(**FITS[QUICK], checkpoint=tmp_path, every=0)
    assert same(result, uninterrupted(QUICK))
    assert os.listdir(tmp_path) == ["lock"]


def test_a_directory_that_cannot_be_written_to_is_an_error_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="file"):
            fit(**FITS[QUICK], checkpoint=place, callback=pytest.fail)


CHANGES = {
    "l2": ({"l2": 1e-3}, r"l2 was 0.0, now 0.001"),
    "tol": ({"tol": 1e-4}, r"tol was 1e-05, now 0.0001"),
    "memory": ({"solver": LBFGS(memory=3)}, "solver.memory was 2, now 3"),
    "gradient": ({"solver": LBFGS(2, "autodiff")}, "solver.gradient was closed_form, now autodiff"),
    "solver": ({"solver": NewtonCG()}, "solver was LBFGS, now NewtonCG; solver.max_products was not given, now 50"),
    "intercept": ({"fit_intercept": False}, "fit_intercept was True, now False"),
    "seed": ({"seed": 7}, "seed was 0, now 7"),
    "start": ({"init": "normal"}, "start was [0-9a-f]{16}, now [0-9a-f]{16}"),
    "weights": ({"sample_weight": np.arange(1, 121)}, "sample_weight was None, now [0-9a-f]{16}"),
    "dtype": ({"X": FITS[QUICK]["X"].astype(np.float32)}, "dtype of X was float64, now float32"),
    "a row": ({"X": FITS[QUICK]["X"] + (np.arange(120) == 119)[:, None]}, "sampled rows of X was [0-9a-f]{16}, now"),
    "labels": ({"y": (FITS[QUICK]["y"] + 1) % 4}, "y was [0-9a-f]{16}, now [0-9a-f]{16}"),
    "names": ({"y": FITS[QUICK]["y"] + 1}, "classes was [0-9a-f]{16}, now [0-9a-f]{16}"),
    "columns": ({"X": FITS[QUICK]["X"][:, :39]}, "m was 40, now 39"),
}


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A directory with checkpoints of the quick fit."""
    directory = tmp_path_factory.mktemp("begun")
    fit(**FITS[QUICK], checkpoint=directory, max_iter=4)
    return directory


@pytest.mark.parametrize("name", CHANGES)
def test_another_fit_is_refused_with_both_values(name, begun):
    changes, words = CHANGES[name]
    with pytest.raises(CheckpointError, match=words):
        fit(**FITS[QUICK] | changes, checkpoint=begun, callback=pytest.fail)


def test_another_optimiser_is_refused_though_it_is_made_of_functions(tmp_path):
    arguments = FITS["gradient descent"]
    fit(**arguments | {"solver": SGD(0.1, 2, 64, optax.adam(1e-2))}, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="solver.optimiser was"):
        fit(**arguments | {"solver": SGD(0.1, 2, 64, optax.adam(2e-2))}, checkpoint=tmp_path)


def test_logits_that_are_too_large_to_be_kept_are_computed_anew(uninterrupted, monkeypatch, tmp_path):
    monkeypatch.setattr(resuming, "LARGEST_LOGITS", 0)
    fit(**FITS["Newton-CG"], checkpoint=tmp_path, max_iter=4)
    whole = uninterrupted("Newton-CG")
    result = fit(**FITS["Newton-CG"], checkpoint=tmp_path)
    assert result.status == "converged"
    assert abs(result.objective - whole.objective) <= max(result.duality_gap, whole.duality_gap)


def test_a_relative_path_holds_after_the_working_directory_has_changed(monkeypatch, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "a link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    place = os.path.join("a link", "Gewichte für später")
    fit(**FITS[QUICK], checkpoint=place, every=0, callback=lambda progress: os.chdir("/"))
    assert len(list((tmp_path / "real" / "Gewichte für später").glob("*.safetensors"))) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"every": 5}, "every must be None where no checkpoint directory is given, got 5"),
        ({"checkpoint": "x", "every": -1}, "'every' parameter must be a real number >= 0.* Got -1"),
        ({"checkpoint": "x", "every": "5"}, "'every' parameter must be a real number >= 0.* Got '5'"),
    ],
)
def test_an_interval_that_makes_no_sense_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        fit(**FITS[QUICK], **arguments)


def test_a_checkpoint_that_is_no_path_is_refused():
    with pytest.raises(TypeError, match="PathLike object, not int"):
        fit(**FITS[QUICK], checkpoint=3)


def test_checkpoints_are_written_as_often_as_asked(tmp_path):
    for every, expected in ((0, 2), (np.inf, 1), (None, 1)):
        directory = tmp_path / str(every)
        fit(**FITS[QUICK], checkpoint=directory, every=every)
        assert len(list(directory.glob("*.safetensors"))) == expected


def test_where_writing_is_slow_checkpoints_become_rare(monkeypatch, tmp_path):
    clock = iter(range(0, 10_000, 10))  # each look at the clock finds it 10 s later: writing takes that long
    monkeypatch.setattr(saving, "time", type("Clock", (), {"perf_counter": lambda: next(clock)}))
    saved = []
    session = resuming.Session(CheckpointStore(tmp_path, {}, {}))
    with session:
        for step in range(80):
            session.after(step, "", lambda step=step: saved.append(step) or ({}, {}))
    # due after 60 s, and then, as 10 s shall be 5 % of the time, after 200 s
    assert saved == [5, 25, 45, 65]
