"""Data that are streamed are those that are read whole: rows, labels, weights, names, images; others are refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from softmax_jax.data import load_data, load_features, load_labelled
from softmax_jax.data.rows.reading import in_memory
from softmax_jax.data.rows.source import RowSource
from softmax_jax.data.streaming import bytes_in_memory

N, M = 20, 4
RNG = np.random.default_rng(0)
X, Y, W = RNG.standard_normal((N, M)).astype(np.float32), np.arange(N) % 3, RNG.uniform(1, 2, N)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("streaming")
    np.save(path / "X.npy", X)
    np.save(path / "images.npy", X.reshape(N, 2, 2))
    np.save(path / "y.npy", Y)
    (path / "shards").mkdir()
    for i, rows in enumerate((slice(0, 7), slice(7, N))):
        np.save(path / "shards" / f"X-{i}.npy", X[rows])
        np.save(path / "shards" / f"y-{i}.npy", Y[rows])
    lists = pa.FixedSizeListArray.from_arrays(pa.array(X[:, 1:].ravel()), M - 1)
    table = pa.table({"a": X[:, 0], "label": [str(y) for y in Y], "w": W, "e": lists})
    (path / "parts").mkdir()
    pq.write_table(table, path / "table.parquet", row_group_size=6)
    pq.write_table(table.slice(0, 7), path / "parts" / "part-0.parquet")
    pq.write_table(table.slice(7), path / "parts" / "part-1.parquet")
    (path / "table.csv").write_text("a,label\n1,x\n2,y\n")
    return path


WAYS = {
    "npy": ("X.npy", {"labels": "y.npy"}),
    "images": ("images.npy", {"labels": "y.npy"}),
    "shards": ("shards", {}),
    "parquet": ("table.parquet", {"target": "label", "weights": "w"}),
    "dropped": ("table.parquet", {"target": "label", "drop": ["w", "e_1"]}),
    "parts": ("parts", {"target": "label", "drop": ["w"]}),
}


@pytest.mark.parametrize("way", WAYS)
def test_streamed_data_are_those_that_are_read_whole(folder, way, monkeypatch):
    monkeypatch.chdir(folder)
    source, how = WAYS[way]
    whole, streamed = load_data(source, **how), load_data(source, streamed=True, **how)
    assert isinstance(streamed.X, RowSource) and isinstance(whole.X, np.ndarray)
    np.testing.assert_array_equal(in_memory(streamed.X), whole.X)
    assert in_memory(streamed.X).dtype == whole.X.dtype
    np.testing.assert_array_equal(streamed.y, whole.y)
    assert (streamed.feature_names, streamed.image_shape) == (whole.feature_names, whole.image_shape)
    assert (streamed.weights is None) == (whole.weights is None)
    if whole.weights is not None:
        np.testing.assert_array_equal(streamed.weights, whole.weights)
    assert streamed.notes[:-1] == whole.notes and "are read by blocks of rows in every pass" in streamed.notes[-1]


def test_features_come_in_the_order_of_the_model(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = ("e_2", "a", "e_0")
    whole, streamed = (load_features("table.parquet", names, streamed=how) for how in (False, True))
    np.testing.assert_array_equal(in_memory(streamed.X), whole.X)
    assert (streamed.ignored, streamed.by_position) == (whole.ignored, whole.by_position)
    for source, how in (("parts", {"target": "label"}), ("X.npy", {"labels": "y.npy"})):
        asked = names if source == "parts" else ("x", "y", "z", "t")
        both = [load_labelled(source, asked, streamed=each, **how) for each in (False, True)]
        np.testing.assert_array_equal(in_memory(both[1][0].X), both[0][0].X)
        np.testing.assert_array_equal(both[1][1], both[0][1])
        assert both[1][0].by_position == both[0][0].by_position


def test_the_size_in_memory_is_that_of_the_features(folder):
    size = N * M * 4
    assert [bytes_in_memory(folder / name) for name in ("X.npy", "images.npy", "shards")] == [size] * 3
    assert bytes_in_memory(folder / "table.parquet") == bytes_in_memory(folder / "parts") == N * (M + 1) * 8  # float64
    assert [bytes_in_memory(name) for name in (folder / "table.csv", "iris", folder / "nothing")] == [None] * 3


@pytest.mark.parametrize("streamed", [False, True])
def test_shards_whose_images_differ_in_shape_are_refused(tmp_path, streamed):
    for i, shape in enumerate([(N, 2, 2), (N, 1, 4)]):
        np.save(tmp_path / f"X-{i}.npy", X.reshape(shape))
        np.save(tmp_path / f"y-{i}.npy", Y)
    with pytest.raises(ValueError, match=r"X-1\.npy: rows of shape \(1, 4\), but \(2, 2\) in X-0\.npy"):
        load_data(tmp_path, streamed=streamed)


@pytest.mark.parametrize("source", ["iris", "table.csv"])
def test_what_is_only_read_whole_is_refused_by_name(folder, source, monkeypatch):
    monkeypatch.chdir(folder)
    words = rf"streamed \(--stream\) is for .npy files, .* {source} is read whole"
    for load in (
        lambda: load_data(source, "label", streamed=True),
        lambda: load_features(source, ("a",), streamed=True),
        lambda: load_labelled(source, ("a",), "label", streamed=True),
    ):
        with pytest.raises(ValueError, match=words):
            load()
