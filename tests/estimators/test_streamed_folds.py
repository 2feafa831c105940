"""Folds of rows that are read by blocks have the scores of the folds in memory."""

from __future__ import annotations

import numpy as np
import pytest
from streamed_cases import ROWS, Case

import softmax_jax as sj
from softmax_jax.data import open_rows
from softmax_jax.placement import budget

CASE = Case(np.float64)
STRENGTHS = [1e-1, 1e-3]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(budget, "streamed_rows", lambda *args: ROWS)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("folds") / "X.npy"
    np.save(path, CASE.X)
    return open_rows(path)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
def test_scores_and_objectives_are_those_in_memory(source, scoring):
    settings = {"cv": 2, "scoring": scoring, "sample_weight": CASE.weight, "tol": 1e-9}
    stored = sj.cross_validate(CASE.X, CASE.y, STRENGTHS, **settings)
    streamed = sj.cross_validate(source, CASE.y, STRENGTHS, **settings)
    assert streamed.status == [["converged"] * 2] * 2
    np.testing.assert_allclose(streamed.objective, stored.objective, atol=2e-9)
    np.testing.assert_allclose(streamed.scores, stored.scores, atol=1e-5)
    assert streamed.best == stored.best


def test_rows_held_out_may_come_in_any_order_and_twice(source):
    order = np.random.default_rng(0).permutation(len(CASE.y))
    splits = [(order[:150], np.r_[order[150:], order[150:160]]), (order[150:], order[:150])]
    stored = sj.cross_validate(CASE.X, CASE.y, STRENGTHS, cv=splits, tol=1e-9)
    streamed = sj.cross_validate(source, CASE.y, STRENGTHS, cv=splits, tol=1e-9)
    np.testing.assert_array_equal(streamed.scores, stored.scores)
