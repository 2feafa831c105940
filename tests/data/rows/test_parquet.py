"""Rows of Parquet files: the index of a data frame and the labels are never features; lists of every kind are read."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.data import load_data, load_features, open_rows
from softmax_jax.problem.prefetch import read_ahead

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pq = pytest.importorskip("pyarrow.parquet")

N = 40


@pytest.fixture
def frame(rng):
    """Two features of noise, text labels, and an index in another order, as train_test_split leaves it."""
    X = rng.standard_normal((N, 2))
    y = np.where(np.arange(N) < N // 2, "a", "b")
    return pd.DataFrame({"u": X[:, 0], "v": X[:, 1], "y": y}).sample(frac=1, random_state=0)


def rows_of(source, size=7):
    return np.concatenate([block.copy() for _, block in read_ahead(source, size)])[: source.shape[0]]


def plain_copy(frame, path):
    """The file of `frame` as other tools rewrite it: without pandas' metadata."""
    table = pa.Table.from_pandas(frame).replace_schema_metadata(None)
    pq.write_table(table, path)


def named(frame, name):
    return frame.rename_axis(name)


INDEXES = {
    "shuffled": (lambda f: f, "__index_level_0__"),
    "named": (lambda f: named(f, "id"), "id"),
    "text": (lambda f: f.set_index(f.index.map("row {}".format)), "__index_level_0__"),
    "two levels": (
        lambda f: f.set_index([pd.Index(np.arange(N) // 7, name="patient"), pd.Index(np.arange(N), name="visit")]),
        "patient, visit",
    ),
    "two levels, one named": (
        lambda f: f.set_index([pd.Index(np.arange(N) // 7, name="patient"), pd.Index(np.arange(N))]),
        "patient, __index_level_1__",
    ),
    "dates": (lambda f: f.set_index(pd.date_range("2020-01-01", periods=N, name="day")), "day"),
    "read from a CSV": (lambda f: f.rename_axis("Unnamed: 0").reset_index(), "Unnamed: 0"),
}


@pytest.mark.parametrize("kind", INDEXES)
def test_the_index_of_a_data_frame_is_no_feature_and_that_is_told(kind, frame, tmp_path):
    change, index = INDEXES[kind]
    path = tmp_path / "f.parquet"
    change(frame).to_parquet(path)
    data = load_data(str(path), "y")
    assert data.feature_names == ("u", "v")
    np.testing.assert_array_equal(data.X, frame[["u", "v"]])
    np.testing.assert_array_equal(data.y, frame["y"].to_numpy(str))
    note = f"left out as the index of a data frame: {index}"
    assert data.notes == (note,)
    source = open_rows(path, target="y")
    np.testing.assert_array_equal(rows_of(source), data.X)
    assert source.notes == ("features from the columns u, v", note, "left out as the target: y")
    by_position = load_features(str(path), ("u", "v"))
    assert set(by_position.ignored) == {"y", *index.split(", ")}


def test_a_range_that_is_not_stored_needs_no_word(frame, tmp_path):
    frame.reset_index(drop=True).to_parquet(tmp_path / "f.parquet")
    data = load_data(str(tmp_path / "f.parquet"), "y")
    assert (data.feature_names, data.notes) == (("u", "v"), ())


def test_pandas_own_name_of_an_index_is_known_without_its_metadata(frame, tmp_path):
    plain_copy(frame, tmp_path / "f.parquet")
    assert load_data(str(tmp_path / "f.parquet"), "y").feature_names == ("u", "v")
    assert open_rows(tmp_path / "f.parquet", target="y").shape == (N, 2)


def test_a_damaged_metadata_text_does_not_hide_the_columns(frame, tmp_path):
    table = pa.Table.from_pandas(frame).replace_schema_metadata({"pandas": "{"})
    pq.write_table(table, tmp_path / "f.parquet")
    assert load_data(str(tmp_path / "f.parquet"), "y").feature_names == ("u", "v")


def test_an_index_that_is_asked_for_by_name_is_taken(frame, tmp_path):
    path = tmp_path / "f.parquet"
    frame.set_index("y").to_parquet(path)
    data = load_data(str(path), "y")
    assert (data.feature_names, data.notes, set(data.y)) == (("u", "v"), (), {"a", "b"})
    assert open_rows(path, target="y").shape == (N, 2)
    named(frame.drop(columns="y"), "id").to_parquet(path)
    np.testing.assert_array_equal(load_features(str(path), ("id", "v")).X[:, 0], frame.index)
    np.testing.assert_array_equal(rows_of(open_rows(path, columns=["id"]))[:, 0], frame.index)


def test_a_model_without_names_takes_columns_by_position_without_the_index(frame, tmp_path):
    path = tmp_path / "f.parquet"
    named(frame.drop(columns="y"), "id")[["v", "u"]].to_parquet(path)
    np.testing.assert_array_equal(load_features(str(path), ("0", "1")).X, frame[["v", "u"]])


def test_an_index_in_csv_that_pandas_has_named_is_left_out_and_told(tmp_path):
    (tmp_path / "f.csv").write_text("Unnamed: 0,u,y\n5,1.5,a\n3,2.5,b\n")
    data = load_data(str(tmp_path / "f.csv"), "y")
    assert (data.feature_names, data.X.tolist()) == (("u",), [[1.5], [2.5]])
    assert data.notes == ("left out as the index of a data frame: Unnamed: 0",)


LABELS = {
    "classes": np.arange(N) % 3,
    "bytes": (np.arange(N) % 3).astype(np.uint8),
    "truth values": np.arange(N) % 2 == 0,
    "whole floats": (np.arange(N) % 3) * 1.0,
    "far apart": np.arange(N) % 5 * 10**12,
    "from minus one": np.arange(N) % 2 * 2 - 1,
    "with missing ones": [None if i == 3 else i % 4 for i in range(N)],
}


@pytest.mark.parametrize("kind", LABELS)
def test_a_column_that_may_be_labels_is_not_taken_along_in_silence(kind, frame, tmp_path):
    path = tmp_path / "f.parquet"
    table = {"u": frame["u"].to_numpy(), "t": LABELS[kind], "v": frame["v"].to_numpy()}
    pq.write_table(pa.table(table), path)
    with pytest.raises(ValueError, match=r"column 't' holds .* as labels do; say target='t' .* or columns="):
        open_rows(path)
    assert rows_of(open_rows(path, target="t")).shape == (N, 2)
    np.testing.assert_array_equal(rows_of(open_rows(path, columns=["v", "u"])), frame[["v", "u"]])


def test_shards_of_one_class_each_are_judged_together(frame, tmp_path):
    for i in range(3):
        pq.write_table(pa.table({"u": frame["u"].to_numpy(), "t": np.full(N, i)}), tmp_path / f"{i}.parquet")
    with pytest.raises(ValueError, match="column 't' holds 3 different whole numbers"):
        open_rows(tmp_path)


def test_text_labels_are_refused_with_the_same_remedy(frame, tmp_path):
    frame.to_parquet(tmp_path / "f.parquet")
    with pytest.raises(TypeError, match=r"column 'y': expected numbers.*target='y'.*columns="):
        open_rows(tmp_path / "f.parquet")


def test_numbers_that_are_no_labels_need_no_option(tmp_path, rng):
    table = {"u": rng.standard_normal(3000), "count": np.arange(3000), "constant": np.ones(3000)}
    pq.write_table(pa.table(table), tmp_path / "f.parquet", row_group_size=500)
    source = open_rows(tmp_path / "f.parquet")
    np.testing.assert_array_equal(rows_of(source, 700), np.c_[table["u"], table["count"], table["constant"]])
    assert source.notes == ("features from the columns u, count, constant",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "z"}, "target must be a column of .*'z'"),
        ({"target": "y", "columns": ["u", "y"]}, "without the target"),
        ({"columns": ["u", "u"]}, "different ones"),
        ({"columns": []}, "columns must be some of"),
    ],
)
def test_columns_that_cannot_be_taken_are_refused(options, words, frame, tmp_path):
    frame.to_parquet(tmp_path / "f.parquet")
    with pytest.raises(ValueError, match=words):
        open_rows(tmp_path / "f.parquet", **options)


def test_a_file_of_labels_alone_has_no_features(tmp_path):
    pq.write_table(pa.table({"y": [1, 2]}), tmp_path / "f.parquet")
    with pytest.raises(ValueError, match="no column for features: left out as the target: y"):
        open_rows(tmp_path / "f.parquet", target="y")


def test_options_of_files_are_not_for_arrays_and_functions(tmp_path):
    np.save(tmp_path / "X.npy", np.ones((3, 2)))
    with pytest.raises(ValueError, match="for Parquet files"):
        open_rows(tmp_path / "X.npy", target="y")
    with pytest.raises(ValueError, match="target and dtype are for files"):
        open_rows(lambda: iter([np.ones((2, 2))]), target="y")


LISTS = {
    "list<double>": lambda E: pa.array(E.astype(float).tolist(), pa.list_(pa.float64())),
    "list<float>": lambda E: pa.array(E.tolist(), pa.list_(pa.float32())),
    "large_list<float>": lambda E: pa.array(E.tolist(), pa.large_list(pa.float32())),
    "fixed": lambda E: pa.FixedSizeListArray.from_arrays(pa.array(E.ravel()), E.shape[1]),
    "list<halffloat>": lambda E: pa.array(E.astype(np.float16).tolist(), pa.list_(pa.float16())),
    "list<int16>": lambda E: pa.array(E.astype(np.int16).tolist(), pa.list_(pa.int16())),
    "list<bool>": lambda E: pa.array((E > 0).tolist(), pa.list_(pa.bool_())),
    "large_list<decimal>": lambda E: pa.array(E.astype(int).tolist(), pa.large_list(pa.int64())).cast(
        pa.large_list(pa.decimal128(30, 2))
    ),
}


@pytest.mark.parametrize("kind", LISTS)
def test_lists_of_every_kind_are_read_by_both_readers(kind, tmp_path, rng):
    E = (4 * rng.standard_normal((23, 5))).astype(np.float32)
    column = LISTS[kind](E)
    table = pa.table({"u": np.linspace(0.5, 1, 23), "e": column, "y": ["a", "b"] * 11 + ["a"]})
    pq.write_table(table, tmp_path / "f.parquet", row_group_size=6)
    expected = np.array([[float(value) for value in row] for row in column.to_pylist()])
    data = load_data(str(tmp_path / "f.parquet"), "y")
    np.testing.assert_array_equal(data.X[:, 1:], expected)
    assert data.feature_names == ("u", *(f"e_{j}" for j in range(5)))
    source = open_rows(tmp_path / "f.parquet", target="y")
    np.testing.assert_array_equal(rows_of(source), data.X)
    assert source.notes[0] == "features from the columns u, e (5 numbers)"
    for columns in ("e", ["e"]):
        np.testing.assert_array_equal(rows_of(open_rows(tmp_path / "f.parquet", columns=columns)), expected)


def test_what_pandas_writes_for_embeddings_is_read(tmp_path, rng):
    E = rng.standard_normal((9, 4))
    pd.DataFrame({"label": np.arange(9) % 2, "embedding": list(E)}).to_parquet(tmp_path / "f.parquet")
    np.testing.assert_array_equal(rows_of(open_rows(tmp_path / "f.parquet", target="label")), E)
    np.testing.assert_array_equal(load_data(str(tmp_path / "f.parquet"), "label").X, E)
    with pytest.raises(ValueError, match="column 'label' holds 2 different"):
        open_rows(tmp_path / "f.parquet")


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ([[1.0, 2.0], [3.0, 4.0], [5.0]], "lists of 2 numbers in all rows, got 1 numbers in row 2"),
        ([[1.0, 2.0], None, [5.0, 6.0]], "missing"),
        ([[1.0, 2.0], [3.0, None], [5.0, 6.0]], "missing numbers in row 1"),
        ([[], [], []], "lists of at least 1 numbers .* got 0 numbers in row 0"),
    ],
)
def test_lists_that_are_no_matrix_are_refused_by_row(lists, words, tmp_path):
    pq.write_table(
        pa.table({"e": pa.array(lists, pa.list_(pa.float64())), "y": ["a", "b", "a"]}), tmp_path / "f.parquet"
    )
    with pytest.raises(ValueError, match=f"column 'e'.*{words}"):
        rows_of(open_rows(tmp_path / "f.parquet", columns="e"), 2)
    with pytest.raises(ValueError, match=f"column 'e'.*{words}"):
        load_data(str(tmp_path / "f.parquet"), "y")


def test_shards_whose_lists_differ_in_length_are_refused(tmp_path):
    for i, width in enumerate((2, 3)):
        pq.write_table(pa.table({"e": [[0.5] * width] * 3, "f": [[0.5] * (5 - width)] * 3}), tmp_path / f"{i}.parquet")
    with pytest.raises(ValueError, match=r"1\.parquet: lists of \(3, 2\) numbers, but \(2, 3\)"):
        open_rows(tmp_path)


def test_a_fit_refuses_a_column_that_is_its_own_labels(tmp_path, rng):
    y = np.arange(N) % 3
    for i, part in enumerate(np.split(np.arange(N), [23])):
        table = {"u": rng.standard_normal(len(part)), "name": np.array(list("abc"))[y[part]], "id": 7 * y[part] + 1}
        pq.write_table(pa.table(table), tmp_path / f"{i}.parquet")
    source = open_rows(tmp_path, target="name")  # the same classes by another name stay
    for labels in (y, np.array(list("xyz"))[y], 7 * y + 1):
        with pytest.raises(ValueError, match="column 'id' is y itself.*target='id'"):
            sj.fit(source, labels, l2=1e-2)
        with pytest.raises(ValueError, match="column 'id' is y itself"):
            sj.fit_path(source, labels, [1e-2])
    taken = sj.fit(open_rows(tmp_path, columns=["u", "id"]), y, l2=1e-2)
    assert taken.status == "converged"
