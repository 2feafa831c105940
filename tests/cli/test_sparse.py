"""fit --l1, probe --sparse: the numbers of the API, what is kept told, models that predict, errors in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softmax_jax.cli import run
from softmax_jax.data import load_named
from softmax_jax.fitting.single import fit
from softmax_jax.model_files.files import load

pd = pytest.importorskip("pandas")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(words: str, capsys) -> str:
    assert run(words.split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err


def test_fit_with_l1_tells_what_is_kept_and_leaves_a_model_that_predicts(capsys):
    assert (
        run(["fit", "wine", "--l1", "0.1", "--group", "features", "--test", "0", "--out", "out", "--report", "page"])
        == 0
    )
    out, err = capsys.readouterr()
    assert err == ""
    told = json.loads(Path("out/results.json").read_text())
    kept, weights = told["n_features_kept"], told["n_weights_kept"]
    assert 0 < kept < 13 and weights == 3 * kept
    assert f"{kept} of 13 features, {weights} of 39 weights" in out
    assert "(l1 = 0.1 of whole features, l2 = 0.0001)" in out
    page = Path("page/report.html").read_text(encoding="utf-8")
    assert f"{kept} of 13 features, {weights} of 39 weights are not zero" in page
    assert "0.1 times the sum of norms of each feature" in page
    model: Any = load("out/model.safetensors")
    assert (model[-1].l1, model[-1].group) == (0.1, "features")
    assert (model[-1].coef_ != 0).any(axis=0).sum() == kept
    data = load_named("wine")
    alone = fit((data.X - data.X.mean(axis=0)) / data.X.std(axis=0), data.y, l1=0.1, l2=1e-4, group="features")
    assert told["cost"] == pytest.approx(alone.objective, abs=2e-6)
    frame = pd.DataFrame(data.X, columns=list(data.feature_names))
    assert model.score(frame, data.y) == told["accuracy_train"] > 0.9


def test_single_weights_are_zero_without_a_group(capsys):
    assert run(["fit", "wine", "--l1", "0.1", "--l2", "0", "--test", "0", "--out", "model.safetensors", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["n_weights_kept"] < 3 * told["n_features_kept"] and told["duality_gap"] <= 1e-6
    assert told["group"] is None and told["l1"] == 0.1


def test_a_probe_of_few_features_is_a_table_a_picture_and_a_model(capsys):
    code = run(["probe", "wine", "--sparse", "3", "--out", "out"])
    out, _ = capsys.readouterr()
    assert code == 0
    told = json.loads(Path("out/results.json").read_text())
    rows, refit = told["strengths"], told["refit"]
    assert [row["n_features"] <= 3 for row in rows] == [True] * (len(rows) - 1) + [False]
    assert all(row["status"] == "converged" and row["duality_gap"] <= 1e-6 for row in [*rows, refit])
    assert 0 < refit["n_features_kept"] <= 3
    assert "at most 3 features" in out and f"{refit['n_features_kept']} of 13 features" in out
    assert Path("out/sparse_path.png").read_bytes().startswith(b"\x89PNG")
    model: Any = load("out/model.safetensors")
    assert model[-1].l1 == refit["l1"] and len(np.flatnonzero(model[-1].params_.W.any(axis=1))) <= 3


def test_what_does_not_go_together_is_said_in_a_line(capsys):
    assert "--group says how --l1 counts weights" in refused("fit wine --group features", capsys)
    assert "--l1 must be" in refused("fit wine --l1 -1", capsys)
    assert "solver must be 'auto' or 'proximal-newton'" in refused("fit wine --l1 1 --solver lbfgs", capsys)
    assert "eta select gradient descent" in refused("fit wine --l1 1 --eta 0.1", capsys)
    assert "leave out --l1" in refused("fit wine --distributed --test 0 --no-standardise --l1 1", capsys)
    assert "--sparse must be" in refused("probe wine --sparse 0", capsys)
