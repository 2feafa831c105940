"""Sources of rows: every kind yields the same rows, and what is wrong with one is said by name."""

from __future__ import annotations

import os
import threading

import ml_dtypes
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from softmax_jax.data import RowSource, open_rows
from softmax_jax.problem.prefetch import read_ahead

N, M = 23, 3


@pytest.fixture
def X(rng):
    return rng.standard_normal((N, M)).astype(np.float32)


def rows_of(source, size=5):
    """All rows as a pass reads them, the filling cut off."""
    return np.concatenate([block.copy() for _, block in read_ahead(source, size)])[: source.shape[0]]


class Blocks:
    """An object that yields blocks of its own size."""

    def __init__(self, X, rows=4):
        self.X, self.rows, self.shape, self.dtype, self.passes = X, rows, X.shape, X.dtype, 0

    def blocks(self, rows):
        self.passes += 1
        return (self.X[i : i + self.rows] for i in range(0, len(self.X), self.rows))


def npy(X, folder, name="X.npy"):
    np.save(folder / name, X)
    return folder / name


def memmap(X, folder):
    mapped = np.memmap(folder / "X.bin", X.dtype, "w+", offset=12, shape=(N + 4, M))
    mapped[2:-2] = X
    return mapped[2:-2]


def shards(X, folder):
    for i, part in ((10, X[15:]), (2, X[1:15]), (1, X[:1])):
        np.save(folder / f"part-{i}.npy", part)
    return folder


def parquet(X, folder):
    pq.write_table(pa.table({f"x{j}": X[:, j] for j in range(M)}), folder / "X.parquet", row_group_size=7)
    return folder / "X.parquet"


def parquet_list(X, folder):
    column = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), M)
    pq.write_table(pa.table({"embedding": column}), folder / "X.parquet", row_group_size=7)
    return folder / "X.parquet"


KINDS = {
    "npy": npy,
    "npy by columns": lambda X, folder: npy(np.asfortranarray(X), folder),
    "npy in the other byte order": lambda X, folder: npy(X.astype(">f4"), folder),
    "memmap": memmap,
    "memmap of columns": lambda X, folder: np.lib.format.open_memmap(npy(np.hstack([X, X]), folder))[:, :M],
    "memmap of every other row": lambda X, folder: np.lib.format.open_memmap(npy(np.repeat(X, 2, 0), folder))[::2],
    "shards": shards,
    "parquet": parquet,
    "parquet list": parquet_list,
    "object": lambda X, folder: Blocks(X),
    "function": lambda X, folder: lambda: iter([X[:9], X[9:10], X[10:]]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_yields_the_same_rows_in_every_pass(kind, X, tmp_path):
    source = open_rows(KINDS[kind](X, tmp_path))
    assert isinstance(source, RowSource)
    assert source.shape == (N, M) and source.dtype == np.float32
    for size in (5, 32):
        np.testing.assert_array_equal(rows_of(source, size), X)


@pytest.mark.parametrize("dtype", ["float16", "uint8", "int64", "bool", "bfloat16"])
def test_the_storage_dtype_is_kept(dtype, tmp_path):
    X = np.arange(N * M).reshape(N, M).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    source = open_rows(npy(X, tmp_path), dtype="bfloat16" if dtype == "bfloat16" else None)
    assert source.dtype == X.dtype
    np.testing.assert_array_equal(rows_of(source), X)


def test_parquet_columns_are_chosen_by_name_and_in_that_order(X, tmp_path):
    source = open_rows(parquet(X, tmp_path), columns=["x2", "x0"])
    np.testing.assert_array_equal(rows_of(source), X[:, [2, 0]])
    with pytest.raises(ValueError, match="columns must be some of .*x0.* got .*'y'"):
        open_rows(tmp_path / "X.parquet", columns=["x0", "y"])


def cut_short(X, folder):
    path = npy(X, folder)
    os.truncate(path, path.stat().st_size - 10 * 4)
    return path


def parquet_of(column):
    def write(X, folder):
        pq.write_table(pa.table({"a": column}), folder / "X.parquet")
        return folder / "X.parquet"

    return write


def folder_of(*arrays):
    def write(X, folder):
        for i, array in enumerate(arrays):
            np.save(folder / f"{i}.npy", array)
        return folder

    return write


def garbage(X, folder):
    (folder / "X.npy").write_bytes(b"no header")
    return folder / "X.npy"


FAULTS = {
    "cut short": (cut_short, ValueError, "cut short: expected 69 elements .* file holds 59"),
    "objects": (lambda X, f: npy(X.astype(object), f), ValueError, "pickle is refused"),
    "not npy": (garbage, ValueError, "is not a .npy file"),
    "absent": (lambda X, f: f / "no.npy", ValueError, "no.npy cannot be read: No such file"),
    "other ending": (lambda X, f: f / "no.csv", ValueError, "must be a .npy, .parquet or .safetensors file"),
    "empty folder": (lambda X, f: f, ValueError, "without any"),
    "one-dimensional": (lambda X, f: npy(X[0], f), ValueError, r"must hold a matrix .* got shape \(3,\)"),
    "text": (lambda X, f: npy(X.astype(str), f), TypeError, "must hold float16"),
    "two unknown bytes": (lambda X, f: npy(X.astype("V2"), f), TypeError, "give dtype='bfloat16'"),
    "other columns": (
        folder_of(np.ones((2, 3)), np.ones((2, 4))),
        ValueError,
        "3 of float64 in .*0.npy.* 4 of float64",
    ),
    "other dtype": (folder_of(np.ones((2, 3)), np.ones((2, 3), "f4")), ValueError, "3 of float64 .* 3 of float32"),
    "parquet text": (parquet_of(["a"]), TypeError, "column 'a': expected numbers"),
    "no rows": (parquet_of(pa.array([], "float32")), ValueError, "at least one row"),
    "number": (lambda X, f: 3, TypeError, "got int"),
    "no block": (lambda X, f: lambda: iter([]), ValueError, "got no block"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_read_is_refused_by_name(fault, X, tmp_path):
    make, error, words = FAULTS[fault]
    with pytest.raises(error, match=words):
        open_rows(make(X, tmp_path))


def changed(X, folder):
    source = open_rows(npy(X, folder))
    os.utime(folder / "X.npy", ns=(1, 1))
    return source


def truncated_later(X, folder):
    source = open_rows(shards(X, folder))
    os.truncate(folder / "part-10.npy", 150)
    return source


def after(X, *later):
    """A function that yields X when its rows are counted, and `later` blocks in the next pass."""
    passes = iter([[X], later])
    return open_rows(lambda: iter(next(passes)))


LATE = {
    "changed": (changed, "X.npy changed while it was in use"),
    "truncated": (truncated_later, "part-10.npy changed .* and has 150 bytes"),
    "null": (lambda X, f: open_rows(parquet_of([1.0, None])(X, f)), "column 'a': values are missing"),
    "fewer rows": (lambda X, f: after(X, X[:5]), "ended early: expected 23 rows"),
    "more rows": (lambda X, f: after(X, X, X[:1]), "more than 23 rows"),
    "other shape": (lambda X, f: after(X, X[:5], X[:, :2]), r"block 1 must have 3 columns .* got shape \(23, 2\)"),
}


@pytest.mark.parametrize("fault", LATE)
def test_what_goes_wrong_in_a_pass_is_an_error_there(fault, X, tmp_path):
    make, words = LATE[fault]
    with pytest.raises(ValueError, match=words):
        rows_of(make(X, tmp_path))


def test_a_pass_that_is_left_early_leaves_no_thread_behind(X):
    before = threading.active_count()
    blocks = read_ahead(open_rows(Blocks(X)), 5)
    next(blocks)
    blocks.close()
    assert threading.active_count() == before
