"""What others take of the machine is told apart from what we take, and forbids a ratio where it is much."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from softmax_jax.runs import load as module
from softmax_jax.runs.load import BUSY, Load, Reading, ratio, reading, since, told

CORES = os.cpu_count() or 1


def at(at_s: float, machine_s: float | None, own_s: float, waiting: float | None = None) -> Reading:
    return Reading(at_s, machine_s, own_s, waiting, "made up")


def test_the_share_of_others_is_the_machines_time_without_ours():
    load = since(at(0, 100, 10), lambda: at(10, 100 + 4 + 3 * CORES, 14))
    assert load == Load(pytest.approx(0.3), 10, CORES, "made up")
    assert load.is_busy
    assert str(load) == f"other processes took 30% of the CPU time of {CORES} cores"
    assert told(load)["busy"]


def test_our_own_work_is_no_load():
    assert since(at(0, 100, 10), lambda: at(10, 100 + 10 * CORES, 10 + 10 * CORES)).others == 0


def test_the_load_average_stands_in_and_a_short_look_judges_nothing():
    assert since(at(0, None, 0), lambda: at(10, None, 10, waiting=1 + CORES)).others == pytest.approx(1)
    assert "unknown" in str(since(at(0, None, 0), lambda: at(10, None, 1)))
    assert since(at(0, 0, 0), lambda: at(0.01, 9, 0)).others is None


def test_no_ratio_is_given_on_a_busy_machine_and_the_numbers_are():
    idle, busy, unknown = (Load(share, 1.0, 2, "") for share in (BUSY, 0.75, None))
    assert ratio(3.0, 2.0, [idle, unknown]) == (1.5, "")
    value, why = ratio(3.0, 2.0, [idle, busy])
    assert value is None
    assert why.startswith("not given: the machine was busy, other processes took 75%")
    assert "2 s and 3 s" in why
    assert ratio(None, 2.0, [idle]) == (None, "not reached")


@pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="the time of a child that runs is told by Linux")
def test_a_child_that_runs_counts_as_ours():
    program = "import time\nwhile time.process_time() < 0.5: pass\nprint('done', flush=True)\ninput()"
    begin = reading()
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"done\n"
        end = reading()
        child.communicate(b"\n")
    assert end.source == "/proc/stat"
    assert end.own_s - begin.own_s > 0.45
    assert end.machine_s - begin.machine_s > 0.3


def test_where_the_system_tells_nothing_the_load_is_unknown(monkeypatch):
    def silent():
        raise OSError("no such file")

    monkeypatch.setattr(module, "_from_proc", silent)
    monkeypatch.setattr(module, "_from_psutil", silent)
    assert reading().waiting is not None or not hasattr(os, "getloadavg")
    monkeypatch.delattr(os, "getloadavg", raising=False)
    begin = reading()
    assert str(since(begin, lambda: begin._replace(at_s=begin.at_s + 1))).startswith("load unknown")
