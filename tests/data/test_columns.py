"""Which columns of a table are features, labels and weights, and how a model finds its own."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from softmax_jax.data import load_data, load_features
from softmax_jax.data.columns import matched

TABLE = "a,note,w,b,y\n1,first,1,2,u\n3,,0.5,4,v\n"


@pytest.fixture
def table(tmp_path) -> str:
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    return str(path)


def test_weights_and_dropped_columns_are_no_features(table):
    data = load_data(table, "y", weights="w", drop=["note"])
    np.testing.assert_array_equal(data.X, [[1, 2], [3, 4]])
    assert data.feature_names == ("a", "b")
    assert data.weights.tolist() == [1, 0.5]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "y"}, "line 2, column 'note'.*'first'.*--drop note"),
        ({"target": "y", "drop": ["notes"]}, "drop must be a column.*Did you mean 'note'"),
        ({"target": "y", "weights": "W"}, "weights must be a column"),
        ({"target": "y", "weights": "y"}, "another column than target"),
        ({"target": "y", "drop": ["note", "a", "b", "w"]}, "no column is left"),
        ({"target": "y", "weights": "note"}, "'note'"),
        ({"target": "y", "labels": "y.npy"}, "--target"),
    ],
)
def test_columns_that_cannot_be_what_they_should_are_refused(table, options, words):
    with pytest.raises(ValueError, match=words):
        load_data(table, **options)


@pytest.mark.parametrize(
    ("cell", "words"), [("-1", "not negative, got -1 in row 1"), ("0", "at least one"), ("", "missing")]
)
def test_weights_that_are_no_weights_are_refused(tmp_path, cell, words):
    (tmp_path / "t.csv").write_text(f"a,w,y\n1,0,u\n2,{cell},v\n")
    with pytest.raises(ValueError, match=words):
        load_data(str(tmp_path / "t.csv"), "y", weights="w")


def test_a_model_finds_its_columns_by_name_whatever_else_is_there(table):
    found = load_features(table, ("b", "a"))
    np.testing.assert_array_equal(found.X, [[2, 1], [4, 3]])
    assert found.ignored == ("note", "w", "y")
    assert not found.by_position


def test_a_missing_column_is_named_with_what_it_may_be_now(table):
    with pytest.raises(ValueError, match=r"lacks 1 of the 2 columns of the model: notes.*'notes' to 'note'"):
        load_features(table, ("a", "notes"))


@pytest.mark.parametrize(
    ("names", "available", "expected"),
    [
        (["b", "a"], ["a", "x", "b"], ["b", "a"]),
        (["0", "1"], ["a", "b"], ["a", "b"]),
        (["a", "b"], ["0", "1"], ["0", "1"]),
        (["0", "2"], ["0", "1", "2"], ["0", "2"]),
    ],
)
def test_names_come_before_positions(names, available, expected):
    assert matched(names, available, "t") == expected


def test_positions_of_another_number_are_refused():
    with pytest.raises(ValueError, match="t has 3 columns, but the model takes 2"):
        matched(["0", "1"], ["a", "b", "c"], "t")


def test_gzip_is_read_for_a_model_too_and_named_sets_are(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(TABLE.encode(), mtime=0))
    assert load_features(str(tmp_path / "t.csv.gz"), ("a",)).X.tolist() == [[1], [3]]
    iris = load_features("iris", ("petal width (cm)", "sepal length (cm)"))
    assert iris.X.shape == (150, 2)
    assert iris.X[0].tolist() == [0.2, 5.1]
    with pytest.raises(ValueError, match="DATA must be"):
        load_features("nothing", ("a",))


@pytest.mark.parametrize("more", [["0", "1", "2", "3"], ["0", "1"]])
def test_a_nameless_matrix_of_another_width_is_not_taken_for_the_models(more):
    with pytest.raises(ValueError, match=f"x.npy has {len(more)} columns, but the model takes 3"):
        matched(["0", "1", "2"], more, "x.npy")
