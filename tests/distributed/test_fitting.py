"""Several real processes on the loopback interface give the fit of one, and fail together."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import distributed_child as child
import numpy as np
import pytest
from places import TESTS
from several_processes import environment, free_port

import softmax_jax as sj
from softmax_jax.distributed.fitting import fit_distributed
from softmax_jax.storage import container

CHILD = TESTS / "distributed_child.py"
LIMIT_S = 240  # on a busy machine; an idle one needs a tenth


def run(folder, processes, devices, *scenarios):
    """Exit codes, outputs as text and results of all processes; none outlives the call."""
    port, given = free_port(), environment(devices)
    running, logs, answers = [], [], []
    try:
        for i in range(processes):
            logs.append(folder / f"log{i}")
            answers.append(folder / f"answer{i}.json")
            command = [sys.executable, str(CHILD), str(port), str(processes), str(i), str(answers[-1]), *scenarios]
            with logs[-1].open("w") as log:
                running.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=given))
        end = time.monotonic() + LIMIT_S
        if scenarios[0] in ("killed", "absent"):
            running[0].wait(LIMIT_S)
        else:
            for process in running:
                process.wait(max(1, end - time.monotonic()))
    finally:
        for process in running:
            process.kill()
            process.wait()
    results = [json.loads(a.read_text()) if a.exists() else None for a in answers]
    return [p.returncode for p in running], [log.read_text()[-4000:] for log in logs], results


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """For a folder of each run, and checkpoints beside them."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def two(folder):
    """Answers of two processes; the last fit is stopped and goes on."""
    (folder / "two").mkdir()
    scenarios = ("weighted", "disagreements", "signalled", "stopped_and_resumed")
    codes, logs, results = run(folder / "two", 2, 2, *scenarios)
    assert codes == [0, 0], logs
    return results


@pytest.fixture(scope="module")
def three(folder, two):
    """Answers of three processes; the last fit goes on from the checkpoint that the two have left."""
    (folder / "three").mkdir()
    codes, logs, results = run(folder / "three", 3, 1, "names", "resumed")
    assert codes == [0] * 3, logs
    return results


def _agrees(found, one):
    scale = np.abs(one.params.W).max()
    np.testing.assert_allclose(found["W"], one.params.W, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(found["b"], one.params.b, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(found["objective"], one.objective, rtol=1e-12)
    assert found["status"] == "converged" and found["duality_gap"] <= child.SETTINGS["tol"]
    assert found["dtype"] == "float64"


def test_two_processes_with_unequal_shards_and_a_class_missing_on_one_give_the_fit_of_one(two):
    X, y, weight = child.data()
    assert 3 not in y[:50] and 3 in y
    _agrees(two[0]["weighted"], sj.fit(X, y, sample_weight=weight, **child.SETTINGS))
    assert two[0]["weighted"] == two[1]["weighted"]
    assert two[0]["weighted"]["classes"] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("what", "kind", "words"),
    [
        ("m", "ValueError", "must agree on number of features, got 6 on process 0, 5 on process 1"),
        ("dtype", "ValueError", "must agree on dtype of X, got float64 on process 0, float32 on process 1"),
        ("settings", "ValueError", "l2=0.0001"),
        ("solver", "ValueError", "must agree on solver, got None on process 0, Newton(gradient='closed_form')"),
        ("labels", "ValueError", "must agree on kind of targets, got numbers on process 0, strings on process 1"),
        ("weights", "ValueError", "must agree on sample weight, got no weights on process 0, weights on process 1"),
        (
            "checkpoint",
            "ValueError",
            "must agree on checkpoint, got no checkpoint on process 0, a directory on process 1",
        ),
        ("every", "ValueError", "every must be None where no checkpoint directory is given, got 1.0"),
        ("NaN", "ValueError", "process 1: ValueError: Input X contains NaN, first in row 0, column 2"),
        ("one class", "ValueError", "y must hold at least 2 classes, got 1 class on all processes together"),
        ("SGD", "ValueError", "Gradient descent (SGD) runs on one device"),
        ("file", "ValueError", "process 1: OSError: file ends early"),
        ("too few files", "ValueError", "1 files are too few for 2 processes"),
    ],
)
def test_what_is_wrong_on_one_process_or_differs_raises_the_same_error_on_all(two, what, kind, words):
    errors = [answer["disagreements"][what] for answer in two]
    assert errors[0] == errors[1]
    assert errors[0][0] == kind
    assert words in errors[0][1]


def test_an_error_in_a_callback_is_raised_there_and_named_elsewhere(two):
    there, elsewhere = (two[i]["disagreements"]["callback"] for i in (1, 0))
    assert there == ["KeyError", "'in the callback'"]
    assert elsewhere[0] == "RuntimeError" and "process 1: KeyError: 'in the callback'" in elsewhere[1]


def test_sigterm_on_one_process_stops_all_after_the_same_chunk(two):
    for answer in two:
        stopped = answer["signalled"]
        assert stopped["status"] == "interrupted" and stopped["restored"]
        assert stopped["seen"] == [stopped["n_iter"]]
        assert 1e-13 < stopped["duality_gap"] < 1
    assert two[0]["signalled"] == two[1]["signalled"]


def test_three_processes_one_of_which_has_a_single_row_give_the_fit_of_one(three):
    X, y, _ = child.data()
    one = sj.fit(X, y, **{**child.SETTINGS, "solver": sj.NewtonCG()})
    for answer in three:
        _agrees(answer["names"], one)
        assert answer["names"]["classes"] == ["a", "bb", "c", "dddd"]


def test_one_process_alone_shares_its_rows_over_all_its_devices():
    X, y, weight = child.data()
    T = np.eye(child.K)[y] * 0.8 + 0.05
    settings = {"l2": 1e-3, "solver": sj.Newton(), "tol": 1e-7, "sample_weight": weight}
    found = fit_distributed(X, T, **settings)
    one = sj.fit(X, T, **settings)
    np.testing.assert_allclose(found.params.W, one.params.W, rtol=0, atol=1e-12)
    assert found.classes.tolist() == [0, 1, 2, 3] and found.status == "converged"


@pytest.fixture(scope="module")
def stopped(two, three):
    """Answers of the two processes that were stopped and went on, and those of the three that went on."""
    return [answer["stopped_and_resumed"] for answer in two], [answer["resumed"] for answer in three]


def _goes_on(found, stopped, scratch):
    assert found["status"] == "converged" and found["duality_gap"] <= child.CAREFUL["tol"]
    np.testing.assert_allclose(found["W"], scratch.params.W, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["b"], scratch.params.b, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["objective"], scratch.objective, rtol=1e-13)
    assert found["seen"][0] == stopped["n_iter"] + 1  # one step to a chunk
    assert len(found["seen"]) < scratch.n_iter
    assert found["n_iter"] == stopped["n_iter"] + len(found["seen"])
    assert found["warnings"] == []


@pytest.mark.slow
def test_a_fit_that_sigterm_has_stopped_goes_on_with_as_many_processes_or_with_more(stopped):
    two, three = stopped
    X, y, _ = child.data()
    scratch = sj.fit(X, y, **child.CAREFUL)
    first = two[0]["stopped"]
    assert first["status"] == "interrupted" and first["n_iter"] == 4
    assert two[0]["stopped"] == two[1]["stopped"]
    for answer in [*(answer["resumed"] for answer in two), *three]:
        _goes_on(answer, first, scratch)
    assert two[0]["resumed"] == two[1]["resumed"] and three[0] == three[1] == three[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("other data", "is of another computation: rows of X was "),
        ("damaged", "No checkpoint in "),
        ("file in place", "FileExistsError: "),
    ],
)
def test_what_process_0_finds_wrong_with_a_checkpoint_is_raised_on_all(stopped, what, words):
    errors = [answer[what] for answer in stopped[0]]
    assert errors[0] == errors[1]
    assert errors[0][0] == "CheckpointError" and words in errors[0][1]


@pytest.mark.slow
def test_all_are_told_that_the_disk_of_process_0_is_full(stopped):
    for answer in stopped[0]:
        assert answer["full"]["status"] == "interrupted"
        assert len(answer["full"]["warnings"]) == 2
        assert "The checkpoint of step 2 was not written" in answer["full"]["warnings"][1]
        assert "No space left on device" in answer["full"]["warnings"][1]


@pytest.mark.slow
def test_where_jax_s_preemption_service_is_on_all_stop_at_its_step(tmp_path):
    codes, logs, results = run(tmp_path, 2, 1, "preempted")
    assert codes == [0, 0], logs
    assert results[0] == results[1]
    assert results[0]["preempted"]["status"] == "interrupted"
    assert len(results[0]["preempted"]["seen"]) >= 2  # the signal comes after the second chunk, the step soon after


@pytest.mark.slow
def test_when_a_process_is_killed_the_others_end_within_the_heartbeat_time_and_its_checkpoint_is_left(tmp_path):
    folder = tmp_path / "processes"
    folder.mkdir()
    codes, logs, results = run(folder, 2, 1, "killed")
    assert codes[1] == -signal.SIGKILL
    assert codes[0] != 0 and results[0] is None, logs[0]
    (left,) = (tmp_path / "left").glob("*.safetensors")
    texts, tensors = container.read(left)
    assert json.loads(json.loads(texts["texts"])["host_state"])["n_iter"] == 1
    assert not any(name.endswith(".Z") for name in tensors)


def test_a_process_gives_up_waiting_for_one_that_lives_but_does_not_take_part(tmp_path):
    codes, logs, results = run(tmp_path, 2, 1, "absent")
    assert codes[0] == 70, logs[0]
    assert "another process does not take part" in logs[0]
    assert results[0] is None
