"""Labels of files: whole numbers however written are integers, exactly; what would be merged is refused."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.data import load_data, read_labels
from softmax_jax.data.labels import whole_or_text

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

WRITTEN = {
    "savetxt": (["1.000000000000000000e+00", "0.000000000000000000e+00"], [1, 0]),
    "short exponents": (["1.000000e+00", "1.2e1", "3.e0"], [1, 12, 3]),
    "no point": (["1e+00", "2e+01"], [1, 20]),
    "mixed": (["1", "2.0", "3.000000e+00"], [1, 2, 3]),
    "negative": (["-1.0e+00", "1.0e+00"], [-1, 1]),
    "exact beyond 2**53": (["9007199254740993.0", "9007199254740992"], [9007199254740993, 9007199254740992]),
    "text like 1e3": (["1e3", "2e5"], ["1e3", "2e5"]),
    "leading zeros": (["007", "7"], ["007", "7"]),
    "text beside numbers": (["1.0e+00", "red"], ["1.0e+00", "red"]),
}


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("reader", ["csv", "txt"])
def test_labels_are_the_integers_they_are_or_their_text(kind, reader, tmp_path):
    labels, expected = WRITTEN[kind]
    path = tmp_path / f"y.{reader}"
    if reader == "txt":
        path.write_text("\n".join(labels))
        found = read_labels(path)
    else:
        path.write_text("a,y\n" + "".join(f"1,{label}\n" for label in labels))
        found = load_data(str(path), "y").y
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("label", "words"),
    [("1.5e+00", "continuous"), ("1.0e+19", "beyond 64 bits"), ("1.0e+999999999", "beyond 64 bits"), ("0.25", "cont")],
)
def test_numbers_that_are_no_labels_are_refused(label, words):
    with pytest.raises(ValueError, match=words):
        whole_or_text(["1.0", label], "here")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_floats_that_merge_large_labels_are_refused(dtype, tmp_path):
    limit = 2.0 ** {"float64": 53, "float32": 24, "float16": 11}[dtype]
    np.save(tmp_path / "X.npy", np.ones((2, 1)))
    np.save(tmp_path / "y.npy", np.array([1, limit], dtype))
    pq.write_table(pa.table({"a": [1.0, 2.0], "y": np.array([1, limit], dtype)}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=f"label {limit:.0f} is too large for {dtype}"):
        load_data(str(tmp_path / "X.npy"), labels=tmp_path / "y.npy")
    with pytest.raises(ValueError, match=f"label {limit:.0f} is too large for {dtype}"):
        load_data(str(tmp_path / "t.parquet"), "y")
    np.save(tmp_path / "y.npy", np.array([1, limit - 1], dtype))
    assert load_data(str(tmp_path / "X.npy"), labels=tmp_path / "y.npy").y.tolist() == [1, int(limit) - 1]


def test_two_spellings_of_one_label_are_refused(tmp_path):
    labels = ["caf\u00e9", "cafe\u0301"]
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"1,{label}\n" for label in labels))
    (tmp_path / "y.txt").write_text("\n".join(labels))
    np.savez(tmp_path / "t.npz", X=np.ones((2, 1)), y=labels)
    pq.write_table(pa.table({"a": [1.0, 2.0], "y": labels}), tmp_path / "t.parquet")
    for read in (
        lambda: load_data(str(tmp_path / "t.csv"), "y"),
        lambda: read_labels(tmp_path / "y.txt"),
        lambda: load_data(str(tmp_path / "t.npz")),
        lambda: load_data(str(tmp_path / "t.parquet"), "y"),
    ):
        with pytest.raises(ValueError, match="Unicode spellings"):
            read()
