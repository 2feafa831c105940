"""Rows of a Hugging Face Dataset are read by blocks in the dtype that they are stored in."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.data import open_rows
from softmax_jax.problem.prefetch import read_ahead

datasets = pytest.importorskip("datasets", reason="datasets brings 15 packages and takes 20 s to install")

N = 40
X = np.random.default_rng(0).standard_normal((N, 3)).astype(np.float32)
Y = np.arange(N) % 2


@pytest.fixture(scope="module")
def dataset():
    kinds = {"e": datasets.Sequence(datasets.Value("float32")), "a": datasets.Value("float64")}
    kinds |= {"label": datasets.Value("int64"), "text": datasets.Value("string")}
    columns = {"e": list(X), "a": X[:, 0].astype(np.float64), "label": Y, "text": ["t"] * N}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))


def rows_of(source):
    return np.concatenate([block.copy() for _, block in read_ahead(source, 7)])[: source.shape[0]]


def test_the_only_column_of_lists_is_taken_and_named_ones_in_their_order(dataset):
    source = open_rows(dataset)
    assert source.dtype == np.float32 and source.columns == ("e",)
    np.testing.assert_array_equal(rows_of(source), X)
    both = open_rows(dataset, columns=["a", "e"])
    assert both.dtype == np.float64
    np.testing.assert_array_equal(rows_of(both), np.c_[X[:, :1], X])


def test_chosen_and_joined_rows_are_read_in_their_order(dataset):
    chosen = dataset.select([30, 2, 7])
    np.testing.assert_array_equal(rows_of(open_rows(chosen, columns="e")), X[[30, 2, 7]])
    joined = datasets.concatenate_datasets([chosen, dataset]).with_format("numpy")
    np.testing.assert_array_equal(rows_of(open_rows(joined)), np.r_[X[[30, 2, 7]], X])


def test_a_fit_is_that_of_the_array(dataset):
    result = sj.fit(open_rows(dataset), dataset["label"], l2=0.01)
    np.testing.assert_allclose(result.params.W, sj.fit(X, Y, l2=0.01).params.W, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        (lambda d: d, {"columns": "b"}, ValueError, r"got no b; there are e \(list<.*float>\), a \(double\)"),
        (lambda d: d, {"columns": []}, ValueError, "different columns of features, got \\[\\]"),
        (lambda d: d.remove_columns("e"), {}, ValueError, r"got none; there are a \(double\)"),
        (lambda d: d, {"columns": "text"}, TypeError, "column 'text': expected numbers, or lists of them, got string"),
        (lambda d: d, {"target": "label"}, ValueError, "target is not for a Dataset"),
        (lambda d: d.select([]), {}, ValueError, "at least one row"),
        (lambda d: d.with_transform(lambda rows: rows), {}, ValueError, "whose values a function makes"),
    ],
)
def test_what_is_not_clear_is_refused_with_what_there_is(dataset, change, options, error, words):
    with pytest.raises(error, match=words):
        open_rows(change(dataset), **options)


def test_a_missing_list_or_one_of_another_length_is_told_by_its_row():
    for rows, words in (([[1.0], None], "missing in row 1"), ([[1.0], [1.0, 2.0]], "got 2 numbers in row 1")):
        with pytest.raises(ValueError, match=words):
            rows_of(open_rows(datasets.Dataset.from_dict({"e": rows})))
