"""A store gives back the newest whole checkpoint of the same computation, or says why not."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from resumed_fits import child_that_waits, start

from softmax_jax.model_files.files import ModelFileError, load
from softmax_jax.storage.checkpoints import CheckpointError, CheckpointStore, CheckpointWarning

FINGERPRINT = {"n": 5, "y": "abc"}
SETTINGS = {"l2": 0.1, "solver": "LBFGS"}


def contents(step):
    tensors = {"W": np.arange(6.0).reshape(2, 3) + step, "count": np.array(step), "none": np.zeros((0, 2), np.float32)}
    return tensors, {"words": f"nach {step} Schritten – äöü"}


def equal(found, expected):
    tensors = [{name: (a.dtype, a.shape, a.tobytes()) for name, a in c[0].items()} for c in (found, expected)]
    return tensors[0] == tensors[1] and found[1] == expected[1]


@pytest.fixture
def filled(tmp_path):
    """A directory with the checkpoints of steps 5 and 7."""
    with CheckpointStore(tmp_path, FINGERPRINT, SETTINGS) as store:
        assert all([store.save(step, *contents(step)) for step in (0, 5, 7)])
    return tmp_path


def files(directory):
    return sorted(directory.glob("*.safetensors"))


def flip(path):
    """Change one bit of a number."""
    data = bytearray(path.read_bytes())
    data[-9] ^= 4
    path.write_bytes(data)


def test_the_newest_comes_back_and_the_last_two_are_kept(filled):
    with CheckpointStore(filled, FINGERPRINT, SETTINGS) as store:
        assert equal(store.load(), contents(7))
    assert [path.name for path in files(filled)] == ["checkpoint-000000000005.safetensors", files(filled)[1].name]


def test_a_new_directory_is_made_and_has_nothing_to_load(tmp_path):
    with CheckpointStore(tmp_path / "a" / "b", {}, {}) as store:
        assert store.load() is None
    assert (tmp_path / "a" / "b").is_dir()


def test_a_damaged_newest_gives_way_to_the_one_before_with_a_warning(filled):
    flip(files(filled)[1])
    with CheckpointStore(filled, FINGERPRINT, SETTINGS) as store:
        with pytest.warns(CheckpointWarning, match=r"0007.safetensors' cannot be read: its checksum.*0005.*is used"):
            found = store.load()
        assert equal(found, contents(5))
        store.save(6, *contents(6))  # the damaged one counts no longer, though its step is later
        assert equal(store.load(), contents(6))
    assert [path.name[-16:-12] for path in files(filled)] == ["0005", "0006"]
    assert len(list(filled.glob("*.damaged"))) == 1


def test_all_damaged_is_an_error_and_never_a_fresh_start(filled):
    first, second = files(filled)
    flip(first)
    second.write_bytes(second.read_bytes()[:100])
    for _ in range(2):
        with (
            CheckpointStore(filled, FINGERPRINT, SETTINGS) as store,
            pytest.raises(CheckpointError, match=r"No checkpoint in .* can be read .*0007.*truncated.*0005.*checksum"),
        ):
            store.load()
    assert files(filled) == [first, second]


def test_a_model_file_is_no_checkpoint_and_a_checkpoint_no_model(filled):
    with pytest.raises(ModelFileError, match="inconsistent"):
        load(files(filled)[0])


def test_another_computation_is_refused_with_all_differences(filled):
    other = {"l2": 0.2, "solver": "LBFGS", "memory": 3}
    with (
        CheckpointStore(filled, {"n": 6, "y": "abc"}, other) as store,
        pytest.raises(
            CheckpointError, match="n was 5, now 6; l2 was 0.1, now 0.2; memory was not given, now 3"
        ) as error,
    ):
        store.load()
    assert "solver" not in str(error.value)


def test_other_conditions_are_a_warning(tmp_path):
    with CheckpointStore(tmp_path, {}, {}, {"devices": 1}) as store:
        store.save(1, *contents(1))
    with (
        CheckpointStore(tmp_path, {}, {}, {"devices": 8}) as store,
        pytest.warns(CheckpointWarning, match="devices was 1, now 8.*to rounding, not bit for bit"),
    ):
        assert equal(store.load(), contents(1))


def test_a_second_user_is_refused_until_the_first_is_gone_even_if_it_was_killed(tmp_path):
    process, pipe = start(child_that_waits, str(tmp_path))
    assert pipe.recv() == "locked"
    with pytest.raises(CheckpointError, match=f"in use by pid {process.pid} "):
        CheckpointStore(tmp_path, {}, {}).__enter__()
    process.kill()
    process.join()
    with CheckpointStore(tmp_path, {}, {}), pytest.raises(CheckpointError, match=f"in use by pid {os.getpid()} "):
        CheckpointStore(tmp_path, {}, {}).__enter__()
    with CheckpointStore(tmp_path, {}, {}) as store:
        assert store.load() is None


def test_a_file_system_without_locks_is_a_warning(monkeypatch, tmp_path):
    def unsupported(descriptor, operation):
        raise OSError("locks are not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with (
        pytest.warns(CheckpointWarning, match="cannot be locked .locks are not supported"),
        CheckpointStore(tmp_path, {}, {}) as store,
    ):
        assert store.save(1, *contents(1))


def test_temporary_files_of_dead_processes_are_removed_at_the_start_and_others_are_not(tmp_path):
    from softmax_jax.storage import atomic

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stale = tmp_path / f"{atomic._own_prefix()}{dead.pid}-{'0' * 16}.tmp"
    alive = tmp_path / f"{atomic._own_prefix()}{os.getppid()}-{'0' * 16}.tmp"
    for path in (stale, alive):
        path.write_text("half a checkpoint")
    with CheckpointStore(tmp_path, {}, {}):
        assert not stale.exists()
        assert alive.exists()


def test_what_cannot_be_written_is_a_warning_and_the_rest_stays(filled, monkeypatch):
    monkeypatch.setattr("softmax_jax.storage.container.LARGEST_FILE", 10)
    with CheckpointStore(filled, FINGERPRINT, SETTINGS) as store:
        with pytest.warns(CheckpointWarning, match="step 9 was not written.*must fit into 10 bytes"):
            assert not store.save(9, *contents(9))
        monkeypatch.undo()
        assert equal(store.load(), contents(7))
