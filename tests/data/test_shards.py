"""Shards of a folder: every reader takes them by number, with their own labels, and says so; the rest is refused.

Each row holds its own number and its label is that number, so that a wrong order or pairing is seen at once.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from softmax_jax.data import load_data, load_features, open_rows, read_labels
from softmax_jax.data.arrays import shard_reader
from softmax_jax.data.shards import find_shards
from softmax_jax.problem.prefetch import read_ahead

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def write(folder: Path, names: list[str], *, letter: str = "X", rows: int = 2) -> None:
    """A shard for each name, in that order: rows 0, 1, then 2, 3, ... of two numbers, or labels."""
    for i, name in enumerate(names):
        numbers = np.arange(rows * i, rows * (i + 1))
        np.save(folder / f"{name}.npy", numbers if letter == "y" else np.c_[numbers, -numbers].astype(float))


def numbered(pattern: str, count: int = 12) -> list[str]:
    return [pattern.format(i) for i in range(count)]


def rows_of(folder: Path) -> np.ndarray:
    source = open_rows(folder)
    return np.concatenate([block.copy() for _, block in read_ahead(source, 5)])[: source.shape[0]]


def by_processes(folder: Path) -> np.ndarray:
    """Rows and labels as several processes read them, each its own shards."""
    shards = find_shards(folder)
    read = shard_reader(shards)
    found = [read(path) for i in range(5) for path in shards.features[i::5]]
    return np.concatenate([np.c_[X.X[:, 0], y] for X, y in found])


PAIRS = {
    "X_0 and y_0": (numbered("X_{}"), numbered("y_{}")),
    "X-0 and y_00": (numbered("X-{}"), numbered("y_{:02}")),
    "X000 and y0": (numbered("X{:03}"), numbered("y{}")),
    "X_train_0": (numbered("X_train_{}"), numbered("y_train_{}")),
    "from one": ([f"X.{i}" for i in range(1, 13)], [f"y.{i}" for i in range(1, 13)]),
    "in steps": ([f"X_{i}" for i in range(0, 1200, 100)], [f"y_{i}" for i in range(0, 1200, 100)]),
    "of a total": (numbered("X-{:05}-of-00012"), numbered("y-{}-of-12")),
    "two numbers": ([f"X_{i}_{j}" for i in (2, 10) for j in (9, 11)], [f"y_{i}_{j}" for i in (2, 10) for j in (9, 11)]),
    "features and labels": (numbered("features_{}"), numbered("labels_{}")),
    "number first": (numbered("{}_x"), numbered("{}_y")),
    "one file of labels": (numbered("X_{}"), ["y"]),
    "one file of labels, shards": (numbered("shard-{}"), ["labels"]),
    "one of each": (["X"], ["y"]),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_every_reader_takes_shards_by_number_with_their_own_labels(kind, tmp_path):
    X, y = PAIRS[kind]
    write(tmp_path, X)
    write(tmp_path, y, letter="y", rows=2 if len(y) == len(X) else 2 * len(X))
    expected = np.arange(2 * len(X))
    data = load_data(str(tmp_path))
    np.testing.assert_array_equal(data.X[:, 0], expected)
    np.testing.assert_array_equal(data.y, expected)
    np.testing.assert_array_equal(rows_of(tmp_path)[:, 0], expected)
    np.testing.assert_array_equal(read_labels(tmp_path), expected)
    np.testing.assert_array_equal(load_features(str(tmp_path), ("0", "1")).X[:, 0], expected)
    pairs = by_processes(tmp_path)
    np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
    np.testing.assert_array_equal(np.sort(pairs[:, 0]), expected)


def test_labels_in_another_file_go_with_the_order_of_numbers(tmp_path):
    write(tmp_path, numbered("X_{}"))
    np.savetxt(tmp_path / "labels.txt", np.arange(24))  # as 1.000000000000000000e+00
    data = load_data(str(tmp_path), labels=str(tmp_path / "labels.txt"))
    np.testing.assert_array_equal(data.y, data.X[:, 0])
    assert data.y.dtype == np.int64
    assert data.notes == (
        f"12 shards in the order of their numbers: X_0..X_11, with the labels of {tmp_path / 'labels.txt'}",
    )


@pytest.mark.parametrize(
    ("X", "y", "expected"),
    [
        (numbered("X_{}"), numbered("y_{}"), "12 shards paired with labels by number: X_0..X_11"),
        (numbered("X_{}"), ["y"], "12 shards in the order of their numbers: X_0..X_11, with the labels of y.npy"),
        (["X_a", "X_b"], ["y_a", "y_b"], "2 shards paired with labels by name: X_a, X_b"),
        (["X"], ["y"], "rows of X.npy, with the labels of y.npy"),
        (
            ["X_0", "X_1", "X_3", "X_5"],
            ["y_0", "y_1", "y_3", "y_5"],
            "4 shards paired with labels by number: X_0..X_5 (without 2, 4)",
        ),
    ],
)
def test_the_order_and_the_pairing_are_told(X, y, expected, tmp_path):
    write(tmp_path, X)
    write(tmp_path, y, letter="y", rows=2 if len(y) == len(X) else 2 * len(X))
    assert load_data(str(tmp_path)).notes == (expected,)
    assert open_rows(tmp_path).notes == (expected,)


def test_other_files_beside_the_shards_are_not_read_and_told(tmp_path):
    write(tmp_path, ["X_0", "X_1"])
    write(tmp_path, ["y_0", "y_1"], letter="y")
    np.save(tmp_path / "ids.npy", np.arange(4))
    (tmp_path / "._X_0.npy").write_bytes(b"of a Mac")
    (tmp_path / "readme.txt").write_text("X_0")
    assert load_data(str(tmp_path)).notes[1] == "not read: ids.npy"
    assert rows_of(tmp_path).shape == (4, 2)


REFUSED = {
    "numbers from 0 and from 1": (["X_0", "X_1"], ["y_1", "y_2"], "X_0.npy without labels; y_2.npy without features"),
    "one shard lacks labels": (numbered("X_{}"), numbered("y_{}", 11), "X_11.npy without labels"),
    "more labels": (numbered("X_{}", 3), numbered("y_{}", 4), "y_3.npy without features"),
    "one labels file with a number": (["X_0", "X_1"], ["y_0"], "X_1.npy without labels"),
    "the same number twice": (["X_1", "X_01"], ["y_1", "y_01"], "have the same number"),
    "labels of the same number twice": (["X_1", "X_2"], ["y_1", "y-1", "y_2"], "have the same number"),
    "train and test": (
        ["X_train", "X_test"],
        ["y_train", "y_test"],
        "more than one part .*test: X_test.npy, y_test.npy; train: X_train",
    ),
    "train and val shards": (["X_train_0", "X_val_0"], ["y_train_0", "y_val_0"], "more than one part"),
    "Xtr and Xte": (["Xtr", "Xte"], ["ytr", "yte"], "more than one part"),
    "a test set beside shards": (["X_0", "X_test"], ["y_0", "y_test"], "more than one part"),
    "labels of another part": (["X_train"], ["y_test"], "more than one part"),
    "labels of both parts": (["X"], ["y_train", "y_test"], "more than one part"),
    "words without an order": (["X_jan", "X_feb"], ["y"], "words have no order"),
    "names that do not match": (["X_a", "X_b"], ["y_a", "y_c"], "X_b.npy without labels; y_c.npy without features"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_paired_is_refused_by_every_reader_with_what_was_found(kind, tmp_path):
    X, y, words = REFUSED[kind]
    write(tmp_path, X)
    write(tmp_path, y, letter="y")
    for read in (lambda: load_data(str(tmp_path)), lambda: open_rows(tmp_path), lambda: by_processes(tmp_path)):
        with pytest.raises(ValueError, match=words):
            read()


def test_train_and_test_shards_without_labels_are_refused_too(tmp_path):
    write(tmp_path, ["train-00000-of-00001", "test-00000-of-00001"])
    with pytest.raises(ValueError, match="more than one part"):
        open_rows(tmp_path)
    with pytest.raises(ValueError, match="more than one part"):
        load_data(str(tmp_path), labels="y.npy")


def test_shards_that_hold_each_others_number_of_labels_are_refused_by_name(tmp_path):
    for i, rows in enumerate((2, 3)):
        np.save(tmp_path / f"X_{i}.npy", np.zeros((rows, 2)))
        np.save(tmp_path / f"y_{1 - i}.npy", np.zeros(rows, int))
    for read in (lambda: load_data(str(tmp_path)), lambda: read_labels(tmp_path), lambda: by_processes(tmp_path)):
        with pytest.raises(ValueError, match=r"y_0\.npy holds 3 labels, but .* 2 rows"):
            read()


def test_one_labels_file_of_another_length_is_refused(tmp_path):
    write(tmp_path, numbered("X_{}"))
    np.save(tmp_path / "y.npy", np.arange(23))
    for read in (lambda: load_data(str(tmp_path)), lambda: read_labels(tmp_path), lambda: by_processes(tmp_path)):
        with pytest.raises(ValueError, match=r"y\.npy holds 23 labels, but .* 24 rows"):
            read()


def test_labels_that_are_text_in_one_shard_and_numbers_in_another_are_refused(tmp_path):
    write(tmp_path, ["X_0", "X_1"])
    np.save(tmp_path / "y_0.npy", ["1", "2"])
    np.save(tmp_path / "y_1.npy", [1, 2])
    with pytest.raises(ValueError, match=r"y_1\.npy: labels are numbers, but text in y_0\.npy"):
        load_data(str(tmp_path))


def test_labels_of_64_bits_with_and_without_sign_stay_exact(tmp_path):
    write(tmp_path, ["X_0", "X_1"])
    np.save(tmp_path / "y_0.npy", np.array([2**53, 2**53 + 1], np.uint64))
    np.save(tmp_path / "y_1.npy", np.array([-1, 2**53 + 1]))
    assert load_data(str(tmp_path)).y.tolist() == [2**53, 2**53 + 1, -1, 2**53 + 1]


def test_two_kinds_of_files_in_one_folder_are_refused(tmp_path):
    write(tmp_path, ["features_0"])
    pq.write_table(pa.table({"a": [1.5]}), tmp_path / "features_1.parquet")
    with pytest.raises(ValueError, match="keep one kind"):
        open_rows(tmp_path)


def test_features_without_labels_say_what_was_found(tmp_path):
    write(tmp_path, ["X_0", "X_1"])
    with pytest.raises(ValueError, match=r"holds features only \(2 shards .*X_0, X_1\).*--labels"):
        load_data(str(tmp_path))
    assert rows_of(tmp_path).shape == (4, 2)


def test_parquet_shards_are_read_by_number_and_columns_by_name(tmp_path):
    for i in range(12):
        columns = {"a": [2.0 * i, 2.0 * i + 1], "b": [0.5, 0.25], "y": [2 * i, 2 * i + 1]}
        names = ["y", "b", "a"] if i % 2 else ["a", "b", "y"]
        pq.write_table(pa.table({name: columns[name] for name in names}), tmp_path / f"part-{i}.parquet")
    data = load_data(str(tmp_path), "y")
    np.testing.assert_array_equal(data.X, np.c_[np.arange(24), np.tile([0.5, 0.25], 12)])
    np.testing.assert_array_equal(data.y, np.arange(24))
    assert data.notes == ("12 shards in the order of their numbers: part-0..part-11",)
    source = open_rows(tmp_path, target="y")
    found = np.concatenate([block.copy() for _, block in read_ahead(source, 5)])[:24]
    np.testing.assert_array_equal(found, data.X)
    assert source.notes == (*data.notes, "features from the columns a, b", "left out as the target: y")
    np.testing.assert_array_equal(load_features(str(tmp_path), ("b", "a")).X, data.X[:, ::-1])


def test_parquet_shards_with_other_columns_are_refused(tmp_path):
    pq.write_table(pa.table({"a": [0.5], "y": [1]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"a": [0.5], "b": [1.5], "y": [1]}), tmp_path / "1.parquet")
    with pytest.raises(ValueError, match="columns; b differ"):
        load_data(str(tmp_path), "y")
    with pytest.raises(ValueError, match="has the columns b, which the first has not"):
        open_rows(tmp_path, target="y")
    (tmp_path / "1.parquet").rename(tmp_path / "-1.parquet")
    (tmp_path / "0.parquet").rename(tmp_path / "2.parquet")
    with pytest.raises(ValueError, match="lacks the columns b"):
        open_rows(tmp_path, target="y")
