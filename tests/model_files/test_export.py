"""An exported model gives the model's probabilities in a process that has JAX and not this library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import jax
import numpy as np
import pytest
from jax import export
from sklearn.exceptions import NotFittedError
from stored_cases import MAKERS, make_data, make_estimator, make_params, make_pipe, make_steps

import softmax_jax as sj
from softmax_jax.model_files.export import export_predict

TOLERANCE = {"float64": 1e-14, "float32": 1e-6}
RUN = """
import json, sys
import jax, numpy as np
artefact, x, out, wide = sys.argv[1:]
with open(artefact, "rb") as file:
    program = jax.export.deserialize(bytearray(file.read()))
with jax.enable_x64(wide == "float64"):
    results = {n: np.asarray(program.call(X)) for n, X in np.load(x).items()}
assert not [name for name in sys.modules if name.startswith("softmax_jax")]
np.savez(out, **results)
print(json.dumps({"platforms": program.platforms, "dtype": str(program.in_avals[0].dtype)}))
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.jaxexport"


def reloaded(path) -> Any:
    return export.deserialize(bytearray(path.read_bytes()))


def expected(kind, model, X):
    if kind not in ("params", "fit_result"):
        return model.predict_proba(X)
    params = model if kind == "params" else model.params
    return np.asarray(sj.softmax(sj.net_input(params, X)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_fresh_process_with_jax_alone_gives_the_probabilities(dtype, path, tmp_path):
    model = make_pipe(dtype)
    export_predict(model, path)
    inputs: Any = {str(n): make_data(dtype, n=n)[0] for n in (1, 7, 1000)}
    np.savez(tmp_path / "x.npz", **inputs)
    arguments = [str(path), str(tmp_path / "x.npz"), str(tmp_path / "out.npz"), dtype]
    # -I: neither this directory nor PYTHONPATH is on the path
    run = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", RUN, *arguments], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {"platforms": ["cpu", "cuda", "tpu"], "dtype": dtype}
    with np.load(tmp_path / "out.npz") as results:
        for n, X in inputs.items():
            assert results[n].dtype == dtype and results[n].shape == (int(n), 3)
            np.testing.assert_allclose(results[n], model.predict_proba(X), rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "steps"])
def test_every_kind_of_model_is_exported(kind, dtype, path):
    model = MAKERS[kind](dtype)
    export_predict(model, path)
    X, _ = make_data(dtype)
    with jax.enable_x64(dtype == "float64"):
        O = np.asarray(reloaded(path).call(X))
    assert O.dtype == dtype
    np.testing.assert_allclose(O, expected(kind, model, X), rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize(
    "parameters", [{"with_mean": False}, {"with_std": False}, {"with_mean": False, "with_std": False}]
)
def test_a_scaler_of_any_setting_is_in_the_program(parameters, path):
    model = make_pipe("float32", **parameters)
    export_predict(model, path)
    X, _ = make_data("float32")
    O = np.asarray(reloaded(path).call(3 * X + 5))
    np.testing.assert_allclose(O, model.predict_proba(3 * X + 5), rtol=0, atol=TOLERANCE["float32"])


def test_features_far_from_zero_are_scaled_as_scikit_learn_scales_them(path):
    X, y = make_data("float32")
    X = X + np.float32(12345.678)
    model = make_pipe("float32").fit(X, y)
    export_predict(model, path)
    np.testing.assert_allclose(
        np.asarray(reloaded(path).call(X)), model.predict_proba(X), rtol=0, atol=TOLERANCE["float32"]
    )


def test_net_input_that_overflows_exp_gives_probabilities(path):
    export_predict(sj.Params(np.array([[1e4, -1e4]], np.float32), np.zeros(2, np.float32)), path)
    assert np.asarray(reloaded(path).call(np.array([[1.0], [-1.0]], np.float32))).tolist() == [[1, 0], [0, 1]]


def test_float16_params_compute_in_float32(path):
    params = make_params("float16")
    export_predict(params, path)
    X, _ = make_data("float32")
    wide = sj.Params(params.W.astype(np.float32), params.b.astype(np.float32))
    np.testing.assert_allclose(
        np.asarray(reloaded(path).call(X)), expected("params", wide, X), rtol=0, atol=TOLERANCE["float32"]
    )


def test_input_of_another_width_or_dtype_is_refused_by_the_program(path):
    export_predict(make_params("float64"), path)
    X, _ = make_data("float64")
    with pytest.raises(ValueError, match="float64 and called with float32"):
        reloaded(path).call(X)  # outside x64 JAX narrows X
    with jax.enable_x64(True), pytest.raises(ValueError, match="shape"):
        reloaded(path).call(X[:, :3])


def test_exporting_leaves_x64_off(path):
    export_predict(make_params("float64"), path)
    assert not jax.config.read("jax_enable_x64")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: "a model", TypeError, "got str"),
        (make_steps, TypeError, r"got other steps .*: export its last step, pipeline\[-1\]"),
        (lambda: sj.SoftmaxRegression(), NotFittedError, "not fitted"),
        (lambda: sj.Params(np.full((2, 2), np.inf), np.zeros(2)), ValueError, "finite"),
        (lambda: sj.Params(np.zeros((5, 2, 3)), np.zeros((5, 3))), ValueError, r"\(m, k\), got \(5, 2, 3\)"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_written(make, error, words, path):
    with pytest.raises(error, match=words):
        export_predict(make(), path)
    assert os.listdir(path.parent) == []


def test_without_flatbuffers_the_error_says_what_to_install(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    with pytest.raises(ImportError, match=r"needs flatbuffers: pip install 'softmax_jax\[export\]'"):
        export_predict(make_params(), path)


def test_a_failed_write_leaves_the_old_artefact(path, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        export_predict(make_estimator("float32"), path)
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]
