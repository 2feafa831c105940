"""A rival runs on one BLAS thread and on all, and the faster counts."""

from __future__ import annotations

import pytest

from softmax_jax.runs import blas_threads
from softmax_jax.runs.blas_threads import fastest, in_words, ways


def test_the_faster_way_counts_and_both_are_told(monkeypatch):
    monkeypatch.setattr(blas_threads, "ways", lambda: (1, None))
    results = iter([(0.03, "one"), (3.0, "all")])
    assert fastest(lambda: next(results)) == (0.03, "one", 1, {"1 BLAS thread": 0.03, "all BLAS threads": 3.0})


@pytest.mark.parametrize(("most", "expected"), [(1, (1,)), (8, (1, None))])
def test_where_blas_has_one_thread_there_is_one_way(monkeypatch, most, expected):
    pools = [{"user_api": "blas", "num_threads": most}, {"user_api": "openmp", "num_threads": 64}]
    monkeypatch.setattr(blas_threads, "threadpool_info", lambda: pools)
    assert ways() == expected
    assert in_words(2) == "2 BLAS threads"
