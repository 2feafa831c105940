"""export writes a saved model for ONNX, torch and JAX, and never over the model itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import safetensors.numpy

import softmax_jax as sj
from softmax_jax.cli import run
from softmax_jax.data import load_named
from softmax_jax.prediction import host_softmax

IRIS = load_named("iris")


@pytest.fixture(autouse=True)
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    found = sj.Params(rng.standard_normal((4, 3)), rng.standard_normal(3))
    sj.save(found, "model.safetensors")
    Path("folder").mkdir()
    sj.save(found, "folder/model.safetensors")
    return found


def test_each_form_gives_the_probabilities_of_the_model(model, capsys):
    expected = host_softmax(IRIS.X @ model.W + model.b)
    assert run(["export", "folder", "--to", "onnx", "--out", "new/model.onnx"]) == 0
    assert "new/model.onnx" in capsys.readouterr().out
    (O,) = onnxruntime.InferenceSession("new/model.onnx").run(None, {"X": IRIS.X})
    np.testing.assert_allclose(O, expected, rtol=0, atol=1e-14)
    assert (
        run(["export", "model.safetensors", "--to", "torch", "--out", "state.safetensors", "--dtype", "float32"]) == 0
    )
    state = safetensors.numpy.load_file("state.safetensors")
    np.testing.assert_allclose(host_softmax(IRIS.X @ state["weight"].T + state["bias"]), expected, atol=1e-6)
    assert run(["export", "folder", "--to", "jax", "--out", "model.jax_export"]) == 0
    assert Path("model.jax_export").stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--to torch --out model.safetensors", "--out must be another file than the model"),
        ("--to onnx --out model.pb", "--out must end in .onnx"),
        ("--to jax --out model.jax_export --dtype float32", "--dtype is for onnx and torch"),
        ("--to keras --out model.h5", "keras"),
    ],
)
def test_what_cannot_be_done_is_one_line(words, says, capsys):
    before = Path("model.safetensors").read_bytes()
    assert run(f"export model.safetensors {words}".split()) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1
    assert Path("model.safetensors").read_bytes() == before
