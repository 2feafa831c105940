"""Tables are aligned, never cut or wrapped, and take no word for markup; a verdict is an exit code and a line."""

from __future__ import annotations

import pytest

from softmax_jax.cli.terminal import INTERRUPTED_BUT_SAVED, NOT_CONVERGED, print_facts, print_table, verdict

LONG = "a/path " * 40


@pytest.fixture(autouse=True)
def a_narrow_console(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")


def test_facts_have_a_line_for_each_of_several_things_and_none_for_nothing(capsys):
    print_facts({"data": LONG + "end", "read": (), "written": ["[red]a", 2]})
    assert capsys.readouterr().out == f"data      {LONG}end\nwritten   [red]a\n          2\n"


def test_numbers_of_a_table_are_set_to_the_right_below_their_heads(capsys):
    print_table([["lbfgs", "1", LONG + "end"], ["[b]", "10", ""]], ("", "steps", "note"))
    lines = capsys.readouterr().out.splitlines()
    assert [line[:16] for line in lines] == ["        steps   ", "lbfgs       1   ", "[b]        10"]
    assert lines[0].endswith(" note") and lines[1].endswith("   " + LONG + "end")


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        ("converged", 0, ""),
        ("interrupted", INTERRUPTED_BUT_SAVED, "softmax-jax: interrupted: so it is\n"),
        ("precision_floor", NOT_CONVERGED, "softmax-jax: not converged: so it is\n"),
    ],
)
def test_one_verdict_for_all_runs(status, code, said, capsys):
    assert verdict(status, "so\nit is", aloud=False) == code
    assert capsys.readouterr().err == ""
    assert verdict(status, "so\nit is") == code
    assert capsys.readouterr().err == said
