"""The races' one rule: what was recorded of the machine decides whether there is a ratio."""

from __future__ import annotations

import warnings

import pytest
import solver_race
import timing

from softmax_jax.runs import load

IDLE, BUSY = (load.told(load.Load(share, 2.0, 2, "made up")) for share in (0.02, 0.6))


def test_a_ratio_is_given_where_every_load_was_recorded_and_small():
    assert timing.ratio(3.0, 2.0, IDLE, IDLE) == (1.5, "")
    assert timing.in_words(timing.ratio(3.0, 2.0, IDLE)) == "1.5"
    assert timing.ratio(3.0, 2.0, IDLE, BUSY).value is None
    assert "2 s and 3 s were measured" in timing.in_words(timing.ratio(3.0, 2.0, BUSY))
    assert timing.in_words(timing.ratio(3.0, 2.0, IDLE, None)) == "not given: the load of the machine was not recorded"
    assert timing.in_words(timing.ratio(None, 2.0, IDLE)) == "not reached"


def test_what_is_watched_is_told_at_the_end(monkeypatch):
    monkeypatch.setattr(load, "reading", lambda: "begin")
    monkeypatch.setattr(load, "since", lambda begin: load.Load(0.6 if begin == "begin" else 0.0, 2.0, 2, "made up"))
    with timing.watched() as found:
        assert found == {}
    assert found == BUSY
    assert found["busy"]


def test_a_call_is_timed_without_its_warnings():
    seconds, result = timing.timed(lambda: (warnings.warn("not converged", stacklevel=1), 7)[1])
    assert result == 7
    assert seconds == pytest.approx(0, abs=1)


def test_records_of_the_solver_race_without_load_have_no_ratio():
    row = {"problem": "p", "dtype": "float32", "seconds to 1e-5": 2.0}
    rows = [{**row, "solver": "softmax_jax auto"}, {**row, "solver": "scikit-learn lbfgs, 1 thread"}]
    assert solver_race.ratios(rows)[0]["ratio"] == "not given: the load of the machine was not recorded"
    found = solver_race.ratios([{**r, "load": IDLE} for r in rows])[0]
    assert (found["ratio"], found["fastest"]) == ("1", "scikit-learn lbfgs, 1 thread")
