"""The benchmark: one judge for all, honest about who did not get there."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.data import load_named
from softmax_jax.gradients import closed_form_gradient
from softmax_jax.runs import benchmark as module
from softmax_jax.runs import blas_threads
from softmax_jax.runs.benchmark import Entry, Race, Run, compare, race_ratio
from softmax_jax.runs.load import Load


@pytest.fixture
def few(monkeypatch):
    """Two contestants; what the caller has compiled is left alone."""
    monkeypatch.setattr(module, "_OURS", {"auto": None})
    monkeypatch.setattr(module, "_THEIRS", ("lbfgs",))
    monkeypatch.setattr("jax.clear_caches", lambda: pytest.fail("the caller's compilation cache was cleared"))


def test_both_libraries_reach_the_same_optimum(few):
    iris = load_named("iris")
    seen = []
    found = compare(iris.X, iris.y, l2=1e-2, gap=1e-7, limit_s=20, watch=seen.append)
    assert [entry.name for entry in found.entries] == ["softmax_jax auto", "scikit-learn lbfgs"]
    assert seen[1] == "softmax_jax auto"
    assert set(seen[2:-2]) == {f"scikit-learn lbfgs, {blas_threads.in_words(way)}" for way in blas_threads.ways()}
    assert len(found.slower) == len(blas_threads.ways()) - 1
    assert all(entry.wall_s >= found.entries[1].wall_s for entry in found.slower if entry.wall_s is not None)
    for entry in found.entries:
        assert entry.wall_s is not None, entry.note
        assert min(run.gap for run in entry.runs) <= 1e-7
        assert entry.first_s > 0
        assert entry.runs[0].gap > 1e-7  # one iteration is not enough
        reached = [run.max_iter for run in entry.runs if run.gap <= 1e-7]
        missed = [run.max_iter for run in entry.runs if run.gap > 1e-7]
        assert max(missed) < min(reached)
    assert found.defaults["softmax_jax"].gap <= 1e-6
    assert found.defaults["scikit-learn"].gap >= 0


def test_scikit_learns_binary_model_is_the_same_problem():
    iris = load_named("iris")
    X, y = iris.X[50:], (iris.y[50:] == "virginica").astype(int)
    params, n_iter = module._scikit_learn(X, y, 1e-2, 2, tol=1e-10, max_iter=1000)
    gradient = closed_form_gradient(module._two_columns(params), X, np.eye(2)[y], 1e-2)
    assert n_iter > 1
    assert max(np.abs(g).max() for g in gradient) < 1e-6


def test_who_does_not_get_there_in_time_is_told_with_its_gap(few, monkeypatch):
    iris = load_named("iris")
    found = compare(iris.X, iris.y, l2=1e-2, gap=1e-7, limit_s=1e-9)
    for entry in found.entries:
        assert entry.wall_s is None
        assert len(entry.runs) == 1
        assert "a gap of" in entry.note
    monkeypatch.setattr(module, "DENSE_UNKNOWNS", 5)
    monkeypatch.setattr(module, "_THEIRS", ("newton-cholesky",))
    skipped = compare(iris.X, iris.y, l2=1e-2, gap=1e-7, limit_s=1e-9).entries[1]
    assert (skipped.runs, skipped.note) == ([], "not run: a dense Hessian of 15 unknowns")


def entry(name: str, wall_s: float | None, others: float) -> Entry:
    return Entry(name, 0.1, [Run(1, wall_s or 1.0, 0.0)], wall_s, "", "1 BLAS thread", Load(others, 1.0, 2, ""))


def test_the_ratio_is_of_the_fastest_rival_and_of_an_idle_machine():
    idle, busy = Load(0.02, 9.0, 2, ""), Load(0.5, 9.0, 2, "")
    ours = entry("softmax_jax auto", 0.02, 0.0)
    theirs = [entry("scikit-learn lbfgs", 0.05, 0.0), entry("scikit-learn newton-cg", 0.03, 0.0)]
    name, found = race_ratio(Race([ours, *theirs], {}, 0.0, [], idle))
    assert (name, found) == ("scikit-learn newton-cg (1 BLAS thread)", (pytest.approx(1.5), ""))
    assert race_ratio(Race([ours, *theirs], {}, 0.0, [], busy))[1].value is None
    while_it_ran = [ours, theirs[0], entry("scikit-learn newton-cg", 0.03, 0.5)]
    assert "busy" in race_ratio(Race(while_it_ran, {}, 0.0, [], idle))[1].why
    assert race_ratio(Race([ours], {}, 0.0, [], idle)) == ("", (None, "scikit-learn did not get there"))


def test_what_warms_up_is_outside_the_clock(few, monkeypatch):
    waits = []
    monkeypatch.setattr(module, "_warm_up", lambda *arguments: waits.append(arguments[-1]))
    iris = load_named("iris")
    found = compare(iris.X, iris.y, l2=1e-2, gap=1e-7, limit_s=7.0)
    assert waits == [7.0]
    assert found.entries[0].wall_s is not None


@pytest.mark.parametrize("wrong", [{"l2": 0.0}, {"l2": 1.0, "gap": 0.0}, {"l2": 1.0, "limit_s": float("nan")}])
def test_what_has_no_judge_or_no_end_is_refused(wrong):
    with pytest.raises(ValueError, match="must be above 0"):
        compare(np.eye(3), np.arange(3), **wrong)
