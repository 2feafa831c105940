"""Views of a source: a split, other columns and changed rows are those of the matrix, in every size of block."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.data import open_rows
from softmax_jax.data.rows import reading, views
from softmax_jax.data.rows.iterable import rows_of_array
from softmax_jax.data.rows.views import ChosenRows, MappedRows, chosen_columns
from softmax_jax.problem.prefetch import read_ahead

N, M = 23, 3
X = np.random.default_rng(0).standard_normal((N, M)).astype(np.float32)


@pytest.fixture(autouse=True)
def few_rows_at_a_time(monkeypatch):
    monkeypatch.setattr(views, "_ELEMENTS", 4 * M)
    monkeypatch.setattr(reading, "ELEMENTS", 5 * M)


@pytest.fixture
def source(tmp_path):
    np.save(tmp_path / "X.npy", X)
    return open_rows(tmp_path / "X.npy")


def rows_of(source, size):
    return np.concatenate([block.copy() for _, block in read_ahead(source, size)])[: source.shape[0]]


@pytest.mark.parametrize("size", [1, 2, 7, 64])
@pytest.mark.parametrize("rows", [[0], [N - 1], [0, 4, 5, 6, 19], list(range(N)), list(range(1, N, 2))])
def test_chosen_rows_are_those_of_the_matrix_in_every_size_of_block(source, rows, size):
    found = ChosenRows(source, np.array(rows))
    assert found.shape == (len(rows), M)
    np.testing.assert_array_equal(rows_of(found, size), X[rows])
    np.testing.assert_array_equal(rows_of(ChosenRows(rows_of_array(X), np.array(rows)), size), X[rows])
    assert found.place(len(rows) - 1).endswith(f"row {rows[-1]}")


@pytest.mark.parametrize("rows", [[], [1, 0], [2, 2], [-1, 2], [0, N]])
def test_rows_that_are_not_ascending_are_refused(source, rows):
    with pytest.raises(ValueError, match=r"rows must be ascending indices in \[0, 23\)"):
        ChosenRows(source, np.array(rows, int))


def test_rows_are_mapped_in_another_dtype_and_width(source):
    sums = MappedRows(source, lambda block: block.sum(axis=1, keepdims=True), 1, np.dtype(np.float64))
    found = rows_of(sums, 6)
    assert (sums.shape, found.dtype) == ((N, 1), np.float64)
    np.testing.assert_array_equal(found, X.sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(rows_of(chosen_columns(source, np.array([2, 0])), 6), X[:, [2, 0]])


def test_blocks_of_a_source_are_those_of_the_matrix(source):
    for given in (X, source):
        parts = [(start, block.copy()) for start, block in reading.in_blocks(given)]
        assert [start for start, _ in parts] == [0, 5, 10, 15, 20]
        np.testing.assert_array_equal(np.concatenate([block for _, block in parts]), X)
    np.testing.assert_array_equal(reading.in_memory(source), X)
    np.testing.assert_array_equal(reading.in_memory(reading.some_rows(source, np.array([3, 9]))), X[[3, 9]])
    assert reading.some_rows(source, np.arange(0)).shape == (0, M)
    drawn = np.array([9, 3, 20])
    chosen = reading.some_rows(source, drawn)
    np.testing.assert_array_equal(reading.in_memory(chosen)[chosen.drawn], X[drawn])


def test_what_is_not_finite_is_told_by_its_place(tmp_path):
    Y = X.copy()
    Y[17, 1] = np.nan
    np.save(tmp_path / "Y.npy", Y)
    chosen = ChosenRows(open_rows(tmp_path / "Y.npy"), np.array([2, 17]))
    with pytest.raises(ValueError, match=r"contains NaN, first in .*Y.npy, row 17, column 1; expected finite"):
        reading.in_memory(chosen)


def test_a_source_that_is_cut_short_meanwhile_is_an_error(tmp_path):
    np.save(tmp_path / "X.npy", X)
    source = ChosenRows(open_rows(tmp_path / "X.npy"), np.array([1, 20]))
    np.save(tmp_path / "X.npy", X[:10])
    with pytest.raises(ValueError, match="changed while it was in use"):
        reading.in_memory(source)
