"""Fingerprints of rows do not see order or division, and see everything else."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.distributed import row_hashes
from softmax_jax.distributed.row_hashes import joint_fingerprint


def _data(dtype=np.float64):
    rng = np.random.default_rng(0)
    return rng.integers(0, 2, (40, 5)).astype(dtype), rng.integers(0, 3, 40).astype(np.int32), rng.uniform(size=40)


@pytest.fixture
def fingerprint(monkeypatch):
    """The fingerprint of data that are divided over processes as `parts`, slices of the rows, say."""

    def of(X, T, weight, parts=(slice(None),)):
        theirs = [[len(X[p]), *row_hashes.row_sums(X[p], T[p], None if weight is None else weight[p])] for p in parts]
        monkeypatch.setattr(row_hashes, "gather", lambda value: theirs)
        return joint_fingerprint(X[parts[0]], T[parts[0]], None if weight is None else weight[parts[0]], np.arange(3))

    return of


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_rows_in_any_order_divided_in_any_way_have_the_same_fingerprint(fingerprint, dtype, monkeypatch):
    X, T, weight = _data(dtype)
    whole = fingerprint(X, T, weight)
    assert whole["n"] == 40 and whole["m"] == 5
    monkeypatch.setattr(row_hashes, "BLOCK", 35)
    order = np.random.default_rng(1).permutation(40)
    parts = [slice(0, 1), slice(1, 25), slice(25, 40)]
    assert fingerprint(X[order], T[order], weight[order], parts) == whole
    assert fingerprint(X.T.copy().T, T, weight, parts[::-1]) == whole


def test_another_number_label_weight_or_pairing_has_another_fingerprint(fingerprint):
    X, T, weight = _data()
    whole = fingerprint(X, T, weight)

    def differing(*data):
        found = fingerprint(*data)
        return [name for name in whole if whole[name] != found[name]]

    other = X.copy()
    other[7, 3] = np.nextafter(X[7, 3], 2)
    assert differing(other, T, weight) == ["rows of X", "y", "sample_weight"]
    columns = X[:, [1, 0, 2, 3, 4]]
    assert differing(columns, T, weight)[0] == "rows of X"
    assert differing(X, T[::-1], weight) == ["y", "sample_weight"]
    assert differing(X, T, weight[::-1]) == ["sample_weight"]
    assert differing(X, T, None) == ["sample_weight"]
    soft = np.eye(3)[T]
    assert fingerprint(X, soft, None)["y"] != fingerprint(X, soft[:, ::-1], None)["y"]


def test_different_rows_of_zeros_and_ones_have_different_hashes():
    X = np.array([[i >> j & 1 for j in range(14)] for i in range(1 << 14)], np.float64)
    assert len({row_hashes.row_sums(X[i : i + 1], np.zeros(1), None)[0] for i in range(0, 1 << 14, 8)}) == 1 << 11
