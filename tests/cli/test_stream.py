"""Rows that are read by blocks: every verb finds what it finds in memory, or says which option needs them there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from softmax_jax.cli import run
from softmax_jax.data.rows import reading
from softmax_jax.placement import memory

pd = pytest.importorskip("pandas")
RNG = np.random.default_rng(3)
N, M = 300, 4
X = RNG.standard_normal((N, M)) * [1, 10, 0.1, 3] + [0, 5, 1, -2]
Y = np.argmax((X - X.mean(axis=0)) / X.std(axis=0) @ RNG.standard_normal((M, 3)) + RNG.gumbel(size=(N, 3)), axis=1)
TOL = "1e-8"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The same rows as .npy, as shards and as Parquet, with a fit of each kind."""
    path = tmp_path_factory.mktemp("stream")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        np.save("X.npy", X)
        np.save("y.npy", Y)
        Path("shards").mkdir()
        for i, rows in enumerate((slice(0, 170), slice(170, N))):
            np.save(f"shards/X-{i}.npy", X[rows])
            np.save(f"shards/y-{i}.npy", Y[rows])
        frame = pd.DataFrame(X, columns=list("abcd")).assign(label=Y, weight=1.0 + (Y == 1))
        frame.to_parquet("table.parquet", row_group_size=70)
        for how in ("stream", "no-stream"):
            words = f"fit X.npy --labels y.npy --{how} --tol {TOL} --out {how} --report {how}-report"
            assert run(words.split()) == 0
    return path


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(reading, "ELEMENTS", 40 * M)


def _told(words: str, capsys, code: int = 0) -> dict:
    assert run([*words.split(), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def _close(a: dict, b: dict, names: str, atol: float) -> None:
    for name in names.split():
        assert a[name] == pytest.approx(b[name], abs=atol), name


def test_a_streamed_fit_is_that_in_memory_on_the_same_split(folder):
    streamed, whole = (json.loads(Path(how, "results.json").read_text()) for how in ("stream", "no-stream"))
    assert (streamed["streamed"], whole["streamed"]) == (True, False)
    assert "read by blocks of rows in every pass" in streamed["notes"][0] and whole["notes"] == []
    _close(streamed, whole, "n_train n_test accuracy_train accuracy_test", 0)
    _close(streamed, whole, "cost", 2e-8)
    assert streamed["status"] == "converged" and streamed["duality_gap"] <= 1e-8
    assert streamed["gradient"]["autodiff_minus_closed_form"] < 1e-14
    models = [json.loads(Path(how, "model.json").read_text()) for how in ("stream", "no-stream")]
    for name in ("mean", "scale"):
        np.testing.assert_allclose(models[0][name], models[1][name], rtol=1e-12)


def test_the_report_has_the_same_data(folder):
    pages = [Path(f"{how}-report", "report.html").read_text() for how in ("stream", "no-stream")]
    for words in (f"{X.min():.6g} to {X.max():.6g}, float64", "Confusion", "Gradient check"):
        assert all(words in page for page in pages)


@pytest.mark.parametrize(
    "data", ["shards", "table.parquet --target label --drop weight", "table.parquet --target label --weights weight"]
)
def test_shards_and_parquet_stream_as_well(data, capsys):
    settings = f"--test 0 --tol {TOL} --out m.safetensors"
    found = [_told(f"fit {data} --{how} {settings}", capsys) for how in ("stream", "no-stream")]
    assert [told["streamed"] for told in found] == [True, False]
    _close(*found, "n_train accuracy_train weighted n_features", 0)
    _close(*found, "cost", 2e-8)


def test_predictions_keep_the_order_of_the_rows(capsys):
    for how in ("stream", "no-stream"):
        told = _told(f"predict stream table.parquet --drop label --drop weight --{how} --proba --out {how}.csv", capsys)
        assert (told["rows"], sum(told["counts"])) == (N, N)
    streamed, whole = pd.read_csv("stream.csv"), pd.read_csv("no-stream.csv")
    pd.testing.assert_frame_equal(streamed, whole, rtol=1e-9)
    _told("predict stream X.npy --stream --out p.parquet", capsys)
    assert pd.read_parquet("p.parquet")["prediction"].tolist() == whole["prediction"].tolist()


def test_a_row_that_is_not_finite_leaves_no_predictions(capsys):
    bad = X.copy()
    bad[250, 2] = np.inf
    np.save("bad.npy", bad)
    assert run(["predict", "stream", "bad.npy", "--stream", "--out", "bad.csv"]) == 2
    assert "contains infinity, first in bad.npy, row 250, column 2" in capsys.readouterr().err
    assert not Path("bad.csv").exists()


def test_metrics_are_those_in_memory(capsys):
    found = [_told(f"evaluate stream X.npy --labels y.npy --{how}", capsys) for how in ("stream", "no-stream")]
    assert found[0]["per_class"] == found[1]["per_class"]
    _close(*found, "n accuracy balanced_accuracy macro_f1 log_loss calibration_error", 1e-12)


def test_a_streamed_probe_is_that_in_memory(capsys):
    words = f"probe X.npy --labels y.npy --l2-grid 1e-3,1e-1 --tol {TOL}"
    found = [_told(f"{words} --{how} --out probe-{how}", capsys) for how in ("stream", "no-stream")]
    assert [each["streamed"] for each in found] == [True, False]
    _close(*found, "best n_val n_test val_accuracy n_fits", 0)
    _close(found[0]["refit"], found[1]["refit"], "n_train accuracy_train accuracy_test", 0)
    _close(found[0]["refit"], found[1]["refit"], "cost l2", 2e-8)
    for a, b in zip(*(each["strengths"] for each in found), strict=True):
        _close(a, b, "l2 val_accuracy train_accuracy", 0)
        _close(a, b, "val_loss train_loss", 1e-4)
    told = _told("predict probe-stream X.npy --stream --out q.csv", capsys)
    assert told["rows"] == N


def test_validation_and_test_files_stream_with_the_rest(capsys):
    np.save("rest.npy", X[200:])
    np.save("rest_y.npy", Y[200:])
    files = "--val rest.npy --val-labels rest_y.npy --test-file rest.npy --test-labels rest_y.npy"
    words = f"probe X.npy --labels y.npy {files} --l2-grid 1e-3,1e-1 --tol {TOL} --out files --report files"
    found = [_told(f"{words} --{how}", capsys) for how in ("stream", "no-stream")]
    _close(found[0]["refit"], found[1]["refit"], "n_train accuracy_train accuracy_test", 0)
    assert found[0]["n_test"] == found[0]["n_val"] == 100


def test_a_checkpoint_of_a_streamed_fit_is_gone_on_from(capsys):
    words = f"fit X.npy --labels y.npy --stream --tol {TOL} --out kept --checkpoint state --every 0"
    first = _told(f"{words} --max-iter 2", capsys, code=1)
    again = _told(words, capsys)
    assert first["status"] == "max_iter" and again["status"] == "converged" and again["n_iter"] > 2
    assert again["cost"] == pytest.approx(json.loads(Path("stream/results.json").read_text())["cost"], abs=2e-8)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fit iris --stream", "iris is read whole: leave --stream out"),
        ("fit X.npy --labels y.npy --stream --eta 0.1", "give --no-stream"),
        ("fit X.npy --labels y.npy --stream --solver newton", "--solver newton needs all rows in memory"),
        ("fit --images a --labels b --stream", "--stream is not for --images"),
        ("probe X.npy --labels y.npy --stream --prune proof", "--prune proof needs all rows in memory"),
        ("probe X.npy X.npy --labels y.npy --stream", "--stream is for one DATA"),
        ("fit shards --stream --distributed --test 0 --no-standardise", "leave out --stream"),
    ],
)
def test_what_cannot_be_streamed_says_which_option(words, said, capsys):
    assert run(words.split()) == 2
    assert said in capsys.readouterr().err


def test_rows_are_streamed_by_their_size(monkeypatch, capsys):
    words = "evaluate stream X.npy --labels y.npy"
    assert _told(words, capsys)["notes"] == []
    monkeypatch.setattr(memory, "_lines", lambda path: ["MemAvailable: 30 kB"] if path == "/proc/meminfo" else [])
    assert "streamed: 9.375 KiB" in _told(words, capsys)["notes"][0]
    assert _told(f"{words} --no-stream", capsys)["notes"] == []


def test_files_that_can_only_be_read_whole_do_not_bring_the_others_into_memory(monkeypatch, capsys):
    pd.read_parquet("table.parquet")[200:].to_csv("rest.csv", index=False)
    files = "--val rest.csv --test-file rest.csv --target label --drop weight"
    words = f"probe table.parquet {files} --l2-grid 1e-3,1e-1 --tol {TOL} --out beside"
    whole = _told(words, capsys)
    monkeypatch.setattr(memory, "_lines", lambda path: ["MemAvailable: 30 kB"] if path == "/proc/meminfo" else [])
    streamed = _told(words, capsys)
    assert (whole["streamed"], streamed["streamed"]) == (False, True)
    assert [note for note in streamed["notes"] if "streamed" in note and "validation" not in note]
    _close(streamed["refit"], whole["refit"], "n_train accuracy_train accuracy_test", 0)
    for a, b in zip(streamed["strengths"], whole["strengths"], strict=True):
        _close(a, b, "val_loss", 1e-4)
