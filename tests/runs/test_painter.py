"""Pictures drawn by another process are those drawn here, and nothing depends on that process."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from softmax_jax.runs import painter
from softmax_jax.runs.painter import Painter
from softmax_jax.runs.pictures import Shown, draw

pytest.importorskip("matplotlib")
LABELS = np.array(["a", "b", "b", "c"])
SHOWN = Shown(np.geomspace(1, 0.01, 7), 0.01, 1e-3, 1e-4, 1, LABELS, LABELS[::-1], np.array(["a", "b", "c"]), "4 rows")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """One to draw in here, and one for the painter, who takes a process of its own."""
    monkeypatch.setattr(painter, "_pays", lambda: True)
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    return here, there


def _pictures(paths):
    return {path.name: path.read_bytes() for path in paths}


def test_the_pictures_are_those_drawn_here_and_no_process_is_left(folders):
    here, there = folders
    with Painter(beside=True) as beside:
        process = beside._process
        written = beside.draw(SHOWN, there)
    assert process is not None
    assert process.returncode == 0
    assert [path.name for path in written] == ["loss_curve.png", "confusion_matrix.png"]
    assert _pictures(written) == _pictures(draw(SHOWN, here))


def test_where_the_process_fails_the_pictures_are_drawn_here(folders, monkeypatch):
    here, there = folders
    monkeypatch.setattr(painter, "_CODE", "raise SystemExit(1)")
    with Painter(beside=True) as beside:
        written = beside.draw(SHOWN, there)
    assert _pictures(written) == _pictures(draw(SHOWN, here))


def test_without_a_process_at_all_too(folders, monkeypatch):
    here, there = folders
    monkeypatch.setattr(sys, "executable", str(here / "no such program"))
    with Painter(beside=True) as beside:
        written = beside.draw(SHOWN, there)
    assert _pictures(written) == _pictures(draw(SHOWN, here))


def test_what_would_warn_is_drawn_here_where_the_warning_is_heard(folders):
    _, there = folders
    strange = SHOWN._replace(classes=np.array(["a", "b", "c", "\U00013000"]))  # a letter that the font has not
    with Painter(beside=True) as beside, pytest.warns(UserWarning, match="missing from font"):
        assert len(beside.draw(strange, there)) == 2


def test_a_process_that_is_not_needed_is_ended(folders):
    with Painter(beside=True) as beside:
        process = beside._process
    assert process is not None
    assert process.returncode is not None
