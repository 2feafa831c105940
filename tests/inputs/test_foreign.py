"""Columns of lists in Arrow, polars and datasets are matrices; what in tables is no number is refused by its column."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import softmax_jax as sj
from softmax_jax.inputs import checks
from softmax_jax.inputs.foreign import as_plain

A = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
LISTS = pa.array(A.tolist(), pa.list_(pa.float32()))


@pytest.mark.parametrize(
    "column",
    [
        LISTS,
        pa.array(A.tolist(), pa.large_list(pa.float32())),
        pa.array(A.tolist(), pa.list_(pa.float32(), 3)),
        pa.chunked_array([LISTS[:2], LISTS[2:2], LISTS[2:]]),
        LISTS.slice(0, 6),
        pl.Series("e", A.tolist(), dtype=pl.List(pl.Float32)),
        pl.Series("e", A.tolist(), dtype=pl.Array(pl.Float32, 3)),
    ],
    ids=["lists", "large", "fixed", "chunks", "slice", "polars lists", "polars array"],
)
def test_a_column_of_lists_is_a_matrix_in_its_own_dtype(column):
    array = checks.features(column)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, A)


def test_a_slice_has_its_own_rows():
    for lists in (LISTS, pa.array(A.tolist(), pa.list_(pa.float32(), 3))):
        np.testing.assert_array_equal(as_plain(lists[2:5], "X"), A[2:5])


def test_columns_of_numbers_and_text_are_left_to_numpy():
    for column in (pa.array([1, 2]), pa.chunked_array([["a"], ["b"]]), pl.Series([1.0]), [1, 2], None):
        assert as_plain(column, "y") is column


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([[1.0, 2.0], None]), "X has no list in row 1"),
        (pa.chunked_array([[[1.0, 2.0]], [[1.0, 2.0], [1.0]]]), "2 in row 0 and 1 in row 2"),
        (pa.array([[1.0, 2.0], [3.0, None]]), "X contains missing numbers, first in row 1"),
        (pa.array([[], []], pa.list_(pa.float32())), "at least 1, got 0"),
        (pa.array([], pa.list_(pa.float32())), "0 sample"),
        (pl.Series([[1.0, 2.0], None]), "X has no list in row 1"),
        (pl.Series([[1.0, 2.0], [1.0]]), "2 in row 0 and 1 in row 1"),
        (pl.Series([[1.0, 2.0], [1.0, None]]), "NaN, first in row 1"),
        (pl.Series([[1.0, 2.0], None], dtype=pl.Array(pl.Float32, 2)), "NaN, first in row 1"),
        (pa.array([["a"], ["b"]]), "strings are not converted"),
    ],
)
def test_lists_that_are_no_matrix_of_numbers_are_refused_with_the_row(column, words):
    with pytest.raises(ValueError, match=words):
        checks.features(column)


@pytest.mark.parametrize("arrow", [False, True], ids=["polars", "Arrow"])
def test_dates_and_lists_in_a_table_are_refused_by_their_column(arrow):
    frame = pl.DataFrame({"a": [1.0, 2.0], "b": [3, 4], "c": [[1.0], [2.0]]})
    tables = [frame.select("a", pl.col("b").cast(kind)) for kind in (pl.Date, pl.Datetime, pl.Duration, pl.Time)]
    for table in tables:
        with pytest.raises(TypeError, match="dates or durations in column 'b'"):
            checks.features(table.to_arrow() if arrow else table)
    with pytest.raises(TypeError, match="lists in column 'c': pass that column alone"):
        checks.features(frame.to_arrow() if arrow else frame)


@pytest.mark.parametrize("arrow", [False, True], ids=["polars", "Arrow"])
def test_columns_of_a_table_are_known_by_name(arrow):
    frame = pl.DataFrame(A, schema=list("abc"), orient="row")
    table, swapped = (f.to_arrow() if arrow else f for f in (frame, frame.select("c", "a", "b")))
    y = np.arange(6) % 2
    model = sj.SoftmaxRegression(l2=0.1).fit(table, y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(swapped)
    probe = sj.linear_probe(table, y, l2_values=[0.1], folds=2)
    np.testing.assert_array_equal(probe.predict_proba(swapped), probe.predict_proba(table))


class TestDatasets:
    """Columns of the Hugging Face library, where that is."""

    @pytest.fixture
    def dataset(self):
        datasets = pytest.importorskip("datasets", reason="datasets brings 15 packages and takes 20 s to install")
        return datasets.Dataset.from_dict(
            {"e": list(A), "label": list("xyxyxy"), "n": [0, 1, 0, 1, 0, 1]},
            features=datasets.Features(
                e=datasets.Sequence(datasets.Value("float32")),
                label=datasets.Value("string"),
                n=datasets.ClassLabel(names=["no", "yes"]),
            ),
        )

    @pytest.mark.parametrize("form", [None, "numpy", "arrow"])
    def test_a_column_keeps_dtype_and_rows_whatever_the_format(self, dataset, form):
        array = checks.features(dataset.with_format(form)["e"])
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, A)
        np.testing.assert_array_equal(checks.features(dataset.select([4, 1]).with_format(form)["e"]), A[[4, 1]])

    def test_labels_are_text_or_numbers(self, dataset):
        assert checks.targets(dataset["label"], 6)[1].tolist() == ["x", "y"]
        assert checks.targets(dataset["n"], 6)[0].tolist() == [0, 1, 0, 1, 0, 1]

    def test_a_function_of_the_user_makes_the_values(self, dataset):
        doubled = dataset.with_transform(lambda rows: {"e": [[2 * x for x in row] for row in rows["e"]]})
        np.testing.assert_array_equal(checks.features(doubled["e"]), 2 * A)

    def test_the_whole_is_refused_with_the_names_of_its_columns(self, dataset):
        with pytest.raises(TypeError, match=r"X\['e'\], or open_rows.* 'e', 'label', 'n'"):
            checks.features(dataset)


def test_tensors_of_one_shape_in_arrow_are_the_lists_that_they_are_stored_as():
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(6, dtype=np.float32).reshape(3, 2))
    np.testing.assert_array_equal(as_plain(tensors, "X"), [[0, 1], [2, 3], [4, 5]])
