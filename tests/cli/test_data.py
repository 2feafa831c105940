"""What the verbs say of the data they read, and their options for numbers: alike in all verbs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from softmax_jax.cli import run
from softmax_jax.runs import benchmark

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

PAIRED = "12 shards paired with labels by number: X_0..X_11"
INDEX = "left out as the index of a data frame: __index_level_0__"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def X(rng):
    return rng.standard_normal((120, 3))


@pytest.fixture
def y(X):
    return (X[:, 0] > 0).astype(int)


@pytest.fixture
def shards(X, y) -> str:
    Path("shards").mkdir()
    for i in range(12):
        np.save(f"shards/X_{i}.npy", X[10 * i : 10 * i + 10])
        np.save(f"shards/y_{i}.npy", y[10 * i : 10 * i + 10])
    return "shards"


@pytest.fixture
def numbers(X, y) -> str:
    """A table as a spreadsheet writes it where the comma is the decimal one, the third column with thousands."""
    lines = [
        f"{a:.6f};{b:.6f}".replace(".", ",") + f";{1e4 * c:_.2f}".replace(".", ",").replace("_", ".") + f";{k}"
        for (a, b, c), k in zip(X.tolist(), y.tolist(), strict=True)
    ]
    Path("n.csv").write_text("a;b;c;k\n" + "\n".join(lines))
    return "n.csv --target k --delimiter ; --decimal , --thousands ."


def told(words: str, capsys) -> dict:
    assert run([*words.split(), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_fit_says_how_shards_were_paired_and_learns_from_the_right_pairs(shards, capsys):
    assert run(["fit", shards, "--out", "m.safetensors"]) == 0
    assert PAIRED in capsys.readouterr().out
    found = told("fit shards --out m.safetensors", capsys)
    assert found["notes"] == [PAIRED]
    assert found["accuracy_test"] > 0.9  # by chance 0.5
    assert run(["predict", "m.safetensors", shards, "--out", "p.csv"]) == 0
    assert PAIRED in capsys.readouterr().out
    assert told("predict m.safetensors shards --out p.csv", capsys)["notes"] == [PAIRED]
    y = np.concatenate([np.load(f"shards/y_{i}.npy") for i in range(12)])
    assert (pd.read_csv("p.csv")["prediction"] == y).mean() > 0.9


@pytest.mark.slow
def test_every_verb_says_it(shards, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "_OURS", {"auto": None})
    monkeypatch.setattr(benchmark, "_THEIRS", ())
    assert told("check shards --rows 40", capsys)["notes"] == [PAIRED]
    assert told("bench shards --l2 1e-2", capsys)["notes"] == [PAIRED]
    assert told("probe shards --val shards --test 0", capsys)["notes"] == [PAIRED, f"validation: {PAIRED}"]


def test_noise_with_the_index_of_a_split_is_not_learnt(rng, capsys):
    frame = pd.DataFrame(rng.standard_normal((200, 3)), columns=["a", "b", "c"])
    frame["y"] = np.arange(200) // 100  # the index alone tells the label
    frame.sample(frac=1, random_state=0).to_parquet("f.parquet")
    assert run(["fit", "f.parquet", "--target", "y", "--out", "m.safetensors"]) == 0
    assert INDEX in capsys.readouterr().out
    found = told("fit f.parquet --target y --out m.safetensors", capsys)
    assert (found["n_features"], found["notes"]) == (3, [INDEX])
    assert found["accuracy_test"] < 0.8


@pytest.mark.slow
def test_decimal_and_thousands_signs_are_options_of_every_verb(numbers, X, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "_OURS", {"auto": None})
    monkeypatch.setattr(benchmark, "_THEIRS", ())
    assert told(f"fit {numbers} --no-standardise --test 0 --l2 1e-2 --out out", capsys)["n_features"] == 3
    assert told(f"check {numbers}", capsys)["passed"]
    assert told(f"bench {numbers} --l2 1e-2", capsys)["n"] == 120
    assert told(f"probe {numbers} --test 0", capsys)["notes"] == []
    signs = "--delimiter ; --decimal , --thousands ."
    assert told(f"predict out n.csv --out p.csv {signs}", capsys)["rows"] == 120


@pytest.mark.parametrize("verb", ["fit", "check", "bench", "probe"])
def test_a_decimal_comma_without_its_option_is_one_line_that_names_it(verb, capsys):
    Path("n.csv").write_text("a;y\n1,5;u\n2;v\n")
    assert run([verb, "n.csv", "--target", "y", "--delimiter", ";"]) == 2
    err = capsys.readouterr().err
    assert err == (
        "softmax-jax: error: n.csv, line 2, column 'a': expected a number, got '1,5'; --decimal ',' reads it.\n"
    )
