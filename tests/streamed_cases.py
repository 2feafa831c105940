"""A small problem whose rows are read by blocks of `ROWS`."""

from __future__ import annotations

import contextlib

import numpy as np

from softmax_jax.data.rows.iterable import rows_of_array
from softmax_jax.model import Params

N, M, K, ROWS = 300, 4, 3, 64


class Counting:
    """A source that counts the rows that are read from it."""

    def __init__(self, X):
        self.inner, self.shape, self.dtype, self.read = rows_of_array(X), X.shape, X.dtype, 0

    @contextlib.contextmanager
    def reader(self, rows):
        with self.inner.reader(rows) as fill:

            def counted(out):
                self.read += len(out)
                fill(out)

            yield counted

    def place(self, row):
        return f"row {row}"


class Case:
    def __init__(self, dtype=np.float32):
        rng = np.random.default_rng(0)
        self.X = rng.standard_normal((N, M)).astype(dtype)
        Z = 2 * self.X @ rng.standard_normal((M, K))
        self.y = np.argmax(Z + rng.gumbel(size=Z.shape), axis=1).astype(np.int32)
        self.T, self.weight = rng.dirichlet(np.ones(K), N), rng.uniform(0, 1, N)
        self.params = Params(*(rng.standard_normal(s).astype(dtype) for s in ((M, K), (K,))))
