"""A model as torch's nn.Linear: the standardisation is folded in, and its outputs are the model's net inputs."""

from __future__ import annotations

import json
import sys
import warnings

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stored_cases import MAKERS, make_data, make_estimator, make_params, make_pipe, make_steps

import softmax_jax as sj
from softmax_jax.export import export_state_dict, export_torch
from softmax_jax.prediction import host_softmax

TOLERANCE = {"float64": 1e-14, "float32": 2e-6}
KINDS = [kind for kind in MAKERS if kind != "steps"]


def probabilities(model, X):
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)
    W, b = getattr(model, "params", model)
    return host_softmax(X @ W + b)


def written(model, path, **options):
    """The state dict in a file, which is written without torch, and the classes beside it."""
    export_state_dict(model, path, **options)
    with safetensors.safe_open(path, "numpy") as file:
        texts = file.metadata()
    return safetensors.numpy.load_file(path), json.loads(texts["classes"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_state_of_every_kind_of_model_gives_its_probabilities(kind, dtype, tmp_path):
    model, (X, _) = MAKERS[kind](dtype), make_data(dtype)
    state, classes = written(model, tmp_path / "state.safetensors")
    assert {array.dtype.name for array in state.values()} == {dtype}
    assert state["weight"].shape == (3, 4) and state["bias"].shape == (3,)
    O = host_softmax(X @ state["weight"].T + state["bias"])
    np.testing.assert_allclose(O, probabilities(model, X), rtol=0, atol=TOLERANCE[dtype])
    assert classes == list(getattr(model, "classes_", getattr(model, "classes", np.arange(3))))


def test_the_fold_is_computed_in_float64_and_rounded_once(tmp_path):
    model = make_pipe("float32")
    scaler, (W, b) = model[0], (array.astype(np.float64) for array in model[-1].params_)
    state, _ = written(model, tmp_path / "state.safetensors")
    np.testing.assert_array_equal(state["weight"], (W / scaler.scale_[:, None]).T.astype(np.float32))
    np.testing.assert_array_equal(state["bias"], (b - scaler.mean_ @ (W / scaler.scale_[:, None])).astype(np.float32))


@pytest.mark.parametrize("parameters", [{"with_mean": False}, {"with_std": False}])
def test_a_scaler_of_any_setting_is_folded_in(parameters, tmp_path):
    model, X = make_pipe("float64", **parameters), 3 * make_data()[0] + 5
    state, _ = written(model, tmp_path / "state.safetensors")
    np.testing.assert_allclose(
        host_softmax(X @ state["weight"].T + state["bias"]), model.predict_proba(X), rtol=0, atol=1e-13
    )


def test_a_pipeline_may_end_in_a_cross_validated_model_and_a_probe_is_its_winner(tmp_path):
    X, y = make_data()
    cross_validated = make_pipeline(StandardScaler(), sj.SoftmaxRegressionCV(l2_values=[0.1, 1e-3], cv=3)).fit(X, y)
    for model in (cross_validated, sj.linear_probe(X, y, l2_values=[0.1, 1e-3])):
        state, _ = written(model, tmp_path / "state.safetensors")
        np.testing.assert_allclose(
            host_softmax(X @ state["weight"].T + state["bias"]), model.predict_proba(X), rtol=0, atol=1e-13
        )
    unit_rows = sj.linear_probe(X, y, l2_values=[0.1, 1e-3], normalise=True)
    with pytest.raises(TypeError, match="other steps"):
        export_state_dict(unit_rows, tmp_path / "state.safetensors")


def test_two_classes_have_two_outputs(tmp_path):
    X, y = make_data()
    model = sj.SoftmaxRegression(l2=0.01).fit(X, y == "b")
    state, classes = written(model, tmp_path / "state.safetensors")
    assert state["weight"].shape == (2, 4) and classes == [False, True]


def test_means_too_large_for_float32_are_warned_of(tmp_path):
    X, y = make_data()
    model = make_pipe().fit(X + 1e6, y)
    with pytest.warns(UserWarning, match="off by up to .* nats .* take dtype='float64'"):
        export_state_dict(model, tmp_path / "state.safetensors", dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        state, _ = written(model, tmp_path / "state.safetensors")
    O = host_softmax((X + 1e6) @ state["weight"].T + state["bias"])
    np.testing.assert_allclose(O, model.predict_proba(X + 1e6), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("make", "options", "error", "words"),
    [
        (make_steps, {}, TypeError, r"got other steps .*: export its last step, pipeline\[-1\]"),
        (sj.SoftmaxRegression, {}, ValueError, "not fitted"),
        (make_params, {"dtype": "float16"}, ValueError, "float32 or float64, got 'float16'"),
        (make_params, {"dtype": "wide"}, ValueError, "float32 or float64, got 'wide'"),
        (lambda: sj.Params(np.full((2, 2), 1e300), np.zeros(2)), {"dtype": np.float32}, ValueError, "range of float32"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_written(make, options, error, words, tmp_path):
    with pytest.raises(error, match=words):
        export_state_dict(make(), tmp_path / "state.safetensors", **options)
    assert list(tmp_path.iterdir()) == []


def test_without_torch_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="export_torch needs torch: pip install torch"):
        export_torch(make_params())


class TestWithTorch:
    """Torch takes a minute to install: these run where it is."""

    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch", reason="torch is 750 MB; the file of the same state is tested without it")

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_layer_gives_the_probabilities(self, torch, kind, dtype):
        model, (X, _) = MAKERS[kind](dtype), make_data(dtype)
        layer = export_torch(model)
        assert type(layer) is torch.nn.Linear and layer.weight.requires_grad
        with torch.no_grad():
            O = layer(torch.from_numpy(X)).softmax(dim=1).numpy()
        assert O.dtype == dtype
        np.testing.assert_allclose(O, probabilities(model, X), rtol=0, atol=TOLERANCE[dtype])

    def test_dtype_may_be_that_of_torch_and_no_random_number_is_drawn(self, torch):
        before = torch.random.get_rng_state()
        assert export_torch(make_estimator(), dtype=torch.float32).weight.dtype == torch.float32
        assert torch.equal(before, torch.random.get_rng_state())

    def test_the_file_of_the_state_is_loaded_by_a_layer(self, torch, tmp_path):
        from safetensors.torch import load_file

        model, path = make_pipe("float32"), tmp_path / "state.safetensors"
        export_state_dict(model, path)
        layer = torch.nn.Linear(4, 3)
        layer.load_state_dict(load_file(path))
        assert torch.equal(layer.weight, export_torch(model).weight)
