"""NumPy files: X and y as they were stored; nothing is unpickled, and what is wrong is named."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from softmax_jax.data import load_data, load_features, read_labels, read_npy

X = np.array([[1.5, 2], [3, 4], [5, 6]], np.float32)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_an_npz_file_holds_features_labels_names_and_weights():
    np.savez("d.npz", X=X, y=["a", "b", "a"], feature_names=["u", "v"], w=[1, 2, 0])
    data = load_data("d.npz", weights="w")
    np.testing.assert_array_equal(data.X, X)
    assert (data.X.dtype, data.name, data.feature_names) == (np.float32, "d", ("u", "v"))
    assert data.y.tolist() == ["a", "b", "a"]
    assert data.weights.tolist() == [1, 2, 0]
    assert load_features("d.npz", ("v", "u")).X.tolist() == X[:, ::-1].tolist()


def test_another_array_can_be_the_target():
    np.savez("d.npz", X=X, y=[1, 2, 3], coarse=[0.0, 1.0, 0.0])
    data = load_data("d.npz", "coarse")
    assert (data.y.tolist(), data.y.dtype) == ([0, 1, 0], np.int64)
    assert data.feature_names == ("0", "1")


@pytest.mark.parametrize("labels", ["y.npy", "y.txt"])
def test_an_npy_file_has_its_labels_beside_it(labels):
    np.save("X.npy", X)
    np.save("y.npy", [7, 8, 7])
    with open("y.txt", "w") as file:
        file.write("7\n8\n7\n")
    data = load_data("X.npy", labels=labels)
    np.testing.assert_array_equal(data.X, X)
    assert (data.y.tolist(), data.y.dtype) == ([7, 8, 7], np.int64)


def test_labels_of_a_text_file_stay_text_unless_all_are_integers():
    with open("y.txt", "w") as file:
        file.write("007\nNA\n7\n")
    assert read_labels("y.txt").tolist() == ["007", "NA", "7"]


def test_a_folder_of_shards_is_read_in_the_order_of_names(tmp_path):
    for i in range(3):
        np.save(f"X-{i}.npy", X[i : i + 1])
        np.save(f"y-{i}.npy", [i])
    data = load_data(str(tmp_path))
    np.testing.assert_array_equal(data.X, X)
    assert data.y.tolist() == [0, 1, 2]
    assert load_features(str(tmp_path), ("0", "1")).X.tolist() == X.tolist()


def test_images_become_rows_and_bytes_stay_small():
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.savez("d.npz", X=images, y=[0, 1])
    data = load_data("d.npz")
    np.testing.assert_array_equal(data.X, images.reshape(2, 6))
    assert (data.X.dtype, data.image_shape) == (np.float32, (2, 3))


@pytest.mark.parametrize(
    ("arrays", "options", "words"),
    [
        ({"X": X}, {}, ["no array 'y'", "but X"]),
        ({"y": [1, 2, 3]}, {}, ["no array 'X'"]),
        ({"X": X, "y": [1, 2]}, {}, ["2 labels", "3 rows"]),
        ({"X": X, "y": np.eye(3)}, {}, ["shape (n,)", "argmax"]),
        ({"X": X, "y": [0.5, 1, 2]}, {}, ["continuous"]),
        ({"X": X, "y": [np.nan, 1, 2]}, {}, ["label is missing in row 0"]),
        ({"X": X, "y": np.array([{}, 1, 2], object)}, {}, ["never unpickled"]),
        ({"X": np.array([[{}, 1]], object), "y": [1]}, {}, ["never unpickled"]),
        ({"X": np.where(X == 4, np.nan, X), "y": [1, 2, 3]}, {}, ["NaN", "row 1, column 1"]),
        ({"X": X[:, 0], "y": [1, 2, 3]}, {}, ["2D array"]),
        ({"X": [["a"], ["b"], ["c"]], "y": [1, 2, 3]}, {}, ["strings"]),
        ({"X": X, "y": [1, 2, 3], "feature_names": ["u"]}, {}, ["2 different strings"]),
        ({"X": X, "y": [1, 2, 3], "w": [1, -1, 1]}, {"weights": "w"}, ["not negative", "row 1"]),
        ({"X": X, "y": [1, 2, 3], "w": [0, 0, 0]}, {"weights": "w"}, ["at least one"]),
        ({"X": X, "y": [1, 2, 3], "w": [1, 1]}, {"weights": "w"}, ["one per row"]),
        ({"X": X, "y": [1, 2, 3]}, {"drop": ["a"]}, ["drop is for tables"]),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name(arrays, options, words):
    np.savez("d.npz", **arrays)
    with pytest.raises(ValueError, match=r"d\.npz") as caught:
        load_data("d.npz", **options)
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


def test_cut_changed_and_foreign_files_are_refused():
    np.save("X.npy", X)
    np.savez("d.npz", X=X, y=[1, 2, 3])
    for name in ("X.npy", "d.npz"):
        with open(name, "rb") as file:
            content = file.read()
        for wrong in (content[:-1], content[:20], b"", b"\x93NUMPY\x09\x00", content[:150] + b"\xff" + content[151:-9]):
            with open(f"wrong-{name}", "wb") as file:
                file.write(wrong)
            with pytest.raises(ValueError, match=f"wrong-{name}"):
                load_data(f"wrong-{name}", labels="X.npy" if name == "X.npy" else None)


def test_a_pickle_in_disguise_is_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "run"), "w"))

    with open("X.npy", "wb") as file:
        pickle.dump(Bomb(), file)
    with pytest.raises(ValueError, match=r"X\.npy cannot be read"):
        read_npy("X.npy")
    np.save("X.npy", np.array([[Bomb()]], object), allow_pickle=True)
    with pytest.raises(ValueError, match="never unpickled"):
        read_npy("X.npy")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "--labels"),
        ({"labels": "none.npy"}, "none.npy"),
        ({"labels": "X.npy"}, "labels of shape"),
        ({"target": "y"}, "target is for"),
        ({"labels": "empty.txt"}, "line 1"),
    ],
)
def test_features_without_their_labels_say_what_is_missing(options, words):
    np.save("X.npy", X)
    open("empty.txt", "w").close()
    with pytest.raises(ValueError, match=words):
        load_data("X.npy", **options)


def test_shards_of_different_width_and_folders_without_any_are_refused(tmp_path):
    np.save("X-0.npy", X)
    np.save("X-1.npy", X[:, :1])
    np.save("y.npy", [1] * 6)
    with pytest.raises(ValueError, match=r"X-1\.npy: rows of shape \(1,\), but \(2,\) in X-0\.npy"):
        load_data(str(tmp_path))
    (tmp_path / "inner").mkdir()
    with pytest.raises(ValueError, match="inner is a folder without"):
        load_data(str(tmp_path / "inner"))
