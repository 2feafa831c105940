"""The probe verb: a protocol carried out on files, its certificate printed, its model left on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from softmax_jax.cli import run
from softmax_jax.data import load_named
from softmax_jax.model_files.files import load
from softmax_jax.model_selection import probes
from softmax_jax.model_selection.protocols import dinov2
from softmax_jax.runs.progress import SearchLine

pd = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """iris in two tables, the columns of the second one reversed."""
    path = tmp_path_factory.mktemp("probe")
    iris = load_named("iris")
    frame = pd.DataFrame(iris.X, columns=["sl", "sw", "pl", "pw"])
    frame["kind"] = iris.y
    frame[frame.index % 3 > 0].to_csv(path / "train.csv", index=False)
    frame[frame.index % 3 == 0][frame.columns[::-1]].to_csv(path / "val.csv", index=False)
    frame.drop(columns="pl").to_csv(path / "lacking.csv", index=False)
    return path


@pytest.fixture(autouse=True)
def few_strengths_in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    few = {"dinov2": lambda: dinov2()._replace(strengths=np.logspace(-4, 2, 4))}
    monkeypatch.setattr(probes, "PRESETS", probes.PRESETS | few)


WORDS = "probe train.csv --val val.csv --target kind --preset dinov2 --out out"


@pytest.mark.slow
def test_the_table_numbers_picture_and_model_are_of_the_probe(capsys):
    assert run(WORDS.split()) == 0
    out, err = capsys.readouterr()
    assert err == "" or err.startswith("softmax-jax: note: The validation accuracy has")
    told = json.loads(Path("out/results.json").read_text())
    rows, refit = told["strengths"], told["refit"]
    assert [row["strength"] for row in rows] == pytest.approx([1e-4, 1e-2, 1, 100])
    assert all(row["status"] == "converged" and row["duality_gap"] <= 1e-6 for row in [*rows, refit])
    assert told["best"] == int(np.argmax([row["val_accuracy"] for row in rows]))
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("best")] == [
        ["best", f"{rows[told['best']]['strength']:.3g}"]
    ]
    assert (refit["n_train"], refit["n_test"], told["n_fits"]) == (80 + 50, 20, 5)
    assert refit["l2"] == pytest.approx(rows[told["best"]]["l2"] * 80 / 130)
    assert Path("out/validation_curve.png").read_bytes().startswith(b"\x89PNG")
    model, val = load("out/model.safetensors"), pd.read_csv("val.csv")
    both = pd.concat([pd.read_csv("train.csv"), val[["sl", "sw", "pl", "pw", "kind"]]])
    hits = (model.predict(both[["sl", "sw", "pl", "pw"]]) == both["kind"]).sum()
    assert hits == round(refit["accuracy_train"] * 130 + refit["accuracy_test"] * 20)


def test_a_probe_that_has_not_converged_says_so_and_exits_with_one(capsys):
    words = "probe train.csv --target kind --preset dinov2 --test 0 --max-iter 1 --out short --json"
    assert run(words.split()) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["refit"]["n_test"] == 0
    assert err.startswith("softmax-jax: not converged: ") and "--max-iter" in err


def test_ctrl_c_in_the_search_ends_it_before_anything_is_written(capsys, monkeypatch):
    def press(self, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(SearchLine, "__call__", press)
    assert run([*WORDS.split()[:-1], "stopped"]) == 130
    assert "interrupted before anything was written" in capsys.readouterr().err
    assert list(Path("stopped").iterdir()) == []


def test_the_line_tells_how_many_fits_are_done():
    words = SearchLine.text(probes.ProbeProgress(3, 15, 0.01, 1e-4, 2e-7, 0.75))
    assert words == "3 of at most 15 fits  strength 0.01  gap 2.0e-07  validation accuracy 0.7500"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("probe train.csv --target kind --preset imagenet", "--preset"),
        ("probe train.csv --target kind --val lacking.csv", "lacks 1 of the 4 columns"),
        ("probe train.csv --target kind --val nothing.csv", "nothing.csv"),
        ("probe iris --val-labels val.csv", "--val-labels belongs to --val"),
        ("probe iris --test 1", "test must be"),
        ("probe iris --tol 0", "tol"),
        ("probe iris --out train.csv", "--out"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(words, expected, capsys):
    assert run(words.split()) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert expected in err


def test_help_shows_an_example(capsys):
    assert run(["probe", "--help"]) == 0
    assert "softmax-jax probe digits" in capsys.readouterr().out
