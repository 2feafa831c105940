"""Frames with columns of several kinds are converted by columns to the numbers that pandas says they hold."""

from __future__ import annotations

import decimal
import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.utils import check_array

from softmax_jax.inputs import checks, frames, objects

N = 40
A = np.random.default_rng(0).standard_normal((N, 4))
FLAG = A[:, 1] > 0
FRAME = pd.DataFrame(A, columns=list("abcd"))


def with_column(values, dtype=None, name="b"):
    """The frame with one column replaced."""
    return FRAME.assign(**{name: pd.Series(values, dtype=dtype)})


COLUMNS = {
    "bool": (with_column(FLAG), FLAG),
    "int": (with_column(np.arange(N)), np.arange(N)),
    "int8 and bool": (with_column(np.arange(N, dtype=np.int8)).assign(c=FLAG), np.arange(N)),
    "nullable bool": (with_column(FLAG, "boolean"), FLAG),
    "nullable integers": (with_column(np.arange(N), "Int64"), np.arange(N)),
    "nullable unsigned": (with_column(np.arange(N), "UInt8"), np.arange(N)),
    "nullable floats": (with_column(A[:, 2], "Float64"), A[:, 2]),
    "nullable float32": (with_column(A[:, 2], "Float32"), A[:, 2].astype(np.float32)),
    "Arrow floats": (with_column(A[:, 2], "double[pyarrow]"), A[:, 2]),
    "Arrow bool": (with_column(FLAG, "bool[pyarrow]"), FLAG),
    "Arrow integers": (with_column(np.arange(N), "int16[pyarrow]"), np.arange(N)),
    "Arrow decimals": (
        with_column([decimal.Decimal(i) / 4 for i in range(N)], pd.ArrowDtype(pa.decimal128(8, 2))),
        np.arange(N) / 4,
    ),
    "objects": (with_column(A[:, 2].astype(object)), A[:, 2]),
    "decimals": (with_column([decimal.Decimal(i) / 4 for i in range(N)]), np.arange(N) / 4),
    "sparse": (with_column(pd.arrays.SparseArray(FLAG * 1.0)), FLAG),
    "float32": (with_column(A[:, 2].astype(np.float32)).assign(c=FLAG), A[:, 2].astype(np.float32)),
    "longdouble": (with_column(A[:, 2].astype(np.longdouble)).assign(c=FLAG), A[:, 2]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_another_kind_keeps_its_numbers_and_its_place(name):
    frame, column = COLUMNS[name]
    result = checks.features(frame)
    assert result.shape == (N, 4) and result.dtype == np.float64
    np.testing.assert_array_equal(result[:, 1], column)
    np.testing.assert_array_equal(result[:, [0, 3]], A[:, [0, 3]])


@pytest.mark.parametrize(
    "frame",
    [
        FRAME.convert_dtypes(),
        FRAME.astype("double[pyarrow]"),
        FRAME.astype(object),
        FRAME.set_axis(range(4), axis=1).assign(**{"x": FLAG})[[0, 1, 2, 3, "x"]].drop(columns="x"),
        FRAME.set_index(np.arange(N)[::-1]),
        pl.DataFrame(FRAME.to_dict("list")),
        pa.table(FRAME.to_dict("list")),
    ],
    ids=["all nullable", "all of Arrow", "all objects", "numbered", "another index", "polars", "Arrow table"],
)
def test_frames_of_one_kind_hold_the_same_numbers(frame):
    np.testing.assert_array_equal(checks.features(frame), A)


def test_rows_are_taken_by_position_whatever_the_index():
    frame = with_column(FLAG).set_index(np.arange(N)[::-1])
    np.testing.assert_array_equal(checks.features(frame), np.c_[A[:, 0], FLAG, A[:, 2:]])


def test_plain_frames_are_not_copied_by_columns():
    for frame in (FRAME, FRAME.astype(np.float32), FRAME > 0, FRAME.astype(object)):
        assert frames.as_matrix(frame, "X").dtype == np.asarray(frame).dtype


def test_numbers_are_not_looked_at_one_by_one(monkeypatch):
    def fail(*_):
        raise AssertionError("looked at an entry")

    monkeypatch.setattr(objects, "_check_entry", fail)
    for frame, _ in COLUMNS.values():
        checks.features(frame)
    checks.features(A.astype(object))


def seconds(function, repeats=5):
    """The least CPU time of some repeats."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def test_conversion_takes_no_more_than_a_few_times_what_scikit_learn_takes():
    big = np.random.default_rng(0).standard_normal((20_000, 21))
    frame = pd.DataFrame(big).assign(flag=big[:, 0] > 0)
    # the limit of objects is 3 times; of the frame, of milliseconds, 5: looking at each cell took 2,000 times as long
    for X, limit in ((big.astype(object), 3), (frame, 5)):
        ratios = []
        while not ratios or (min(ratios) > limit and len(ratios) < 5):
            ratios.append(seconds(lambda X=X: checks.features(X)) / seconds(lambda X=X: check_array(X)))
        assert min(ratios) <= limit, ratios
