"""Safetensors files of features: in memory and by blocks, one tensor or one of several, labels in or beside them."""

from __future__ import annotations

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

import softmax_jax as sj
from softmax_jax.cli import run
from softmax_jax.data import load_data, load_features, open_rows, read_tensors
from softmax_jax.problem.prefetch import read_ahead

N, M = 40, 3
X = np.random.default_rng(0).standard_normal((N, M))
Y = np.arange(N) % 2


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file({"emb": X.astype(np.float32), "y": Y}, "one.safetensors")
    save_file({"layer1": X, "layer2": (10 * X).astype(np.float16), "y": Y, "w": np.ones(N)}, "two.safetensors")
    np.save("y.npy", Y)
    return tmp_path


def rows_of(source):
    return np.concatenate([block.copy() for _, block in read_ahead(source, 7)])[: source.shape[0]]


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "uint16", "bool"]
)
def test_rows_by_blocks_are_those_stored_in_every_dtype(dtype):
    stored = (10 * X).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    bits = {"F64": 8, "BF16": 2} if dtype == "bfloat16" else {}
    if bits:  # the writer for NumPy has no bfloat16
        header = json.dumps({"x": {"dtype": "BF16", "shape": [N, M], "data_offsets": [0, stored.nbytes]}}).encode()
        Path("d.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + stored.tobytes())
    else:
        save_file({"x": stored, "y": Y}, "d.safetensors")
    source = open_rows("d.safetensors")
    assert source.dtype == stored.dtype and source.shape == (N, M)
    np.testing.assert_array_equal(rows_of(source), stored)
    np.testing.assert_array_equal(load_features("d.safetensors", ["0", "1", "2"]).X, stored.astype(np.float64))


def test_a_fit_by_blocks_is_that_of_the_array():
    result = sj.fit(open_rows("one.safetensors"), Y, l2=0.01)
    np.testing.assert_allclose(result.params.W, sj.fit(X.astype(np.float32), Y, l2=0.01).params.W, atol=1e-5)


def test_one_of_several_is_named_behind_a_colon_or_by_tensor():
    for source in (open_rows("two.safetensors:layer2"), open_rows("two.safetensors", tensor="layer2")):
        np.testing.assert_array_equal(rows_of(source), (10 * X).astype(np.float16))
    data = load_data("two.safetensors:layer1", "y", weights="w")
    assert (data.name, data.X.dtype) == ("layer1", np.float64)
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.y, Y)
    np.testing.assert_array_equal(data.weights, np.ones(N))
    np.testing.assert_array_equal(read_tensors("one.safetensors", labels="y.npy").y, Y)


def test_images_are_flattened():
    save_file({"images": np.zeros((4, 2, 3), np.uint8), "y": Y[:4]}, "images.safetensors")
    data = load_data("images.safetensors", "y")
    assert data.X.shape == (4, 6) and data.X.dtype == np.float32 and data.image_shape == (2, 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: open_rows("two.safetensors"), "2 matrices: name one, as .*NAME.*layer1 40x3 F64.*layer2 40x3 F16"),
        (lambda: open_rows("two.safetensors:layer3"), "has no tensor 'layer3'.*layer1 40x3 F64, .*y 40 I64"),
        (lambda: open_rows("two.safetensors", tensor="y"), "matrix of samples and features, got y 40 I64"),
        (lambda: open_rows("two.safetensors:layer1", tensor="layer2"), "which names one, got tensor='layer2'"),
        (lambda: open_rows("y.npy", tensor="a"), "tensor is not for anything but safetensors files"),
        (lambda: open_rows("one.safetensors", columns="emb"), "columns is not for safetensors files"),
        (lambda: load_data("one.safetensors"), "needs labels: name the tensor.*emb 40x3 F32, y 40 I64"),
        (lambda: load_data("one.safetensors", "y", labels="y.npy"), "one of both"),
        (lambda: load_data("one.safetensors", "emb"), r"a number for each of the 40 rows in 'emb', got emb 40x3"),
        (lambda: load_data("one.safetensors", "y", drop=["a"]), "drop is for tables"),
        (lambda: load_data("none.safetensors", "y"), "there is no 'none.safetensors'"),
    ],
)
def test_what_is_not_clear_is_refused_with_what_there_is(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_files_that_are_damaged_or_models_or_of_other_numbers_are_refused():
    content = Path("one.safetensors").read_bytes()
    for damaged in (b"", content[:6], content[:-1], b"x" * 100, content[:20] + b"\xff" + content[21:]):
        Path("damaged.safetensors").write_bytes(damaged)
        with pytest.raises(ValueError, match="cut short, damaged, or no safetensors file"):
            open_rows("damaged.safetensors")
    sj.save(sj.init_params(4, 3, seed=0), "model.safetensors")
    with pytest.raises(ValueError, match="is a saved model, not a file of features"):
        load_data("model.safetensors", "b")
    header = json.dumps({"x": {"dtype": "F8_E4M3", "shape": [2, 2], "data_offsets": [0, 4]}}).encode()
    Path("f8.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(TypeError, match="numbers of 16 to 64 bits.*x 2x2 F8_E4M3"):
        open_rows("f8.safetensors")


def test_the_command_line_takes_them(capsys):
    assert run(["fit", "two.safetensors:layer1", "--target", "y", "--test", "0", "--out", "m.safetensors"]) == 0
    assert run(["evaluate", "m.safetensors", "two.safetensors:layer1", "--labels", "y.npy"]) == 0
    assert run(["predict", "m.safetensors", "two.safetensors:layer1", "--out", "p.csv"]) == 0
    capsys.readouterr()
    assert run(["fit", "two.safetensors", "--target", "y"]) == 2
    assert "layer1 40x3 F64, layer2 40x3 F16" in capsys.readouterr().err
