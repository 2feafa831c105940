"""The command line: its numbers are those of the API, its files are there, its errors are one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from places import ROOT

from softmax_jax import __main__
from softmax_jax._version import __version__
from softmax_jax.cli import run
from softmax_jax.data import load_named, read_images
from softmax_jax.fitting.single import fit
from softmax_jax.runs import artifacts, splitting

MNIST = [ROOT.parent / "shared" / "data" / f"mnist-t10k-{part}-ubyte.gz" for part in ("images-idx3", "labels-idx1")]
TABLE = "length,width,species\n" + "".join(
    f"{i % 7},{(i % 2) * 2 - 1 + i % 3},{'red' if i % 2 else 'blue'}\n" for i in range(40)
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _json(words: str, capsys) -> tuple[int, dict]:
    code = run([*words.split(), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_fit_without_data_is_iris_and_prints_the_table(capsys):
    assert run(["fit"]) == 0
    out, err = capsys.readouterr()
    assert err == ""  # no progress where there is no terminal
    for word in ("iris: train 120 x 4, 3 classes, test 30 rows", "cost", "duality gap", "converged after"):
        assert word in out
    for word in (
        "accuracy",
        "autodiff and closed form differ by",
        "passes over the data",
        "cpu, float64",
        "time",
        "softmax-jax-fit",
    ):
        assert word in out


def test_the_files_are_pictures_and_standard_json(capsys):
    code, printed = _json("fit wine --out a/b", capsys)
    assert code == 0
    for name in ("loss_curve.png", "confusion_matrix.png"):
        assert Path("a/b", name).read_bytes().startswith(b"\x89PNG")
    assert json.loads(Path("a/b/results.json").read_text()) == printed
    assert printed["duality_gap"] <= 1e-6
    assert printed["gradient"]["autodiff_minus_closed_form"] < 1e-14
    assert printed["accuracy_test"] > 0.9
    assert printed["versions"]["softmax_jax"] == __version__


def test_the_written_model_predicts_by_hand_what_the_numbers_say(capsys):
    _, printed = _json("fit digits --test 0", capsys)
    model = json.loads(Path("softmax-jax-fit/model.json").read_text())
    data = load_named("digits")
    Z = (data.X - model["mean"]) / model["scale"] @ np.array(model["W"]) + model["b"]
    hits = np.array(model["classes"])[Z.argmax(axis=1)] == data.y
    assert hits.mean() == pytest.approx(printed["accuracy_train"], abs=1e-12)
    assert printed["accuracy_test"] is None
    assert printed["n_test"] == 0


def test_the_cost_is_that_of_fit_on_the_same_rows(capsys):
    _, printed = _json("fit breast_cancer --l2 0.01 --no-standardise --test 0 --solver newton", capsys)
    data = load_named("breast_cancer")
    expected = fit(data.X, data.y, l2=0.01)
    assert printed["cost"] == pytest.approx(expected.objective, abs=1e-6)
    assert printed["solver"] == "Newton"
    assert printed["l2"] == 0.01


def test_training_rows_alone_decide_the_scaling():
    split = splitting.split_rows(load_named("wine"), test=0.25, standardise=True, seed=3)
    np.testing.assert_allclose(split.X_train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(split.X_train.std(axis=0), 1, atol=1e-12)
    assert np.abs(split.X_test.mean(axis=0)).max() > 1e-3
    _, train = np.unique(split.y_train, return_counts=True)
    _, test = np.unique(split.y_test, return_counts=True)
    np.testing.assert_allclose(test / (train + test), 0.25, atol=0.02)


@pytest.mark.parametrize("option", ["--eta 0.5", "--epochs 7", "--minibatches 32", "--solver sgd"])
def test_any_option_of_gradient_descent_selects_it_and_exit_code_one_tells_it_has_not_converged(option, capsys):
    code = run(["fit", "iris", *option.split(), "--json"])
    out, err = capsys.readouterr()
    assert code == 1
    assert json.loads(out)["solver"] == "SGD"
    assert json.loads(out)["status"] == "max_iter"
    assert err.startswith("softmax-jax: not converged: ")
    assert err.count("\n") == 1


def test_the_updates_of_gradient_descent_are_counted_and_its_seed_repeats_it(capsys):
    words = "fit iris --epochs 3 --minibatches 32 --eta 0.1 --seed 5"
    first, second = _json(words, capsys)[1], _json(words, capsys)[1]
    assert first["updates_per_epoch"] == 4  # 120 rows
    assert first["n_iter"] == 3
    assert first["cost"] == second["cost"]


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("--eta 1e6 --epochs 20", "eta"),
        ("--l2 0 --solver newton", "l2 > 0"),
        ("--max-iter 1 --solver lbfgs", "Raise --max-iter"),
    ],
)
def test_a_fit_that_fails_exits_with_one_and_says_what_to_do(words, advice, capsys):
    code = run(["fit", "wine", *words.split()])
    out, err = capsys.readouterr()
    assert code == 1
    assert advice in err
    assert "Traceback" not in out + err
    model = json.loads(Path("softmax-jax-fit/model.json").read_text())
    assert np.isfinite(model["W"]).all()


def test_a_table_is_fitted_by_the_name_of_its_target(capsys):
    Path("flowers in the [bold]field.csv").write_text(TABLE)
    code = run(["fit", "flowers in the [bold]field.csv", "--target", "species", "--out", "o [red]x"])
    assert code == 0
    out = capsys.readouterr().out
    assert "flowers in the [bold]field: train 32 x 2, 2 classes" in out
    assert str(Path("o [red]x/model.json")) in out
    assert json.loads(Path("o [red]x/model.json").read_text())["classes"] == ["blue", "red"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fit iriss", "Did you mean 'iris'"),
        ("fit nothing.csv --target y", "nothing.csv"),
        ("fit table.csv", "length, width, species"),
        ("fit table.csv --target colour", "'colour'"),
        ("fit text.csv --target y", "'a'"),
        ("fit nan.csv --target y", "line 3"),
        ("fit one_class.csv --target y", "class"),
        ("fit rare.csv --target y", "'z' has 1 row"),
        ("fit iris --l2 -1", "--l2 must be"),
        ("fit iris --l2 nan", "l2"),
        ("fit iris --l2 much", "--l2"),
        ("fit iris --tol 0", "--tol must be"),
        ("fit iris --max-iter -1", "--max-iter must"),
        ("fit iris --eta 0", "--eta must be"),
        ("fit iris --eta nan", "eta"),
        ("fit iris --epochs 0", "epochs"),
        ("fit iris --minibatches 0", "minibatches"),
        ("fit iris --solver adam", "--solver"),
        ("fit iris --solver newton --eta 1", "eta"),
        ("fit iris --test 1", "test"),
        ("fit iris --test -0.1", "test"),
        ("fit iris --test 0.99", "--test 0.99 splits"),
        ("fit iris --seed -1", "seed"),
        ("fit iris --target species", "target"),
        ("fit iris --out table.csv", "--out"),
        ("fit iris --images table.csv --labels table.csv", "DATA"),
        ("fit --images table.csv", "--labels"),
        ("fit --images table.csv --labels table.csv", "not an IDX file"),
        ("fit --images none --labels none", "none cannot be read"),
        ("fit iris --rate 1", "--rate"),
        ("fit iris digits", "digits"),
        ("train iris", "train"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_two(words, expected, capsys):
    Path("table.csv").write_text(TABLE)
    Path("text.csv").write_text("a,b,y\nred,1,u\nblue,2,v\n")
    Path("nan.csv").write_text("a,b,y\n1,1,u\n,2,v\n")
    Path("one_class.csv").write_text("a,b,y\n" + "1,2,u\n" * 10)
    Path("rare.csv").write_text("a,b,y\n" + "1,2,u\n" * 10 + "1,2,z\n")
    assert run(words.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("softmax-jax: error: ")
    assert err.count("\n") == 1
    assert expected in err


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line_on_stderr(capsys):
    Path("numbers.csv").write_text("1,2,3\n" + "4,5,6\n7,8,9\n" * 10)
    assert run(["fit", "numbers.csv", "--target", "3"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("softmax-jax: warning: ")
    assert "--no-header" in err
    assert err.count("\n") == 1


def test_help_shows_an_example_and_version_the_version(capsys):
    assert run(["fit", "--help"]) == 0
    assert "softmax-jax fit iris" in capsys.readouterr().out
    assert run([]) == 0
    assert "fit" in capsys.readouterr().out
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_numbers_that_are_not_finite_become_null_in_json():
    assert json.loads(artifacts.to_json({"gap": float("inf"), "list": [float("nan"), 1.5]})) == {
        "gap": None,
        "list": [None, 1.5],
    }


def test_the_program_runs_as_a_module_and_ends_with_its_exit_code():
    found = subprocess.run(
        [sys.executable, "-m", "softmax_jax", "fit", "nothing"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert found.returncode == 2
    assert found.stderr.startswith("softmax-jax: error: ")


def test_without_the_extra_one_line_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "softmax_jax.cli", None)
    with pytest.raises(SystemExit) as caught:
        __main__.main()
    assert caught.value.code == 2
    assert "pip install 'softmax_jax[cli]'" in capsys.readouterr().err


@pytest.mark.slow
def test_mnist_test_images_exceed_0_88_test_accuracy(capsys):
    if not all(path.is_file() for path in MNIST):
        pytest.skip("the MNIST test images are not at ../shared/data")
    assert read_images(*MNIST).X.shape == (10000, 784)
    code, printed = _json(f"fit --images {MNIST[0]} --labels {MNIST[1]}", capsys)
    assert code == 0
    assert (printed["n_train"], printed["n_test"]) == (8000, 2000)
    assert printed["accuracy_test"] > 0.88
    assert printed["gradient"]["autodiff_minus_closed_form"] < 1e-7
