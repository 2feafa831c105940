"""Fingerprints are equal where data and settings are, in any process, and differ where they differ."""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.sparse as sp

from softmax_jax.solvers import LBFGS, SGD
from softmax_jax.storage.fingerprints import SAMPLED_ROWS, data_fingerprint, described, digest, record_settings

X = np.random.default_rng(0).standard_normal((1000, 3))
Y = np.arange(1000, dtype=np.int32) % 2
CLASSES = np.array(["a", "b"])


def changed(array, *index):
    array = array.copy()
    array[index] += 1
    return array


DIFFERENT = {
    "first row": ((changed(X, 0, 2), Y, None, CLASSES), {"sampled rows of X"}),
    "last row": ((changed(X, 999, 0), Y, None, CLASSES), {"sampled rows of X"}),
    "dtype": ((X.astype(np.float32), Y, None, CLASSES), {"dtype of X", "sampled rows of X"}),
    "sparse": ((sp.csr_array(X), Y, None, CLASSES), {"layout of X", "sampled rows of X"}),
    "one label": ((X, changed(Y, 501), None, CLASSES), {"y"}),
    "names": ((X, Y, None, np.array(["a", "c"])), {"classes"}),
    "weights": ((X, Y, np.ones(1000), CLASSES), {"sample_weight"}),
    "rows": ((X[:999], Y[:999], None, CLASSES), {"n", "sampled rows of X", "y"}),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_is_named_and_nothing_else(name):
    arguments, expected = DIFFERENT[name]
    first, second = data_fingerprint(X, Y, None, CLASSES), data_fingerprint(*arguments)
    assert {key for key in first if first[key] != second[key]} == expected


def test_the_same_numbers_elsewhere_have_the_same_fingerprint(tmp_path):
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = data_fingerprint(X.astype(np.float32), Y, None, CLASSES)
    for other in (mapped, jnp.asarray(X, jnp.float32), np.asfortranarray(X.astype(np.float32))):
        assert data_fingerprint(other, Y, None, CLASSES) == expected


def test_few_rows_are_read():
    class Rows:
        shape, dtype = (10**9, 2), np.dtype(np.float32)
        read = 0

        def __getitem__(self, rows):
            assert rows[0] == 0
            assert rows[-1] == 10**9 - 1
            self.read += len(rows)
            return np.zeros((len(rows), 2), np.float32)

    source = Rows()
    assert data_fingerprint(source, Y, None, CLASSES)["n"] == 10**9
    assert source.read == SAMPLED_ROWS


def test_what_is_only_read_in_order_has_the_fingerprint_of_the_array():
    class Source:
        def __init__(self, X):
            self.X, self.shape, self.dtype = X, X.shape, X.dtype

        @contextlib.contextmanager
        def reader(self, rows):
            self.next = 0

            def fill(out):
                out[:] = self.X[self.next : self.next + len(out)]
                self.next += len(out)

            yield fill
            assert self.next == len(self.X)

    long = np.random.default_rng(0).standard_normal((10_000, 2))
    assert data_fingerprint(Source(long), Y, None, CLASSES) == data_fingerprint(long, Y, None, CLASSES)


def test_a_digest_sees_dtype_shape_and_sign_of_zero():
    arrays = [np.zeros(4), np.zeros((2, 2)), -np.zeros(4), np.zeros(4, np.int64), np.zeros(5), np.array(0.0)]
    assert len({digest(a) for a in arrays}) == len(arrays)


def test_a_record_is_told_by_its_fields():
    assert record_settings("solver", LBFGS(memory=3)) == {
        "solver": "LBFGS",
        "solver.memory": 3,
        "solver.gradient": "closed_form",
        "solver.precision": "auto",
    }
    assert "solver.epochs" not in record_settings("solver", SGD(), leave_out=("epochs",))


OPTIMISERS = {
    "adam": lambda: optax.adam(1e-3),
    "another rate": lambda: optax.adam(1e-2),
    "another decay": lambda: optax.adam(1e-3, b1=0.8),
    "momentum": lambda: optax.sgd(1e-3, momentum=0.9),
    "schedule": lambda: optax.sgd(optax.cosine_decay_schedule(0.1, 100)),
    "longer schedule": lambda: optax.sgd(optax.cosine_decay_schedule(0.1, 200)),
    "chain": lambda: optax.chain(optax.clip(1.0), optax.sgd(0.1)),
    "injected": lambda: optax.inject_hyperparams(optax.adam)(learning_rate=0.1),
    "injected with another": lambda: optax.inject_hyperparams(optax.adam)(learning_rate=0.2),
}


def descriptions():
    return {name: digest(np.array(json.dumps(described(make())))) for name, make in OPTIMISERS.items()}


def test_optimisers_are_told_apart_by_what_their_functions_enclose():
    assert len(set(descriptions().values())) == len(OPTIMISERS)


def test_a_description_is_the_same_in_another_process():
    code = "import json, test_fingerprints as t; print(json.dumps(t.descriptions()))"
    paths = [str(Path(__file__).parent), *(p for p in sys.path if p)]
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {code}"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == descriptions()


def test_other_values_are_described_by_their_kind():
    values = {"a": (1, None, True, np.float32(0.5)), "b": functools.partial(max, 1), "c": object(), "d": np.int64}
    assert described(values) == [
        ["tuple", "a", ["tuple", 1, None, True, 0.5]],
        ["tuple", "b", ["partial", "max", ["tuple", 1], []]],
        ["tuple", "c", "object"],
        ["tuple", "d", "int64"],
    ]


def test_a_function_that_encloses_itself_is_described():
    def recursive(n):
        return recursive(n - 1) if n else 0

    assert json.dumps(described(recursive)).count("recursive") > 1
