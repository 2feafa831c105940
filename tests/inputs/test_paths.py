"""A path where an array belongs is named, with what reads it; nothing is said of reshaping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.inputs.paths import refuse_path

X = np.arange(24.0).reshape(12, 2) % 5
Y = np.arange(12) % 3


@pytest.mark.parametrize(
    ("path", "name", "words"),
    [
        (
            "emb.npy",
            "X",
            r"pass numpy.load\('emb.npy'\), or softmax_jax.data.open_rows\('emb.npy'\) to read it by blocks",
        ),
        (Path("emb.npy"), "sample_weight", r"pass numpy.load\('emb.npy'\)\.$"),
        ("y.npy", "y", r"pass softmax_jax.data.read_labels\('y.npy'\)\.$"),
        ("t.parquet", "X", r"pass softmax_jax.data.open_rows\('t.parquet'\)"),
        ("t.csv", "X", r"pass the X and y of softmax_jax.data.load_data\('t.csv'\)\.$"),
        ("d.npz", "X", r"pass an array of numpy.load\('d.npz'\)\.$"),
        ("nothing", "X", r"pass numbers, one row for each sample\.$"),
    ],
)
def test_the_advice_is_what_reads_such_a_file(path, name, words):
    with pytest.raises(TypeError, match=rf"^{name} must be an array, got '{path}': {words}"):
        refuse_path(path, name)


def test_a_folder_is_opened_by_rows(tmp_path):
    with pytest.raises(TypeError, match=r"pass softmax_jax.data.open_rows\("):
        refuse_path(tmp_path, "X")
    with pytest.raises(TypeError, match=r"pass softmax_jax.data.read_labels\("):
        refuse_path(str(tmp_path), "y")


@pytest.mark.parametrize(
    "call",
    [
        lambda path: sj.fit(path, Y),
        lambda path: sj.fit(X, path),
        lambda path: sj.fit(X, Y, sample_weight=path),
        lambda path: sj.fit_path(path, Y, [1.0]),
        lambda path: sj.fit_path(X, Y, [1.0], X_val=path, y_val=Y),
        lambda path: sj.fit_path(X, Y, [1.0], X_val=X, y_val=path),
        lambda path: sj.cross_validate(path, Y, [1.0]),
        lambda path: sj.fit_many(path, Y),
        lambda path: sj.linear_probe(path, Y),
        lambda path: sj.linear_probe(X, Y, path, Y),
        lambda path: sj.compare_probes({"a": path}, Y),
        lambda path: sj.few_shot_curve(path, Y),
        lambda path: sj.duality_gap(sj.Params(np.zeros((2, 3)), np.zeros(3)), path, Y, 1.0),
        lambda path: sj.SoftmaxRegression().fit(path, Y),
        lambda path: sj.SoftmaxRegression().fit(X, path),
        lambda path: sj.SoftmaxRegressionCV().fit(path, Y),
    ],
)
@pytest.mark.parametrize("path", ["emb.npy", Path("emb.npy")])
def test_everywhere_an_array_is_taken(call, path):
    with pytest.raises(
        TypeError, match=r"must be an array, got 'emb.npy': pass (numpy.load|softmax_jax.data.read_labels)"
    ):
        call(path)


def test_predictions_too():
    model = sj.SoftmaxRegression(l2=0.1).fit(X, Y)
    with pytest.raises(TypeError, match="X must be an array, got 'new.npy'"):
        model.predict("new.npy")


def test_labels_that_are_text_are_no_path():
    names = np.array(["a.npy", "b.npy", "c.npy"])[Y]
    assert sj.fit(X, names, l2=0.1).classes.tolist() == ["a.npy", "b.npy", "c.npy"]
    refuse_path(names, "y")
