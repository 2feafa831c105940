"""Ctrl-C, whenever it is pressed, loses nothing that was reached."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from pressing import folder, press, pressed_in

from softmax_jax.cli import run
from softmax_jax.cli.ctrl_c import CtrlC
from softmax_jax.runs import artifacts
from softmax_jax.runs.painter import Painter
from softmax_jax.runs.progress import ProgressLine
from softmax_jax.solvers import driver
from softmax_jax.solvers.driver import Progress

__all__ = ["folder"]  # a fixture that every test here has
FIT = "fit iris --test 0 --l2 1e-2 --out"
CONVERGED = SimpleNamespace(result=SimpleNamespace(status="converged"))


def test_while_it_is_painted_the_model_stays_and_the_line_says_so(capsys, monkeypatch):
    pressed_in(monkeypatch, Painter, "draw")
    assert run([*FIT.split(), "painted"]) == 130
    err = capsys.readouterr().err
    model = Path("painted/model.safetensors")
    assert f"interrupted: The model is written to {model} ('converged' after" in err
    assert err.count("\n") == 1
    assert json.loads(Path("painted/results.json").read_text())["status"] == "converged"
    assert not Path("painted/loss_curve.png").exists()
    assert run(["predict", "painted", "iris", "--out", "p.csv"]) == 0


def test_right_after_the_fit_has_ended_the_model_is_written_and_the_rest_left_out(capsys, monkeypatch):
    finish = driver._Driver.finish
    seen = []

    def finishing(self, status):
        if not seen:  # as the fit has converged
            seen.append(status)
            press()
        return finish(self, status)

    monkeypatch.setattr(driver._Driver, "finish", finishing)
    assert run([*FIT.split(), "after"]) == 130
    assert seen == ["converged"]
    assert not Path("after/loss_curve.png").exists()
    assert "The model is written to after/model.safetensors ('converged' after" in capsys.readouterr().err


def test_while_the_model_is_written_it_is_written_whole_and_the_rest_left_out(capsys, monkeypatch):
    pressed_in(monkeypatch, artifacts, "save_described")
    assert run([*FIT.split(), "during"]) == 130
    assert [path.name for path in Path("during").iterdir()] == ["model.safetensors"]
    assert "The model is written to during/model.safetensors ('converged' after" in capsys.readouterr().err
    assert run(["predict", "during", "iris", "--out", "p.csv"]) == 0


def test_a_model_that_cannot_be_written_leaves_the_next_one_heard():
    def fail(run):
        raise OSError("disk full")

    line = ProgressLine(1e-6, stream=io.StringIO())
    with CtrlC(line) as pressed:
        with pytest.raises(OSError, match="disk full"):
            pressed.keep(fail, CONVERGED)
        assert pressed.model is None
        with pytest.raises(KeyboardInterrupt):
            press()


def test_a_fit_that_it_ended_is_written_without_another_interruption():
    line = ProgressLine(1e-6, stream=io.StringIO())
    with CtrlC(line) as pressed:
        pressed(Progress(1, 1.0, 1.0, 1))
        press()
        pressed.keep(lambda run: Path("m"), SimpleNamespace(result=SimpleNamespace(status="interrupted")))
    assert line.text().startswith("the model is in m")


@pytest.mark.parametrize("entered", [True, False])
def test_where_it_is_ignored_it_stays_so(entered, monkeypatch):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pressed = CtrlC(ProgressLine(1e-6, stream=io.StringIO()))
    try:
        if entered:
            with pressed:
                press()
                assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        pressed.keep(lambda run: (press(), Path("m"))[1], CONVERGED)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(signal, "getsignal", lambda number: None)  # a handler that Python does not know
    with pressed:
        pressed.keep(lambda run: Path("m"), CONVERGED)
    monkeypatch.undo()


def test_outside_the_main_thread_the_signal_is_left_alone():
    seen = []

    def work():
        with CtrlC(ProgressLine(1e-6, stream=io.StringIO())) as pressed:
            seen.append(signal.getsignal(signal.SIGINT))
            pressed.keep(lambda run: Path("m"), CONVERGED)
            seen.append(pressed.model)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler, Path("m")]


def test_in_a_fit_that_has_ended_it_is_finished_all_the_same(monkeypatch):
    from softmax_jax.fitting.single import fit

    finish, seen = driver._Driver.finish, []

    def finishing(self, status):
        seen.append(status)
        if len(seen) == 1:
            press()
        return finish(self, status)

    monkeypatch.setattr(driver._Driver, "finish", finishing)
    assert fit([[0.0], [1.0], [2.0], [3.0]], ["a", "b", "a", "b"], l2=0.1).status == "converged"
    assert seen == ["converged", "converged"]


def test_the_first_stops_a_fit_through_its_callback_and_the_second_at_once():
    line = ProgressLine(1e-6, stream=io.StringIO())
    progress = Progress(1, 1.0, 1.0, 1)
    with CtrlC(line) as pressed, pytest.raises(KeyboardInterrupt):  # there is nothing to certify yet
        press()
    with CtrlC(line) as pressed:
        assert pressed(progress) is False
        press()
        assert line.text().startswith("stopping")
        assert pressed(progress) is True
        with pytest.raises(KeyboardInterrupt):
            press()
        with pytest.raises(KeyboardInterrupt):
            pressed.keep(lambda run: (press(), Path("m"))[1], CONVERGED)
        assert (pressed.model, pressed.run) == (Path("m"), CONVERGED)
        with pytest.raises(KeyboardInterrupt):
            press()


def test_a_fit_that_is_resumed_says_from_where_and_its_times_add_up(capsys):
    words = ["fit", "iris", "--test", "0", "--l2", "1e-2", "--checkpoint", "kept", "--out", "m.safetensors", "--json"]
    assert run([*words, "--max-iter", "2"]) == 1
    first = json.loads(capsys.readouterr().out)
    assert first["resumed"] is None
    assert run(words) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    before = found["resumed"]
    path = Path("kept/checkpoint-000000000002.safetensors")
    assert f"note: Going on from {path}: 2 iterations, {before['n_passes']} passes" in err
    assert before["n_done"] == 2
    assert found["fit_wall_s"] > before["wall_s"] > 0
    assert run(words[:-1]) == 0
    assert "before it went on after" in capsys.readouterr().out


def test_a_process_that_is_interrupted_while_it_paints_leaves_a_model_that_predicts():
    program = (
        "import time, sys; from softmax_jax.runs.painter import Painter\n"
        "def draw(self, shown, out): print('painting', flush=True); time.sleep(60)\n"
        "Painter.draw = draw\n"
        "from softmax_jax.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, *FIT.split(), "real"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None and child.stdout.readline() == "painting\n"
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=30)
        finally:
            child.kill()
    assert child.returncode == 130
    assert err.splitlines()[-1].startswith("softmax-jax: interrupted: The model is written to real/model.safetensors")
    assert run(["predict", "real", "iris", "--out", "p.csv"]) == 0
