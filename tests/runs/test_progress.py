"""The live line: what it says, where it is shown, and that it leaves nothing behind."""

from __future__ import annotations

import io
import math
import sys
import types

import numpy as np
import pytest

from softmax_jax.fitting.single import fit
from softmax_jax.runs import progress
from softmax_jax.runs.progress import ProgressLine, RowsLine, StepLine, seconds_left
from softmax_jax.solvers.driver import Progress


class Terminal(io.StringIO):
    """What rich takes for a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time in seconds, to be set."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_the_time_left_follows_the_fall_of_the_gap():
    falling = [(float(t), 10.0**-t) for t in range(5)]  # a power of ten per second
    assert seconds_left(falling, 1e-7) == pytest.approx(3)
    assert seconds_left(falling, 1e-2) == 0
    assert seconds_left(falling[:2], 1e-7) is None
    for gap in (math.inf, math.nan, 1.0, 0.0):
        assert seconds_left([(0.0, 1.0), (1.0, 1.0), (2.0, gap)], 1e-7) is None


def test_the_line_tells_iteration_objective_gap_pace_and_time_left(clock):
    line = ProgressLine(1e-6, stream=io.StringIO())
    for i in range(3):
        clock[0] = 1.0 + i
        assert line(Progress(10 * i, 0.5, 10.0**-i, 20 * i)) is False
    assert line.text() == "iteration 20  J 0.500000  gap 1.0e-02, to reach 1e-06  data read 20 times/s  4 s left"
    assert line.text(60) == "iteration 20  gap 1.0e-02, to reach 1e-06  4 s left"
    assert line.text(12) == "iteration 20"
    line.say("the model is written")
    assert line.text() == "the model is written"


def test_epochs_are_counted_down_and_no_gap_is_no_gap(clock):
    line = ProgressLine(1e-6, epochs=10, stream=io.StringIO())
    clock[0] = 60.0
    line(Progress(2, 0.5, math.nan, 2))
    assert line.text() == "epoch 2 of 10  J 0.500000  data read 0.0333 times/s  4 min left"


def test_a_terminal_shows_it_and_the_cursor_comes_back():
    terminal = Terminal()
    with ProgressLine(1e-6, stream=terminal) as line:
        line(Progress(3, 0.25, 1e-3, 4))
    shown = terminal.getvalue()
    assert "compiling" in shown
    assert "iteration 3" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_as_a_plain_callback_it_ends_when_it_is_dropped():
    terminal, rng = Terminal(), np.random.default_rng(0)
    result = fit(rng.standard_normal((150, 4)), np.arange(150) % 3, callback=ProgressLine(1e-6, stream=terminal))
    assert result.status == "converged"
    shown = terminal.getvalue()
    assert "J 1.0" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_nothing_is_shown_where_there_is_no_terminal(capsys):
    with ProgressLine(1e-6) as line:
        line(Progress(3, 0.25, 1e-3, 4))
    assert capsys.readouterr() == ("", "")


def test_a_notebook_gets_one_output_that_is_rewritten(monkeypatch):
    shown: list[str] = []

    class Handle:
        def update(self, content, raw):
            shown.append(content["text/plain"])

    def display(content, raw, display_id):
        Handle().update(content, raw)
        return Handle()

    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    with ProgressLine(1e-6) as line:
        line(Progress(3, 0.25, 1e-3, 4))
    assert shown[0] == "compiling"
    assert shown[1].startswith("iteration 3  J 0.250000  gap 1.0e-03")


def test_without_rich_a_terminal_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(ImportError, match="rich"):
        ProgressLine(1e-6, stream=Terminal())


def test_the_line_of_several_probes_counts_them_and_says_the_time_left(clock):
    step = types.SimpleNamespace(done=2, most=6, name="layer1", accuracy=0.75)
    terminal = Terminal()
    with StepLine(stream=terminal) as line:
        clock[0] = 10.0
        line(step)
    assert "2 of 6 probes  layer1  test accuracy 0.7500  20 s left" in terminal.getvalue()
    step.done = 6
    assert StepLine.text(step, 0.0).endswith("0.7500")


def test_the_line_of_rows_counts_them_and_says_the_time_left(clock):
    terminal = Terminal()
    with RowsLine(100, "predicted", stream=terminal) as line:
        clock[0] = 10.0
        line(50)
    assert "0 of 100 rows predicted" in terminal.getvalue()
    assert "50 of 100 rows predicted  10 s left" in terminal.getvalue()
    assert line.text(100, 20.0) == "100 of 100 rows predicted"
