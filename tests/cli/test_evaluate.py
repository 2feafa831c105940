"""evaluate compares predictions with labels; predict leaves columns out; fit hints at tuning."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from softmax_jax.cli import run
from softmax_jax.data import load_named
from softmax_jax.runs.summary import tuning_hint

pd = pytest.importorskip("pandas")
IRIS = load_named("iris")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A model without names of features, one with names, and iris as files."""
    path = tmp_path_factory.mktemp("evaluate")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        np.save("iris.npy", IRIS.X)
        Path("labels.txt").write_text("\n".join(IRIS.y))
        frame = pd.DataFrame(IRIS.X, columns=["sl", "sw", "pl", "pw"]).assign(kind=IRIS.y)
        frame.to_csv("iris.csv", index=False)
        frame.assign(number=np.arange(150)).to_csv("more.csv", index=False)
        words = "--test 0 --l2 1e-2 --json --out"
        assert run(f"fit iris.npy --labels labels.txt {words} nameless.safetensors".split()) == 0
        assert run(f"fit iris.csv --target kind {words} named".split()) == 0
    return path


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_numbers_and_classes_are_printed(capsys):
    assert run(["evaluate", "nameless.safetensors", "iris.npy", "--labels", "labels.txt"]) == 0
    out, err = capsys.readouterr()
    for words in ("accuracy", "balanced accuracy", "macro F1", "log loss", "calibration", "class", "setosa"):
        assert words in out
    assert err == "" and "top-5" not in out


@pytest.mark.parametrize(
    "words",
    [
        "named iris.csv --target kind",
        "named more.csv --target kind --drop number",
        "named iris.npy --labels labels.txt",
    ],
)
def test_json_holds_the_same_for_every_way_of_giving_rows(words, capsys):
    assert run([*f"evaluate {words}".split(), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    summary = json.loads(Path("named/results.json").read_text())
    assert told["accuracy"] == summary["accuracy_train"] and told["n"] == 150
    assert [row["rows"] for row in told["per_class"]] == [50, 50, 50]
    assert told["unknown"] == []


def test_labels_of_another_kind_are_matched_by_their_text_or_refused(capsys):
    labels = np.where(IRIS.y == "setosa", "zebra", IRIS.y)
    Path("strange.txt").write_text("\n".join(labels))
    assert run(["evaluate", "nameless.safetensors", "iris.npy", "--labels", "strange.txt", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unknown"] == ["zebra"]
    Path("numbers.txt").write_text("\n".join(map(str, range(150))))
    assert run(["evaluate", "nameless.safetensors", "iris.npy", "--labels", "numbers.txt"]) == 2
    assert "the model knows none of the labels" in capsys.readouterr().err


def test_a_column_of_labels_is_ignored_with_a_note_where_columns_match_by_position(capsys):
    assert run(["predict", "nameless.safetensors", "iris.csv", "--out", "a.csv", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "left out as labels, because it holds text: kind" in json.loads(out)["notes"][0]
    assert "UserWarning" not in err and "warning" not in err
    assert (pd.read_csv("a.csv")["prediction"] == IRIS.y).mean() > 0.9


def test_predict_takes_drop(capsys):
    assert run(["predict", "nameless.safetensors", "more.csv", "--out", "b.csv"]) == 2
    assert "has 6 columns, but the model takes 4" in capsys.readouterr().err
    words = "predict nameless.safetensors more.csv --drop number --drop kind --out b.csv"
    assert run(words.split()) == 0
    err = capsys.readouterr().err
    assert "left out" not in err and "in their order" in err
    assert (pd.read_csv("b.csv")["prediction"] == IRIS.y).mean() > 0.9


def test_a_model_without_names_predicts_in_python_without_a_warning():
    from softmax_jax import load

    model = load("nameless.safetensors")
    assert (model.predict(IRIS.X) == IRIS.y).mean() > 0.9  # warnings are errors here


def test_fit_hints_at_tuning_where_training_and_test_part():
    summary = {"accuracy_train": 0.9985, "accuracy_test": 0.857, "n_test": 300, "l2": 1e-4, "solver": "auto"}
    words = tuning_hint(summary)
    assert "0.9985 and 0.8570" in words and "softmax-jax probe" in words and "l2 = 0.0001 was given, not tuned" in words
    assert tuning_hint(summary | {"accuracy_test": 0.97}) == ""
    assert tuning_hint(summary | {"n_test": 10}) == ""  # within two standard errors
    assert tuning_hint(summary | {"accuracy_test": None, "n_test": 0}) == ""
    assert tuning_hint(summary | {"solver": "SGD"}) == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("evaluate none.safetensors iris.npy --labels labels.txt", "No such file"),
        ("evaluate named iris.csv", "target must name the column of labels"),
        ("evaluate named iris.csv --target species", "target must be a column"),
        ("evaluate named iris.csv --labels labels.txt", "--target"),
        ("evaluate nameless.safetensors iris.npy", "--labels"),
        ("evaluate nameless.safetensors iris.npy --labels labels.txt --drop a", "drop is for tables"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(words, expected, capsys):
    assert run(words.split()) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert expected in err


def test_help_shows_an_example(capsys):
    assert run(["evaluate", "--help"]) == 0
    assert "softmax-jax evaluate model.safetensors" in capsys.readouterr().out
