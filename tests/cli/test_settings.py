"""A run writes its options, and --from-config reads them as defaults; what is no option is an error with a hint."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from softmax_jax.cli import run
from softmax_jax.cli.fit_options import FitOptions
from softmax_jax.cli.probe_options import PresetName, ProbeOptions
from softmax_jax.cli.settings import settings_toml


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _told(words: str, capsys) -> dict:
    assert run([*words.split(), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_value_that_options_have_comes_back_from_toml():
    name = 'ä "quoted" \\ \t\n\x7f\x01 \U0001f600'
    given = FitOptions(data=name, drop=["a", 'b"'], l2=1e-300, tol=5e-324, test=0.0, stream=False, out=Path("x y/z"))
    found = tomllib.loads(settings_toml(given))
    assert (found["data"], found["drop"], found["l2"], found["tol"]) == (name, ["a", 'b"'], 1e-300, 5e-324)
    assert (found["test"], found["stream"], found["out"]) == (0.0, False, "x y/z")
    assert found["solver"] == "auto" and found["max-iter"] == 1000
    assert not {"json", "as-json", "from-config", "weights", "epochs"} & found.keys()
    probe = tomllib.loads(settings_toml(ProbeOptions(data=["a.npy", "b.npy"], preset=PresetName.simclr)))
    assert (probe["data"], probe["preset"], "test" in probe) == (["a.npy", "b.npy"], "simclr", False)


def test_a_run_is_repeated_from_what_it_wrote_and_options_given_count_more(capsys):
    first = _told("fit iris --l2 1e-2 --test 0.3 --seed 5 --out first", capsys)
    again = _told("fit --from-config first/settings.toml --out second", capsys)
    assert (again["cost"], again["n_test"], again["l2"]) == (first["cost"], first["n_test"], 0.01)
    other = _told("fit --from-config second/settings.toml --l2 0.5 --out third.safetensors", capsys)
    assert (other["l2"], other["n_test"]) == (0.5, first["n_test"])
    written = tomllib.loads(Path("third.settings.toml").read_text())
    assert (written["l2"], written["out"], written["data"]) == (0.5, "third.safetensors", "iris")


def test_a_probe_reads_lists_and_writes_its_options(capsys):
    Path("probe.toml").write_text('data = ["iris"]\npreset = "dinov2"\nl2-grid = "1e-2,1"\nno_standardise = true\n')
    told = _told("probe --from-config probe.toml --out probed", capsys)
    assert [row["l2"] for row in told["strengths"]] == [1.0, 0.01] and not told["standardised"]
    written = tomllib.loads(Path("probed/settings.toml").read_text())
    assert (written["data"], written["no-standardise"], written["l2-grid"]) == (["iris"], True, "1e-2,1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max-itre = 3", "'max-itre', which is no option of this command. Did you mean 'max-iter'?"),
        ("from-config = 'a'", "'from-config', which is no option of this command."),
        ("max-iter = 3.5", "'--max-iter'"),
        ("test = true", "test in bad.toml must be text or a number, got True."),
        ("l2 = [1, 2]", "l2 in bad.toml must be text or a number, got [1, 2]."),
        ("stream = 'yes'", "stream in bad.toml must be true or false, got 'yes'."),
        ("drop = [1979-05-27]", "drop in bad.toml must be text or a number, or a list of these"),
        ("l2 = ", "bad.toml is not TOML"),
    ],
)
def test_what_a_file_should_not_hold_is_told_in_a_line(text, words, capsys):
    Path("bad.toml").write_text(text)
    assert run(["fit", "--from-config", "bad.toml"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("softmax-jax: error: ") and err.count("\n") == 1
    assert words in err
    assert not Path("softmax-jax-fit").exists()


def test_a_file_that_is_not_there_is_named(capsys):
    assert run(["fit", "--from-config", "nothing.toml"]) == 2
    assert "nothing.toml" in capsys.readouterr().err


def test_relative_paths_are_those_of_the_command_line(capsys):
    rng = np.random.default_rng(0)
    np.save("X.npy", rng.standard_normal((40, 3)))
    np.save("y.npy", np.arange(40) % 2)
    Path("deep").mkdir()
    Path("deep/fit.toml").write_text('data = "X.npy"\nlabels = "y.npy"\ntest = 0\nout = "here"\n')
    assert _told("fit --from-config deep/fit.toml", capsys)["n_train"] == 40
    assert Path("here/settings.toml").exists()
