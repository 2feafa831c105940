"""What is saved comes back bit for bit; what cannot be stored is refused, and nothing is written."""

from __future__ import annotations

import enum
import functools
import json
import os
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pandas as pd
import pytest
from places import TESTS
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from stored_cases import (
    LABELS,
    MAKERS,
    PARAMS,
    make_cv,
    make_data,
    make_estimator,
    make_params,
    make_pipe,
    make_result,
    same,
)

import softmax_jax as sj
from softmax_jax.model_files.files import load, save

GOLDEN = TESTS / "golden" / "model_v1.safetensors"


def restored(model, path):
    save(model, path)
    return load(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", MAKERS)
def test_every_kind_comes_back_bit_for_bit(kind, dtype, path):
    model = MAKERS[kind](dtype)
    back = restored(model, path)
    assert same(model, back)
    W = PARAMS[kind](back).W
    assert W.dtype == dtype and W.flags.writeable
    if kind not in ("params", "fit_result"):
        X, y = make_data(dtype)
        assert same(back.predict_proba(X), model.predict_proba(X))
        assert same(back.predict(X), model.predict(X))
        refitted: Any = clone(back)
        assert same(refitted.fit(X, y).predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("labels", LABELS)
def test_labels_keep_their_kind_and_values(labels, path):
    model = make_estimator(labels=labels)
    back = restored(model, path)
    assert same(back.classes_, model.classes_)
    assert back.classes_.dtype.kind == LABELS[labels].dtype.kind


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_params_of_any_floating_dtype_and_of_jax_come_back_as_numpy(dtype, path):
    dtype = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    params = make_params(dtype)
    with jax.enable_x64(dtype == np.float64):
        assert same(restored(sj.Params(*map(jnp.asarray, params)), path), params)


def test_special_bits_of_the_parameters_survive(path):
    W = np.array([[-0.0, 5e-324, 1.7e308], [0.1, 1 / 3, -(2.0**-1074)]]).T[::-1]
    assert same(restored(sj.Params(W, W[0]), path), sj.Params(np.ascontiguousarray(W), W[0].copy()))


SETTINGS = {
    "solver record": {"solver": sj.LBFGS(memory=3, gradient="autodiff")},
    "Newton-CG": {"solver": sj.NewtonCG(max_products=7, forcing=0.25)},
    "descent": {"eta": 0.5, "epochs": 200, "minibatches": 20, "random_state": 7, "tol": np.inf},
    "descent record": {"solver": sj.SGD(np.float64(0.5), 100, 60), "tol": float("inf"), "random_state": np.int64(3)},
    "class weights": {"class_weight": {"b": 2.0, "ant": np.float32(0.1), np.str_("\u00e9\u6f22 "): 1}},
    "balanced": {"class_weight": "balanced", "fit_intercept": False, "warm_start": np.bool_(True)},
    "numpy scalars": {"l2": np.float64(0.01), "tol": np.float32(1e-5), "max_iter": np.int16(50)},
    "dtype": {"dtype": np.dtype("float32")},
    "dtype by name": {"dtype": "float64"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_hyperparameters_come_back_with_their_types(name, path):
    model = make_estimator(**SETTINGS[name])
    assert same(restored(model, path), model)


@pytest.mark.parametrize("dtype", [np.float32, jnp.float32, jnp.bfloat16, float])
def test_a_scalar_type_comes_back_as_the_dtype_that_it_means(dtype, path):
    back = restored(make_estimator(dtype=dtype), path)
    assert isinstance(back.dtype, np.dtype)
    assert back.dtype == np.dtype(dtype)


def test_an_unpenalised_fit_keeps_its_infinite_gap(path):
    model = sj.SoftmaxRegression(l2=0).fit(*make_data())
    assert restored(model, path).duality_gap_ == np.inf


@pytest.mark.parametrize("output", [None, "pandas"])
def test_feature_names_are_kept_and_checked_after_loading(output, path):
    X, y = make_data()
    frame = pd.DataFrame(X, columns=["a", "\u00e4", "", "a b"])
    model = make_pipe().set_output(transform=output).fit(frame, y)
    back = restored(model, path)
    assert same(back.predict_proba(frame), model.predict_proba(frame))
    assert same(back[0].feature_names_in_, model[0].feature_names_in_)
    assert hasattr(back[1], "feature_names_in_") == (output is not None)
    with pytest.raises(ValueError, match="feature names"):
        back.predict(frame.rename(columns={"a": "z"}))


@pytest.mark.parametrize(
    "parameters", [{"with_mean": False}, {"with_std": False}, {"with_mean": False, "with_std": False}]
)
def test_a_scaler_of_any_setting_is_kept(parameters, path):
    model = make_pipe(**parameters)
    assert same(restored(model, path), model)


STEPS = {
    "MaxAbsScaler": MaxAbsScaler(),
    "MinMaxScaler": MinMaxScaler(feature_range=(-1, 2), clip=True),
    "RobustScaler": RobustScaler(quantile_range=(10.0, 90.0), unit_variance=True),
    "RobustScaler of nothing": RobustScaler(with_centering=False, with_scaling=False),
    "Normalizer": Normalizer("l1"),
    "PCA": PCA(2, whiten=True, svd_solver="full"),
    "PCA of a share": PCA(0.3),
    "StandardScaler without mean": StandardScaler(with_mean=False, with_std=False),
}


@functools.cache
def model_of(m):
    """A model for behind a step that gives m features."""
    return sj.SoftmaxRegression(l2=0.01).fit(*make_data(m=m))


@pytest.mark.parametrize("name", STEPS)
def test_a_step_of_any_setting_is_kept_and_transforms_the_same(name, path):
    X, _ = make_data()
    step: Any = clone(STEPS[name]).fit(X)
    model = model_of(step.transform(X).shape[1])
    pipeline = Pipeline([("first", StandardScaler().fit(X)), ("step", step), ("model", model)])
    back = restored(pipeline, path)
    assert same(back, pipeline) and same(back.predict_proba(X), pipeline.predict_proba(X))
    assert list(back.named_steps) == ["first", "step", "model"]


def test_steps_keep_names_of_features_and_kinds_of_tables(path):
    X, y = make_data()
    frame = pd.DataFrame(X, columns=["a", "\u00e4", "", "a b"])
    model = make_pipeline(MinMaxScaler(), MaxAbsScaler(), make_estimator(l2=0.01)).set_output(transform="pandas")
    model = model.fit(frame, y)
    back = restored(model, path)
    assert same(back, model) and same(back.predict_proba(frame), model.predict_proba(frame))
    with pytest.raises(ValueError, match="feature names"):
        back.predict(frame.rename(columns={"a": "z"}))


@pytest.mark.parametrize(
    "parameters",
    [{"l2_values": (0.1, 1e-3), "cv": None}, {"l2_values": np.array([0.1, 1e-3]), "scoring": "neg_log_loss"}],
)
def test_a_cross_validation_keeps_its_folds_and_parameters(parameters, path):
    model = make_cv(**parameters)
    back = restored(model, path)
    assert same(back.path_, model.path_) and same(back, model)
    assert back.path_.best_l2 == back.l2_ == model.l2_
    assert same(back.scores_, back.path_.scores)


Colour: Any = enum.Enum("Colour", {"LIGHT": "a", "LINEN": "b", "LONG": "a longer one"}, type=str)


@pytest.mark.parametrize("kind", [list, lambda labels: np.array(labels, object)], ids=["list", "objects"])
def test_members_of_a_str_enum_come_back_as_the_strings_that_they_equal(kind, path):
    members = [Colour.LIGHT, Colour.LINEN, Colour.LONG]
    X, y = make_data()[0], kind([members[i % 3] for i in range(60)])
    model = sj.SoftmaxRegression(l2=0.01, class_weight={Colour.LIGHT: 2.0}).fit(X, y)
    back = restored(model, path)
    assert sorted(members) == model.classes_.tolist() == back.classes_.tolist() == ["a", "a longer one", "b"]
    assert set(map(type, back.classes_.tolist())) == {str}
    assert back.class_weight == {"a": 2.0} == {Colour.LIGHT: 2.0}
    assert (back.predict(X) == model.predict(X)).all()


def test_a_pipeline_keeps_the_names_of_its_steps_and_its_verbosity(path):
    steps = [("scale", StandardScaler()), ("model", sj.SoftmaxRegression(l2=0.01))]
    model = Pipeline(steps, verbose=False).fit(*make_data())
    assert list(restored(model, path).named_steps) == ["scale", "model"]


def test_equal_models_make_equal_files(path, tmp_path):
    save(make_estimator(), path)
    save(make_estimator(), tmp_path / "again")
    assert path.read_bytes() == (tmp_path / "again").read_bytes()


def test_any_safetensors_reader_sees_the_tensors_and_texts(path):
    from safetensors import safe_open

    model = make_pipe()
    save(model, path)
    with safe_open(path, framework="np") as file:
        assert same(file.get_tensor("W"), model[1].params_.W)
        texts = file.metadata()
    assert texts["format"] == "softmax_jax" and texts["format_version"] == "1" and texts["kind"] == "pipeline"
    assert json.loads(texts["classes"])["values"] == model.classes_.tolist()
    assert json.loads(texts["versions"]).keys() == {"softmax_jax", "jax", "numpy"}


def test_paths_relative_linked_and_with_spaces_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("a \u6f22 file")
    save(make_params(), "link")
    for name in ("link", "a \u6f22 file", tmp_path / "link", b"link"):
        assert same(load(name), make_params())


GOLDEN_W = [[0.5, -0.0, -0.5], [1e-300, 0.1, 1 / 3]]


def test_the_golden_file_of_format_1_loads():
    model: Any = load(GOLDEN)
    assert list(model.named_steps) == ["scale", "model"]
    scaler, estimator = model
    assert isinstance(model, Pipeline) and isinstance(scaler, StandardScaler)
    assert isinstance(estimator, sj.SoftmaxRegression)
    assert same(estimator.params_, sj.Params(np.array(GOLDEN_W), np.array([0.25, 0.0, -0.25])))
    assert same(estimator.classes_, np.array(["ant", "bee", "\u00e9"]))
    assert same(scaler.mean_, np.array([1.0, -2.0])) and same(scaler.scale_, np.array([0.5, 4.0]))
    assert estimator.solver == sj.SGD(0.5, 3, 2) and estimator.class_weight == {"ant": 2.0}
    assert estimator.dtype == np.float64 and estimator.l2 == 0.1 and estimator.random_state == 5
    assert estimator.status_ == "max_iter" and estimator.duality_gap_ == np.inf and estimator.n_iter_ == 3
    assert same(estimator.history_, np.array([1.5, 1.25, 1.125])) and estimator.objective_ == 1.0
    Z = np.array([0.25, 0.1, -0.25 + 1 / 3 + 0.0]) + [0.5, 0.0, -0.5]  # at X = (1.5, 2): scaled (1, 1)
    expected = np.exp(Z) / np.exp(Z).sum()
    np.testing.assert_allclose(model.predict_proba([[1.5, 2.0]])[0], expected, rtol=1e-14)
    assert model.predict([[1.5, 2.0]]).tolist() == ["ant"]


REFUSED = {
    "of another kind": (lambda: {"W": 1}, TypeError, "got dict"),
    "a subclass": (lambda: type("Mine", (sj.SoftmaxRegression,), {})(), TypeError, "got Mine"),
    "another step": (
        lambda: make_pipeline(PolynomialFeatures(), sj.SoftmaxRegression()),
        TypeError,
        r"got a Pipeline with PolynomialFeatures: save its last step, pipeline\[-1\], alone",
    ),
    "a step left out": (
        lambda: make_pipeline("passthrough", sj.SoftmaxRegression()),
        TypeError,
        "got a Pipeline with passthrough",
    ),
    "another model": (
        lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        TypeError,
        "got a Pipeline with LogisticRegression",
    ),
    "steps not fitted": (
        lambda: make_pipeline(MinMaxScaler(), sj.SoftmaxRegression()),
        NotFittedError,
        "MinMaxScaler instance is not fitted",
    ),
    "a cross-validation not fitted": (lambda: sj.SoftmaxRegressionCV(), NotFittedError, "not fitted"),
    "a splitter": (
        lambda: make_cv(cv=StratifiedKFold(3)),
        ValueError,
        r"cv cannot be stored .*StratifiedKFold: use set_params\(cv=None\) before saving",
    ),
    "a scorer": (lambda: make_cv(scoring=len), ValueError, r"scoring cannot be stored .*set_params\(scoring=None\)"),
    "not fitted": (lambda: sj.SoftmaxRegression(), NotFittedError, "not fitted"),
    "a pipeline not fitted": (
        lambda: make_pipeline(StandardScaler(), sj.SoftmaxRegression()),
        NotFittedError,
        "fitted",
    ),
    "a RandomState": (
        lambda: make_estimator(random_state=np.random.RandomState(0)),
        ValueError,
        "random_state .*RandomState: use an integer",
    ),
    "an optimiser": (
        lambda: make_estimator(solver=sj.SGD(optimiser=optax.adam(0.1))),
        ValueError,
        "solver.optimiser",
    ),
    "an unknown value": (
        lambda: make_estimator().set_params(class_weight={"b": {1, 2}}),
        ValueError,
        r"class_weight\['b'\] .*builtins.set",
    ),
    "memory": (lambda: make_pipe().set_params(memory="somewhere"), ValueError, "memory of the pipeline"),
    "NaN": (lambda: sj.Params(np.full((2, 2), np.nan), np.zeros(2)), ValueError, "finite"),
    "shapes": (lambda: sj.Params(np.zeros((2, 3)), np.zeros(2)), ValueError, r"\(2, 3\) and \(2,\)"),
    "integers": (lambda: sj.Params(np.zeros((2, 2), int), np.zeros(2)), ValueError, "int64"),
    "labels": (lambda: make_result()._replace(classes=np.array([1, 2, None])), ValueError, "classes must be"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_stored_is_refused_and_nothing_is_written(name, path):
    make, error, words = REFUSED[name]
    path.write_bytes(b"old")
    with pytest.raises(error, match=words):
        save(make(), path)
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


def test_params_are_loaded_without_scikit_learn(path):
    save(make_params(), path)
    code = "import softmax_jax as sj, sys; sj.load(sys.argv[1]); assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(path)], check=True, timeout=120)
