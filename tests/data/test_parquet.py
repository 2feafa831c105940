"""Parquet files: columns and lists of numbers become features, bit for bit; what is wrong is named."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from softmax_jax.data import load_data, load_features, read_parquet, read_table

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def write(tmp_path):
    """A function that writes columns, or bytes, and returns the path as text."""

    def write_file(columns: dict | bytes, **options) -> str:
        path = tmp_path / "table.parquet"
        if isinstance(columns, bytes):
            path.write_bytes(columns)
        else:
            pq.write_table(pa.table(columns), path, **options)
        return str(path)

    return write_file


def test_columns_of_every_kind_of_number_are_features(write):
    columns = {
        "whole": [1, 2],
        "half": np.float16([0.5, 1.5]),
        "truth": [True, False],
        "exact": [2**40, 3],
        "y": ["a", "b"],
    }
    data = load_data(write(columns), "y")
    np.testing.assert_array_equal(data.X, [[1, 0.5, 1, 2**40], [2, 1.5, 0, 3]])
    assert (data.X.dtype, data.name, data.y.tolist()) == (np.float64, "table", ["a", "b"])
    assert data.feature_names == ("whole", "half", "truth", "exact")


@pytest.mark.parametrize("kind", ["fixed", "variable"])
def test_a_column_of_lists_is_a_matrix_of_its_own_dtype(write, rng, kind):
    E = rng.standard_normal((7, 3)).astype(np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(E.ravel()), 3) if kind == "fixed" else pa.array(list(E))
    data = load_data(write({"y": [0, 1] * 3 + [2], "e": lists}, row_group_size=3), "y")
    np.testing.assert_array_equal(data.X, E)
    assert (data.X.dtype, data.feature_names) == (np.float32, ("e_0", "e_1", "e_2"))
    assert data.y.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (pa.array(["NA", "b"]).dictionary_encode(), ["NA", "b"]),
        ([2**53 + 1, 2**53], [2**53 + 1, 2**53]),
        ([1.0, 2.0], [1, 2]),
        ([True, False], [True, False]),
    ],
)
def test_labels_keep_their_text_or_their_exact_integers(write, labels, expected):
    assert load_data(write({"x": [1.0, 2.0], "y": labels}), "y").y.tolist() == expected


def test_the_columns_of_a_model_are_found_by_name_in_its_order(write):
    columns = {"b": [1.0, 2.0], "e": [[3.0, 4.0], [5.0, 6.0]], "note": ["x", None], "a": [7.0, 8.0]}
    found = load_features(write(columns), ("a", "e_1", "b"))
    np.testing.assert_array_equal(found.X, [[7, 4, 1], [8, 6, 2]])
    assert found.ignored == ("e_0", "note")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1, None], "y": ["a", "b"]}, ["'a'", "missing in row 1"]),
        ({"a": [1.0, float("nan")], "y": ["a", "b"]}, ["'a'", "nan in row 1"]),
        ({"a": ["red", "blue"], "y": ["a", "b"]}, ["'a'", "string", "'red'", "--drop a"]),
        ({"a": [{"q": 1}, {"q": 2}], "y": ["a", "b"]}, ["'a'", "struct"]),
        ({"a": [[1, 2], [3]], "y": ["a", "b"]}, ["'a'", "lists of 2", "1 numbers in row 1"]),
        ({"a": [[1, None], [3, 4]], "y": ["a", "b"]}, ["'a'", "missing numbers"]),
        ({"a": [1, 2], "a_0": [1, 2], "y": ["a", None]}, ["'y'", "label is missing in row 1"]),
        ({"a": [1, 2], "y": [0.5, 1]}, ["'y'", "continuous"]),
        ({"a": [[1], [2]], "a_0": [1, 2], "y": [0, 1]}, ["'a_0' occurs more than once"]),
        ({"a": [], "y": []}, ["no rows"]),
        ({"y": [1, 2]}, ["no column is left"]),
        ({"a": [1, 2], "Y": [1, 2]}, ["got 'y'", "columns: a, Y"]),
        (b"", ["cannot be read as a Parquet file"]),
        (b"PAR1" + b"x" * 50 + b"PAR1", ["cannot be read as a Parquet file"]),
        (b"a,b\n1,2\n" * 9, ["cannot be read as a Parquet file"]),
    ],
)
def test_a_broken_file_is_refused_by_name_column_and_reason(write, columns, words):
    with pytest.raises(ValueError, match=r"table\.parquet") as caught:
        load_data(write(columns), "y")
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


def test_a_cut_file_is_refused(write, tmp_path):
    whole = write({"a": np.arange(1000.0), "y": np.arange(1000) % 2})
    content = (tmp_path / "table.parquet").read_bytes()
    for end in (len(content) - 1, len(content) // 2, 8):
        with pytest.raises(ValueError, match="cannot be read as a Parquet file"):
            read_parquet(write(content[:end]), "y")
    assert whole.endswith("table.parquet")


def test_without_pyarrow_the_extra_is_named_and_csv_still_works(write, tmp_path, monkeypatch):
    path = write({"a": [1, 2], "y": [0, 1]})
    (tmp_path / "t.csv").write_text("a,y\n1,u\n2,v\n")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ImportError, match=r"pip install 'softmax_jax\[data\]'"):
        read_parquet(path, "y")
    assert read_table(tmp_path / "t.csv", "y").y.tolist() == ["u", "v"]


def test_a_column_of_lists_of_any_length_can_be_left_out_as_a_whole(write):
    columns = {"tokens": [[1], [2, 3], []], "e": [[1.5, 2], [3, 4], [5, 6]], "y": ["a", "b", "a"]}
    data = load_data(write(columns), "y", drop=["tokens"])
    np.testing.assert_array_equal(data.X, columns["e"])
    assert load_data(write(columns), "y", drop=["tokens", "e_0"]).feature_names == ("e_1",)
    with pytest.raises(ValueError, match="drop must be a column"):
        load_data(write(columns), "y", drop=["token"])
