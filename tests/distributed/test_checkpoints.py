"""What process 0 does for all, seen from one process; several real ones: see distributed/test_fitting.py."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from softmax_jax.distributed import checkpoints
from softmax_jax.distributed.checkpoints import JointSession, led
from softmax_jax.distributed.stopping import AgreedStop
from softmax_jax.storage.checkpoints import CheckpointError, CheckpointStore, CheckpointWarning


def test_process_0_alone_acts_and_its_error_keeps_its_words():
    assert led(lambda: 7) == 7
    with pytest.raises(CheckpointError, match="^ZeroDivisionError: division by zero$") as caught:
        led(lambda: 1 / 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_elsewhere_its_error_and_its_warnings_are_repeated(monkeypatch):
    monkeypatch.setattr(checkpoints.jax, "process_index", lambda: 1)
    monkeypatch.setattr(checkpoints, "gather", lambda value: [["", ["disk is slow"]], value])
    acted = []
    with pytest.warns(CheckpointWarning, match="disk is slow"):
        assert led(lambda: acted.append(1)) is None
    monkeypatch.setattr(checkpoints, "gather", lambda value: [["other data", []], value])
    with pytest.raises(CheckpointError, match="^other data$"):
        led(lambda: acted.append(1))
    assert acted == []


def test_warnings_of_process_0_come_through_where_they_are_ignored_and_others_do_not_become_them():
    def action():
        warnings.warn("written late", CheckpointWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.warns(CheckpointWarning) as told:
            led(action)
    assert [str(w.message) for w in told] == ["written late"]


def test_the_state_is_saved_without_logits_when_all_were_told_so_or_the_fit_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "LARGEST_PIECE", 64)
    state = {
        "chunk.state.point.Z": np.ones(3),
        "chunk.state.S": np.arange(21.0).reshape(7, 3),
        "none": np.zeros((2, 0)),
    }
    stop = AgreedStop(None)
    with JointSession(CheckpointStore(tmp_path, {}, {}), 1e6, stop) as session:
        assert session.load() is None
        for step, (due, status) in enumerate([(False, ""), (True, ""), (False, "nonfinite"), (False, "converged")]):
            stop.due = due
            assert session.after(step, status, lambda: (state, {"books": "{}"})) == status
        assert sorted(p.name[-13:-12] for p in tmp_path.glob("*.safetensors")) == ["1", "3"]
        tensors, texts = session.load()
    assert texts == {"books": "{}", "status": "converged"}
    assert tensors.keys() == {"chunk.state.S", "none"}
    np.testing.assert_array_equal(tensors["chunk.state.S"], state["chunk.state.S"])


def test_the_clock_of_process_0_decides_and_all_are_told_with_the_reasons_to_stop(tmp_path):
    with AgreedStop(None) as stop:
        assert stop(None) is False and stop.due is False
        with JointSession(CheckpointStore(tmp_path, {}, {}), 0.0, stop):
            assert stop(None) is False and stop.due is True
