"""A sweep that is stopped or killed, and resumed, ends in the bits of one that was not."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest
from resumed_fits import child_that_sweeps, start, sweep

import softmax_jax as sj
from softmax_jax.storage.checkpoints import CheckpointError

KILLS = 6
SWEEP = sweep()


def bits(result):
    arrays = [np.asarray(part) for part in (*result.params, *(a for a in result if not isinstance(a, sj.Params)))]
    return [(a.dtype, a.shape, a.tobytes()) for a in arrays]


@pytest.fixture(scope="module")
def uninterrupted():
    return sj.fit_path(**SWEEP)


def test_a_sweep_stopped_after_each_strength_ends_in_the_same_bits(uninterrupted, tmp_path):
    left = []
    for _ in SWEEP["l2_values"]:
        result = sj.fit_path(**SWEEP, checkpoint=tmp_path, callback=lambda i, result: True)
        left.append(result.status.count("interrupted"))
    assert left == list(range(len(left)))[::-1]
    assert bits(result) == bits(uninterrupted)


def test_a_finished_sweep_solves_nothing_again_and_another_one_is_refused(tmp_path):
    few = {**SWEEP, "l2_values": [1.0, 0.1]}
    calls = []
    first, again = (sj.fit_path(**few, checkpoint=tmp_path, callback=lambda i, _: calls.append(i)) for _ in range(2))
    assert calls == [0, 1]
    assert bits(again) == bits(first)
    with pytest.raises(CheckpointError, match=r"tol was 1e-09, now 1e-08"):
        sj.fit_path(**few | {"tol": 1e-8}, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="l2_values was"):
        sj.fit_path(**few | {"l2_values": [1.0, 0.2]}, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="validation y was"):
        sj.fit_path(**few | {"y_val": SWEEP["y_val"][::-1]}, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="init was None"):
        sj.fit_path(**few, init=first.at(0), checkpoint=tmp_path)


def test_float64_stays_float64_when_a_sweep_goes_on(tmp_path):
    wide = {**SWEEP, "X": np.asarray(SWEEP["X"], np.float64), "l2_values": [1.0, 0.1]}
    sj.fit_path(**wide, checkpoint=tmp_path, callback=lambda i, result: True)
    assert bits(sj.fit_path(**wide, checkpoint=tmp_path)) == bits(sj.fit_path(**wide))


@pytest.mark.parametrize("retire", ["proof", "validation"])
def test_strengths_that_were_given_up_stay_so(retire, tmp_path):
    whole = sj.fit_path(**SWEEP, retire=retire)
    for _ in SWEEP["l2_values"]:
        parts = sj.fit_path(**SWEEP, retire=retire, checkpoint=tmp_path, callback=lambda i, result: True)
    assert bits(parts) == bits(whole)


@pytest.mark.slow
def test_a_sweep_killed_at_six_random_moments_ends_in_the_same_bits(uninterrupted, tmp_path):
    rng = np.random.default_rng(0)
    left = []
    for kill in range(KILLS):
        process, pipe = start(child_that_sweeps, str(tmp_path / "kept"), pause_s=0.2)
        if kill % 3 == 2:  # while it starts, or goes back to its checkpoint
            time.sleep(rng.uniform(0, 1.0))
        else:
            left.append(pipe.recv())
            time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    process, pipe = start(child_that_sweeps, str(tmp_path / "kept"))
    result = pipe.recv()
    while isinstance(result, int):
        result = pipe.recv()
    process.join()
    assert left == sorted(left, reverse=True) and left[-1] < left[0]
    assert bits(result) == bits(uninterrupted)
