"""The probe verb: a protocol carried out on files, its certificate printed, its model left on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from softmax_jax.cli import run
from softmax_jax.cli.probe_options import strengths
from softmax_jax.data import load_named
from softmax_jax.model_files.files import load
from softmax_jax.model_selection.protocols import dinov2
from softmax_jax.probing import linear
from softmax_jax.probing.search import ProbeProgress
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
    monkeypatch.setattr(linear, "PRESETS", linear.PRESETS | few)


WORDS = "probe train.csv --val val.csv --target kind --preset dinov2 --out out"


@pytest.mark.slow
def test_the_table_numbers_picture_and_model_are_of_the_probe(capsys):
    assert run(WORDS.split()) == 0
    out, err = capsys.readouterr()
    assert err == "" or err.startswith("softmax-jax: note: ")
    told = json.loads(Path("out/results.json").read_text())
    rows, refit = told["strengths"], told["refit"]
    assert [row["strength"] for row in rows] == pytest.approx([1e-4, 1e-2, 1, 100])
    assert all(row["status"] == "converged" and row["duality_gap"] <= 1e-6 for row in [*rows, refit])
    accuracies = [row["val_accuracy"] for row in rows]
    equals = [i for i, accuracy in enumerate(accuracies) if accuracy == max(accuracies)]
    assert told["best"] == min(equals, key=lambda i: rows[i]["val_loss"])
    lines = [line.split() for line in out.splitlines()[:5]]
    assert lines[0][:4] == ["so", "far", "C", "l2"] and [line[-6] for line in lines[1:]] == [
        "0.0001",
        "0.01",
        "1",
        "100",
    ]
    assert max(map(len, out.splitlines()[:5])) < 80
    last = [line for line in out.splitlines() if line.startswith("best ")][-1]
    assert last.split()[1] == f"{rows[told['best']]['strength']:.3g}"
    assert "50 rows" in out and "standard error" in out and "dinov2 itself takes them as they are" in out
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


def test_ctrl_c_before_the_first_strength_ends_it_before_anything_is_written(capsys, monkeypatch):
    def press(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(linear, "rows_of", press)
    assert run([*WORDS.split()[:-1], "stopped"]) == 130
    assert "interrupted before anything was written" in capsys.readouterr().err
    assert list(Path("stopped").iterdir()) == []


def test_ctrl_c_in_the_search_keeps_and_reports_what_is_done(capsys, monkeypatch):
    def press(self, progress):
        if progress.n_fits == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(SearchLine, "__call__", press)
    assert run([*WORDS.split()[:-1], "half", "--checkpoint", "kept"]) == 130
    out, err = capsys.readouterr()
    assert "2 penalties are done; the best of them is written" in err and "as found on the training rows" in out
    assert json.loads(Path("half/results.json").read_text())["status"] == "interrupted"
    assert len(load("half/model.safetensors").predict(pd.read_csv("val.csv")[["sl", "sw", "pl", "pw"]])) == 50
    assert sorted(path.name for path in Path("kept").iterdir()) == ["search-0"]


def test_files_for_the_test_a_grid_folds_unit_rows_and_a_report(capsys):
    words = (
        "probe train.csv --target kind --test-file val.csv --l2-grid 1e-3:1e-1:3 --folds 3 --normalise --report told"
    )
    assert run([*words.split(), "--out", "folded", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["l2"] for row in told["strengths"]] == pytest.approx([1e-1, 1e-2, 1e-3])
    assert (told["n_val"], told["folds"], told["n_test"], told["unit_rows"]) == (100, 3, 50, True)
    assert (told["refit"]["n_train"], told["preset"]) == (100, "grid")
    val = pd.read_csv("val.csv")
    hits = load("folded/model.safetensors").predict(val[["sl", "sw", "pl", "pw"]]) == val["kind"]
    assert told["test"]["accuracy"] == pytest.approx(hits.mean())
    assert "Certificate" not in Path("told/report.html").read_text()
    assert "balanced accuracy" in Path("told/report.html").read_text()


def test_several_features_are_one_table_with_paired_differences(capsys):
    iris = load_named("iris")
    for name, columns in (("all", [0, 1, 2, 3]), ("some", [0, 1, 1, 0])):
        np.save(f"{name}.npy", iris.X[:, columns])
    Path("labels.txt").write_text("\n".join(iris.y))
    words = "probe all.npy some.npy --labels labels.txt --l2-grid 1e-2,1e-1 --out several"
    assert run(words.split()) == 0
    out = capsys.readouterr().out
    assert "all - some: +0." in out and "McNemar p" in out and out.count("all ") >= 3
    told = json.loads(Path("several/results.json").read_text())
    assert told["features"] == ["all", "some"] and told["n_test"] == 30
    assert Path("several/comparison.png").read_bytes().startswith(b"\x89PNG")
    assert load("several/model.safetensors").predict(iris.X).shape == (150,)
    assert run([*words.split()[:-1], "few", "--shots", "2,5", "--seeds", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["shots"], told["seeds"], np.shape(told["accuracy"])) == ([2, 5], [0, 1], (2, 2, 2))
    assert Path("few/few_shot.png").exists()
    for more, expected in (
        ("--val all.npy", "--val is for one DATA"),
        ("--test-file all.npy", "once for each DATA, got 1 for 2"),
        ("--shots 0", "--shots must be such as"),
        ("--shots 2 --folds 3", "leave out --folds"),
    ):
        assert run([*words.split(), *more.split()]) == 2
        assert expected in capsys.readouterr().err
    np.savez("other.npz", X=iris.X, y=iris.y[::-1])
    assert run(["probe", "other.npz", "iris", "--out", "several"]) == 2
    assert "iris has other labels than other" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [("1e-3:1e-1:3", [1e-3, 1e-2, 1e-1]), ("1e-2,1e-3", [1e-2, 1e-3]), ("5", [5.0])],
)
def test_a_grid_is_a_range_or_a_list(words, expected):
    assert strengths(words) == pytest.approx(expected)


@pytest.mark.parametrize("words", ["", "a", "1:2", "1e-1:1e-3:3", "0:1:3", "1,-1", "1:10:1", "nan"])
def test_another_grid_is_refused(words):
    with pytest.raises(ValueError, match="--l2-grid must be such as"):
        strengths(words)


def test_the_line_tells_how_many_fits_are_done():
    words = SearchLine.text(ProbeProgress(3, 15, 0.01, 1e-4, 2e-7, 0.75, left_s=7.2))
    assert words == "3 of at most 15 fits  7 s left  l2 0.0001  gap 2.0e-07  validation accuracy 0.7500"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("probe train.csv --target kind --preset imagenet", "--preset"),
        ("probe train.csv --target kind --val lacking.csv", "lacks 1 of the 4 columns"),
        ("probe train.csv --target kind --val nothing.csv", "nothing.csv"),
        ("probe iris --val-labels val.csv", "--val-labels belongs to --val"),
        ("probe iris --test 1", "test must be"),
        ("probe iris --test-labels val.csv", "--test-labels belongs to --test-file"),
        ("probe train.csv --target kind --test-file val.csv --test 0.1", "--test-file stands in place of --test"),
        ("probe train.csv --target kind --val val.csv --folds 3", "--folds stands in place of --val"),
        ("probe iris --l2-grid 1:2", "--l2-grid must be"),
        ("probe iris --prune never", "--prune"),
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
    assert "softmax-jax probe features.npy" in capsys.readouterr().out
