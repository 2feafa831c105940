"""A model as an ONNX graph gives the model's probabilities in onnxruntime, for any number of rows."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from stored_cases import MAKERS, make_data, make_estimator, make_params, make_pipe, make_steps

import softmax_jax as sj
from softmax_jax.export import export_onnx
from softmax_jax.prediction import host_softmax

TOLERANCE = {"float64": 1e-14, "float32": 1e-6}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def session(path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def answer(path, X):
    (O,) = session(path).run(None, {"X": X})
    return O


def probabilities(model, X):
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)
    W, b = getattr(model, "params", model)
    return host_softmax(X @ W + b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "steps"])
def test_the_runtime_gives_the_probabilities_of_every_kind_of_model(kind, dtype, path):
    model = MAKERS[kind](dtype)
    export_onnx(model, path)
    for n in (1, 7, 60):
        X, _ = make_data(dtype, n=n)
        O = answer(path, X)
        assert O.dtype == dtype and O.shape == (n, 3)
        np.testing.assert_allclose(O, probabilities(model, X), rtol=0, atol=TOLERANCE[dtype])


def test_the_graph_is_what_it_is_said_to_be(path):
    export_onnx(make_pipe("float32"), path)
    made = onnx.load(path)
    onnx.checker.check_model(made, full_check=True)
    assert [node.op_type for node in made.graph.node] == ["Sub", "MatMul", "Add", "Softmax"]
    (x,), (o,) = session(path).get_inputs(), session(path).get_outputs()
    assert (x.name, x.shape, o.name, o.shape) == ("X", ["n", 4], "probabilities", ["n", 3])
    export_onnx(make_estimator("float32"), path)
    assert [node.op_type for node in onnx.load(path).graph.node] == ["MatMul", "Add", "Softmax"]


def test_classes_and_names_of_features_are_in_the_metadata(path):
    pandas = pytest.importorskip("pandas")
    X, y = make_data()
    model = sj.SoftmaxRegression(l2=0.01).fit(pandas.DataFrame(X, columns=["a", "b", "c", "d\u00e9"]), y)
    export_onnx(model, path)
    texts = session(path).get_modelmeta().custom_metadata_map
    assert json.loads(texts["classes"]) == model.classes_.tolist()
    assert json.loads(texts["feature_names"]) == ["a", "b", "c", "d\u00e9"]
    assert texts["softmax_jax"] == sj.__version__
    export_onnx(make_params(), path)
    assert json.loads(session(path).get_modelmeta().custom_metadata_map["classes"]) == [0, 1, 2]


def test_features_far_from_zero_keep_their_digits_in_float32(path):
    X, y = make_data("float32")
    X = X + np.float32(12345.678)
    model = make_pipe("float32").fit(X, y)
    export_onnx(model, path)
    np.testing.assert_allclose(answer(path, X), model.predict_proba(X), rtol=0, atol=TOLERANCE["float32"])


def test_net_input_that_overflows_exp_gives_probabilities(path):
    export_onnx(sj.Params(np.array([[1e4, -1e4]], np.float32), np.zeros(2, np.float32)), path)
    assert answer(path, np.array([[1.0], [-1.0]], np.float32)).tolist() == [[1, 0], [0, 1]]


def test_another_dtype_may_be_asked_for(path):
    model, (X, _) = make_estimator(), make_data()
    export_onnx(model, path, dtype="float32")
    O = answer(path, X.astype(np.float32))
    np.testing.assert_allclose(O, model.predict_proba(X), rtol=0, atol=TOLERANCE["float32"])


def test_what_cannot_be_exported_is_refused_and_nothing_is_written(path, monkeypatch):
    with pytest.raises(TypeError, match="other steps"):
        export_onnx(make_steps(), path)
    with pytest.raises(ValueError, match="float32 or float64"):
        export_onnx(make_params(), path, dtype=int)
    monkeypatch.setattr("softmax_jax.model_files.onnx_graph.LARGEST", 90)
    with pytest.raises(ValueError, match="at most 90 bytes for ONNX, got 96"):
        export_onnx(make_params(), path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"export_onnx needs onnx: pip install 'softmax_jax\[onnx\]'"):
        export_onnx(make_params(), path)
    assert list(path.parent.iterdir()) == []


def test_a_scaler_that_no_longer_divides_is_exported_so(path):
    pipe, (X, _) = make_pipe("float64"), make_data("float64")
    pipe[0].set_params(with_std=False)
    export_onnx(pipe, path)
    np.testing.assert_allclose(answer(path, X), pipe.predict_proba(X), atol=1e-12)
