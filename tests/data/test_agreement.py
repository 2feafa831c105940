"""What is read into memory and what is read by blocks: the same numbers bit for bit, or the same refusal."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from softmax_jax.data import load_data, open_rows, read_npy
from softmax_jax.problem.prefetch import read_ahead

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

E = np.arange(12, dtype=np.float32).reshape(4, 3) / 3
PRICES = [Decimal("1.1"), Decimal("-2.25"), Decimal("1e3"), Decimal("0.7")]


def streamed(path: Path, **options) -> np.ndarray:
    source = open_rows(path, **options)
    return np.concatenate([block.copy() for _, block in read_ahead(source, 3)])[: source.shape[0]]


def stored(path: Path) -> np.ndarray:
    """The features of a Parquet file or folder as the command line reads them."""
    return load_data(str(path), "y").X


def write(column, path: Path) -> Path:
    pq.write_table(pa.table({"a": column, "b": np.linspace(0, 1, 4), "y": list("uvuv")}), path, row_group_size=3)
    return path


NUMBERS = {
    "int8": pa.array([1, -2, 3, 4], pa.int8()),
    "int64 beyond 2**53": pa.array([2**53 + 1, -(2**62) - 1, 3, 4]),
    "uint64": pa.array([2**63 + 1, 2, 3, 4], pa.uint64()),
    "truth values": pa.array([True, False, True, True]),
    "float16": pa.array(np.float16([0.1, 0.2, 0.3, 6e4])),
    "float32": pa.array(np.float32([0.1, 0.2, 0.3, 1e-40])),
    "float64": pa.array([0.1, 1e300, 0.3, 5e-324]),
    "decimal128": pa.array(PRICES, pa.decimal128(30, 4)),
    "decimal256": pa.array(PRICES, pa.decimal256(60, 4)),
    "dictionary of integers": pa.array([3, 3, 5, 5]).dictionary_encode(),
    "dictionary of floats": pa.array([3.5, 3.5, 5, 5], pa.float32()).dictionary_encode(),
    "lists of a fixed size": pa.FixedSizeListArray.from_arrays(pa.array(E.ravel()), 3),
    "lists of equal lengths": pa.array(E.astype(float).tolist()),
    "large lists": pa.array(E.tolist(), pa.large_list(pa.float32())),
    "lists of integers": pa.array([[1, 2], [3, 4], [5, 6], [7, 2**60]]),
    "lists of decimals": pa.array([[price] for price in PRICES], pa.list_(pa.decimal128(30, 4))),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_columns_of_numbers_are_the_same_by_both_routes(kind, tmp_path):
    path, column = write(NUMBERS[kind], tmp_path / "f.parquet"), NUMBERS[kind]
    X, rows = stored(path), streamed(path, target="y")
    assert rows.astype(X.dtype).tobytes() == X.tobytes()
    rest = [value if isinstance(value, list) else [value] for value in column.to_pylist()]
    ulps = 2 if "decimal" in kind else 0  # Arrow divides by a power of ten
    np.testing.assert_array_max_ulp(X[:, :-1].astype(float), np.array(rest).astype(float), ulps)
    alone = streamed(path, columns="a")
    np.testing.assert_array_equal(alone.astype(np.float64), X[:, :-1])


REFUSED = {
    "null": ([1.5, None, 3, 4], "column 'a': values are missing in row 1; fill them in or drop the row."),
    "null in the last group": ([1, 2, 3, None], "column 'a': values are missing in row 3"),
    "nan": ([1.5, np.nan, 3, 4], "column 'a': expected finite numbers, got nan in row 1."),
    "infinity in the last group": ([1.5, 2, 3, -np.inf], "column 'a': expected finite numbers, got -inf in row 3."),
    "nan in a list": (
        [[1.0, 2], [3, 4], [5, 6], [7, np.nan]],
        "column 'a': expected finite numbers, got nan in row 3.",
    ),
    "ragged": ([[1.0, 2], [3, 4], [5], [6, 7]], "expected lists of 2 numbers in all rows, got 1 numbers in row 2."),
    "no list": ([[1.0, 2], None, [5, 6], [6, 7]], "column 'a': values are missing in row 1; fill them in"),
    "no first list": ([None, [1.0, 2], [5, 6], [6, 7]], "column 'a': values are missing in row 0; fill them in"),
    "null in a list": ([[1.0, 2], [3, 4], [5, 6], [None, 8]], "got missing numbers in row 3."),
    "empty lists": (pa.array([[]] * 4, pa.list_(pa.float64())), "lists of at least 1 numbers in all rows, got 0"),
    "strings": (list("pqrs"), "expected numbers, or lists of them, got string, such as 'p'"),
    "dictionary of strings": (pa.array(list("pqpq")).dictionary_encode(), "got string, such as 'p'"),
    "lists of strings": ([["p"]] * 4, "or lists of them, got list<element: string>, such as ['p']"),
    "lists of lists": ([[[1.5]]] * 4, "got list<element: list<element: double>>, such as [[1.5]]"),
    "dates": (pa.array([1] * 4, pa.date32()), "got date32[day], such as datetime.date(1970, 1, 2)"),
    "nothing": (pa.nulls(4), "got null, such as None"),
    "records": ([{"q": 1}] * 4, "got struct<q: int64>, such as {'q': 1}"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_columns_are_refused_in_the_same_words_by_both_routes(kind, tmp_path):
    column, words = REFUSED[kind]
    path = write(column, tmp_path / "f.parquet")
    messages = []
    for read in (lambda: stored(path), lambda: streamed(path, target="y")):
        with pytest.raises((ValueError, TypeError), match="column 'a'") as caught:
            read()
        what, _, _ = str(caught.value).partition("; --drop a leaves")  # the remedy of the command line,
        messages.append(what.partition("; say target='a' if")[0])  # and that of Python
    assert words in messages[0] and messages[0].startswith(str(path))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    "columns",
    [
        {"a": [[1.5]] * 2, "a_0": [1.5, 2.5], "y": ["u", "v"]},
        {"a": pa.array([], pa.float64()), "y": pa.array([], pa.string())},
    ],
    ids=["two features of one name", "no rows"],
)
def test_files_that_are_no_table_are_refused_in_the_same_words(columns, tmp_path):
    pq.write_table(pa.table(columns), tmp_path / "f.parquet")
    messages = set()
    for read in (lambda: stored(tmp_path / "f.parquet"), lambda: streamed(tmp_path / "f.parquet", target="y")):
        with pytest.raises(ValueError, match=r"f\.parquet") as caught:
            read()
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_a_dot_in_a_name_is_no_path_into_a_record(tmp_path):
    columns = {"a.b": [1.5, 2.5], "a": [3.5, 4.5], "y": ["u", "v"]}
    pq.write_table(pa.table(columns), tmp_path / "f.parquet")
    expected = [[1.5, 3.5], [2.5, 4.5]]
    assert stored(tmp_path / "f.parquet").tolist() == streamed(tmp_path / "f.parquet", target="y").tolist() == expected


def test_shards_of_different_dtypes_spellings_and_indexes_are_the_same_by_both_routes(tmp_path):
    pd = pytest.importorskip("pandas")
    whole = pd.DataFrame({"caf\u00e9": np.arange(3), "id": [7, 9, 8], "y": list("uvu")}).set_index("id")
    real = pd.DataFrame({"id": [1, 2], "cafe\u0301": np.float32([0.1, 0.2]), "y": list("uv")})
    for i, frame in enumerate((whole, real, whole)):
        frame.to_parquet(tmp_path / f"{i}.parquet")
    expected = np.r_[0, 1, 2, np.float32([0.1, 0.2]), 0, 1, 2].astype(float)[:, None]
    np.testing.assert_array_equal(stored(tmp_path), expected)
    np.testing.assert_array_equal(streamed(tmp_path, target="y"), expected)
    (tmp_path / "1.parquet").rename(tmp_path / "-1.parquet")
    (tmp_path / "0.parquet").rename(tmp_path / "3.parquet")
    np.testing.assert_array_equal(streamed(tmp_path, target="y"), stored(tmp_path))


def test_labels_in_a_dictionary_are_not_taken_along_in_silence(tmp_path):
    labels = pa.array([3, 5, 3, 5]).dictionary_encode()
    pq.write_table(pa.table({"u": np.linspace(0.5, 1, 4), "t": labels}), tmp_path / "f.parquet")
    with pytest.raises(ValueError, match=r"column 't' holds 2 different whole numbers"):
        open_rows(tmp_path / "f.parquet")


def npy(path: Path, array: np.ndarray, version: tuple[int, int]) -> Path:
    with path.open("wb") as file:
        np.lib.format.write_array(file, array, version=version)
    return path


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "|b1", ">i2"])
def test_npy_files_of_every_version_are_the_same_by_every_route(version, order, dtype, tmp_path):
    array = np.asarray((30 * E).astype(dtype), order=order)
    npy(tmp_path / "X.npy", array, version)
    npy(tmp_path / "y.npy", np.array([0, 1, 0, 1]), version)
    np.testing.assert_array_equal(read_npy(tmp_path / "X.npy"), array)
    np.testing.assert_array_equal(streamed(tmp_path / "X.npy"), array)
    np.testing.assert_array_equal(streamed(tmp_path), array)
    for data in (load_data(str(tmp_path / "X.npy"), labels=tmp_path / "y.npy"), load_data(str(tmp_path))):
        np.testing.assert_array_equal(data.X, array)
        assert data.y.tolist() == [0, 1, 0, 1]


def patched(path: Path, old: bytes, new: bytes) -> None:
    path.write_bytes(path.read_bytes().replace(old, new, 1))


NPY_FAULTS = {
    "objects": (lambda p: np.save(p, E.astype(object)), "holds Python objects, which are never unpickled"),
    "objects in records": (lambda p: np.save(p, np.zeros(4, [("a", object)])), "holds Python objects"),
    "cut short": (
        lambda p: p.write_bytes(p.read_bytes()[:-5]),
        r"is cut short: expected 12 elements .*, file holds 10\.",
    ),
    "too long": (lambda p: p.write_bytes(p.read_bytes() + b"12345"), r"is too long: expected 12 .*, file holds 13\."),
    "version 9": (lambda p: patched(p, b"NUMPY\1", b"NUMPY\11"), r"it is not a \.npy file: version \(9, 0\) is not"),
    "another magic": (lambda p: patched(p, b"NUMPY", b"NUMPI"), r"it is not a \.npy file: the magic string"),
    "half a header": (lambda p: p.write_bytes(p.read_bytes()[:30]), r"it is not a \.npy file: EOF"),
    "no Python in the header": (lambda p: patched(p, b"'descr'", b"'descr("), r"it is not a \.npy file"),
    "empty": (lambda p: p.write_bytes(b""), r"it is not a \.npy file: EOF"),
    "absent": (lambda p: p.unlink(), "cannot be read: No such file"),
    "complex": (lambda p: np.save(p, E.astype(complex)), "must hold float16.* got dtype complex128"),
    "records": (lambda p: np.save(p, np.zeros(4, [("a", float)])), r"must hold float16.* got dtype \[\('a', '<f8'\)\]"),
    "text": (lambda p: np.save(p, E.astype(str)), "must hold float16.* got dtype <U"),
    "unknown bytes": (
        lambda p: np.save(p, E.astype("V2")),
        "must hold .*for bfloat16, give dtype='bfloat16' to open_rows",
    ),
}


@pytest.mark.parametrize("fault", NPY_FAULTS)
def test_what_is_wrong_with_an_npy_file_is_said_in_the_same_words_by_every_route(fault, tmp_path):
    spoil, words = NPY_FAULTS[fault]
    path = tmp_path / "X.npy"
    np.save(path, E)
    spoil(path)
    np.save(tmp_path / "labels.npy", [0, 1, 0, 1])
    routes = [lambda: load_data(str(path), labels=tmp_path / "labels.npy"), lambda: open_rows(path)]
    if fault == "absent":
        routes[0] = lambda: read_npy(path)
    messages = set()
    for read in routes:
        with pytest.raises((ValueError, TypeError), match=rf"X\.npy.* {words}") as caught:
            read()
        messages.add((type(caught.value), str(caught.value)))
    assert len(messages) == 1
