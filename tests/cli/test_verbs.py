"""predict, check and bench; what fit reads and writes besides; Ctrl-C; errors of all of them are one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from places import ROOT

from softmax_jax.cli import run
from softmax_jax.cli.fit_options import FitOptions
from softmax_jax.cli.probe_options import ProbeOptions
from softmax_jax.data import load_named
from softmax_jax.runs import benchmark, training
from softmax_jax.runs.load import Load

pd = pytest.importorskip("pandas")

CHECK = "check iris.csv --target kind --drop note --weights w"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """iris as files, and a model fitted to one of them."""
    path = tmp_path_factory.mktemp("files")
    iris = load_named("iris")
    frame = pd.DataFrame(iris.X, columns=["sl", "sw", "pl", "pw"])
    frame["kind"], frame["note"], frame["w"] = iris.y, "seen", np.arange(150) % 2 + 1
    frame.to_csv(path / "iris.csv", index=False)
    frame[frame.columns[::-1]].to_parquet(path / "reversed.parquet")
    frame.drop(columns="pl").to_csv(path / "lacking.csv", index=False)
    np.savez(path / "iris.npz", X=iris.X, y=iris.y)
    (path / "broken.safetensors").write_bytes(b"nothing")
    before = Path.cwd()
    os.chdir(path)
    try:
        words = "fit iris.csv --target kind --drop note --weights w --test 0 --out model.safetensors --json"
        assert run(words.split()) == 0
    finally:
        os.chdir(before)
    return path


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_columns_are_matched_by_name_in_any_order_and_others_ignored_with_a_note(capsys):
    assert run(["predict", "model.safetensors", "iris.csv", "--out", "a.csv", "--proba"]) == 0
    out, err = capsys.readouterr()
    assert "150 of iris.csv" in out
    assert err == "softmax-jax: note: columns that the model does not use are left out: kind, note, w\n"
    assert run(["predict", "model.safetensors", "reversed.parquet", "--out", "deep/b.parquet", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["written"], sum(told["counts"])) == (150, "deep/b.parquet", 150)
    first, second = pd.read_csv("a.csv"), pd.read_parquet("deep/b.parquet")
    assert list(first) == ["prediction", "probability_setosa", "probability_versicolor", "probability_virginica"]
    assert first["prediction"].tolist() == second["prediction"].tolist()
    assert (first["prediction"] == pd.read_csv("iris.csv")["kind"]).mean() > 0.95
    np.testing.assert_allclose(first.iloc[:, 1:].sum(axis=1), 1, atol=1e-12)


def test_names_that_are_not_there_give_way_to_positions_with_a_note(capsys):
    assert run(["predict", "model.safetensors", "iris.npz", "--out", "c.tsv"]) == 0
    assert "in their order" in capsys.readouterr().err
    assert len(pd.read_csv("c.tsv", sep="\t")) == 150


def test_check_passes_on_right_gradients_and_says_so(capsys):
    assert run(CHECK.split()) == 0
    out = capsys.readouterr().out
    assert "PASS: all three agree on cpu in float32 and float64" in out
    assert run([*CHECK.split(), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["passed"]
    assert 0 < told["worst"] <= 1
    assert [f["point"] for f in told["findings"]] == ["start", "optimum"] * 2


def test_check_says_how_exactly_each_device_multiplies(capsys):
    assert run([*CHECK.split(), "--json"]) == 0
    products = json.loads(capsys.readouterr().out)["products"]
    errors = {p["precision"]: p["error"] for p in products}
    assert set(errors) == {"JAX's default", "float32"} and errors["float32"] < 1e-6
    assert [p["precision"] for p in products if p["is_auto"]] == ["float32"]


def test_check_fails_where_the_gradients_differ(capsys, monkeypatch):
    from softmax_jax import gradient_check

    def wrong(*arguments):
        automatic, closed = right(*arguments)
        return automatic._replace(W=automatic.W * 1.01), closed

    right = gradient_check.both_gradients
    monkeypatch.setattr(gradient_check, "both_gradients", wrong)
    assert run(CHECK.split()) == 1
    assert "FAIL: they do not agree" in capsys.readouterr().out


def test_bench_writes_a_picture_and_numbers_and_names_the_fastest(capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "_OURS", {"auto": None})
    monkeypatch.setattr(benchmark, "_THEIRS", ("lbfgs",))
    others = [0.0]
    monkeypatch.setattr(benchmark, "since", lambda begin: Load(others[0], 1.0, 2, "made up"))
    assert run(["bench", "iris", "--limit", "20", "--l2", "1e-2", "--out", "race"]) == 0
    out = capsys.readouterr().out
    for word in ("softmax_jax auto", "scikit-learn lbfgs", "at its defaults", "times", "first run", "race/bench.png"):
        assert word in out
    assert Path("race/bench.png").read_bytes().startswith(b"\x89PNG")
    numbers = json.loads(Path("race/bench.json").read_text())
    assert [entry["name"] for entry in numbers["entries"]] == ["softmax_jax auto", "scikit-learn lbfgs"]
    assert numbers["ratio"] > 0
    others[0] = 0.75
    assert run(["bench", "iris", "--limit", "1e-9", "--l2", "1e-2", "--out", "race", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["entries"][0]["wall_s"] is None
    assert json.loads(out)["load"]["busy"]
    assert json.loads(out)["ratio"] is None
    assert "Raise --limit" in err


def test_ctrl_c_saves_what_was_reached_and_says_how_to_resume(capsys, monkeypatch):
    fit = training.fit

    def interrupted(*arguments, callback, **settings):
        def press(progress):
            os.kill(os.getpid(), signal.SIGINT)
            return callback(progress)

        return fit(*arguments, callback=press, **settings)

    monkeypatch.setattr(training, "fit", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    assert run(["fit", "iris", "--test", "0", "--tol", "1e-14", "--out", "stopped"]) == 130
    out, err = capsys.readouterr()
    assert "interrupted after" in out
    assert err.count("\n") == 1
    assert "--checkpoint" in err
    assert signal.getsignal(signal.SIGINT) is handler
    assert run(["predict", "stopped", "iris", "--out", "d.csv"]) == 0


def test_ctrl_c_twice_leaves_the_checkpoint_and_says_so(capsys, monkeypatch):
    def stop(*_, **__):
        Path("twice").mkdir()
        Path("twice/checkpoint-1.safetensors").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "fit", stop)
    assert run(["fit", "iris", "--checkpoint", "twice"]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err


def test_ctrl_c_before_there_is_anything_says_that(capsys, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "split_rows", stop)
    assert run(["fit", "iris"]) == 130
    assert "before anything was written" in capsys.readouterr().err


def test_checkpoint_and_every_reach_fit(capsys, monkeypatch):
    given = {}
    fit = training.fit

    def spy(*arguments, checkpoint, every, **settings):
        given.update(checkpoint=checkpoint, every=every)
        return fit(*arguments, **settings)

    monkeypatch.setattr(training, "fit", spy)
    assert run(["fit", "iris", "--test", "0", "--checkpoint", "kept", "--every", "5", "--out", "e.safetensors"]) == 0
    assert given == {"checkpoint": Path("kept"), "every": 5.0}


def test_a_report_is_written_beside_the_model(capsys, monkeypatch):
    def write_report(trained, path):
        path.write_text(trained.summary["status"])
        return path

    monkeypatch.setitem(sys.modules, "softmax_jax.report.report", types.SimpleNamespace(write_report=write_report))
    assert run(["fit", "iris", "--test", "0", "--out", "f.safetensors", "--report", "told"]) == 0
    assert Path("told/report.html").read_text() == "converged"
    assert str(Path("told/report.html")) in capsys.readouterr().out


def test_no_iteration_is_no_curve_but_a_model(capsys):
    assert run(["fit", "iris", "--test", "0", "--max-iter", "0", "--out", "none_done"]) == 1
    assert not Path("none_done/loss_curve.png").exists()
    assert Path("none_done/model.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("predict none.safetensors iris --out o.csv", "none.safetensors: No such file"),
        ("predict broken.safetensors iris --out o.csv", "broken.safetensors"),
        ("predict deep iris --out o.csv", "model.safetensors: No such file"),
        ("predict model.safetensors nothing --out o.csv", "DATA must be"),
        ("predict model.safetensors lacking.csv --out o.csv", "lacks 1 of the 4 columns of the model: pl"),
        ("predict model.safetensors digits --out o.csv", "lacks 4 of the 4"),
        ("predict model.safetensors iris.csv --out o.txt", "must end in .csv, .tsv or .parquet"),
        ("predict model.safetensors iris.csv --out iris.csv/o.csv", "--out"),
        ("predict model.safetensors iris.csv", "--out"),
        ("predict model.safetensors", "data"),
        ("fit iris.csv --target kind", "--drop note"),
        ("fit iris.csv --target kind --drop note --weights kind", "another column"),
        ("fit iris.npz --weights w", "no array 'w'"),
        ("fit iris --weights w", "weights is for files"),
        ("fit iris --every 5", "--every must be left out"),
        ("fit iris --report model.safetensors", "--report"),
        ("fit --images iris.csv --labels iris.csv --weights w", "--weights"),
        ("check iris --rows 1", "--rows"),
        ("check iris --l2 -1", "l2"),
        ("bench iris --l2 0", "l2 must be above 0"),
        ("bench iris --limit 0", "--limit"),
        ("bench iris --out iris.csv", "--out"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_two(words, expected, capsys):
    assert run(words.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("softmax-jax: error: ")
    assert err.count("\n") == 1
    assert expected in err


@pytest.mark.parametrize("verb", ["fit", "predict", "check", "bench"])
def test_every_verb_shows_an_example(verb, capsys):
    assert run([verb, "--help"]) == 0
    assert f"softmax-jax {verb} " in capsys.readouterr().out.split("For example:")[1]


def test_help_loads_neither_jax_nor_scikit_learn():
    code = (
        "import sys; from softmax_jax.cli import run; run(['fit', '--help'])\n"
        "assert not {'jax', 'sklearn', 'pandas', 'numpy'} & set(sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_fit_and_probe_write_to_folders_of_their_own_where_none_is_given():
    assert (FitOptions().out, ProbeOptions().out) == (Path("softmax-jax-fit"), Path("softmax-jax-probe"))
