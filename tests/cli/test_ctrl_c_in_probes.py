"""Ctrl-C in a probe, whenever it is pressed, loses no strength that is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pressing import folder, press, pressed_in

from softmax_jax.cli import run
from softmax_jax.model_selection import sparse_search
from softmax_jax.probing import along_l2
from softmax_jax.probing import run as probing
from softmax_jax.solvers import driver
from softmax_jax.storage.signals import Signals

__all__ = ["folder"]  # a fixture that every test here has
PROBE = "probe iris --preset dinov2 --l2-grid 1e-3:1e-1:2 --test 0 --out"


def test_a_probe_writes_its_model_before_its_pictures(capsys, monkeypatch):
    pressed_in(monkeypatch, probing.ProbeResult, "plot")
    assert run([*PROBE.split(), "probed"]) == 130
    assert "The model is written to probed/model.safetensors" in capsys.readouterr().err
    assert Path("probed/results.json").exists()


def test_while_a_probe_writes_its_model_it_is_written_whole(capsys, monkeypatch):
    pressed_in(monkeypatch, probing, "save_described")
    assert run([*PROBE.split(), "whole"]) == 130
    assert "The model is written to whole/model.safetensors" in capsys.readouterr().err
    assert [path.name for path in Path("whole").iterdir()] == ["model.safetensors"]
    assert run(["predict", "whole", "iris", "--out", "p.csv"]) == 0


@pytest.mark.filterwarnings("ignore::softmax_jax.storage.checkpoints.CheckpointWarning")
@pytest.mark.parametrize(
    ("place", "more", "ended"),  # ended: whether the fit has converged meanwhile
    [
        (along_l2, ["--l2-grid", "1e-3:1e-1:2"], False),
        (along_l2, ["--l2-grid", "1e-3:1e-1:2"], True),
        (sparse_search, ["--sparse", "2"], True),
    ],
)
def test_in_the_last_fit_with_a_checkpoint_all_strengths_are_written(place, more, ended, capsys, monkeypatch):
    fit = place.fit

    def last(*rows, **settings):
        if ended:
            pressed_in(monkeypatch, Signals, "give_back")
            return fit(*rows, **settings)
        monkeypatch.setattr(driver, "FIRST_CHUNK", 1)
        return fit(*rows, **settings | {"tol": 1e-14}, callback=press)

    monkeypatch.setattr(place, "fit", last)
    words = ["probe", "iris", "--test", "0", *more, "--out", "last", "--checkpoint", "kept", "--json"]
    assert run(words) == 130
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["status"] == "interrupted"
    assert f"{len(told['strengths'])} penalties are done" in err
    assert ("before the winner was fitted again" in told["note"]) is ended
    assert run(["predict", "last", "iris", "--out", "p.csv"]) == 0


@pytest.mark.slow
def test_a_probe_that_is_resumed_says_from_where_and_its_times_add_up(capsys):
    words = [
        "probe",
        "iris",
        "--l2-grid",
        "1e-3:1e-1:2",
        "--test",
        "0",
        "--out",
        "again",
        "--checkpoint",
        "kept",
        "--json",
    ]
    assert run(words) == 0
    once = json.loads(capsys.readouterr().out)
    assert run(words) == 0
    out, err = capsys.readouterr()
    assert "note: Going on from kept: 2 strengths, " in err
    assert json.loads(out)["strengths"] == once["strengths"]
