"""With one process there is nothing to gather; errors keep their words. Several: see distributed/test_fitting.py."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.distributed import agreement
from softmax_jax.distributed.fitting import fit_distributed
from softmax_jax.solvers import SGD


def test_alone_a_process_gathers_what_it_gives():
    value = {"l2": 1e-3, "classes": ["a", 2, None, 0.1]}
    assert agreement.gather(value) == [value]


def test_together_returns_the_result_or_names_process_kind_and_words_of_the_failure():
    assert agreement.together(lambda: 7) == 7
    with pytest.raises(ValueError, match="^process 0: ZeroDivisionError: division by zero$") as caught:
        agreement.together(lambda: 1 / 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_processes_that_differ_are_named_with_what_they_have(monkeypatch):
    everyone = [{"number_of_features": m} for m in (5, 5, 6, 7, 8, 9, 10)]
    monkeypatch.setattr(agreement, "gather", lambda value: everyone)
    with pytest.raises(ValueError, match="must agree on number of features") as caught:
        agreement.agree(number_of_features=5)
    words = "5 on process 0, 6 on process 2, 7 on process 3, 8 on process 4 and 2 more."
    assert str(caught.value).endswith(words)
    monkeypatch.setattr(agreement, "gather", lambda value: [value] * 3)
    assert agreement.agree(number_of_features=5) is None


def test_of_many_failures_the_first_are_shown(monkeypatch):
    monkeypatch.setattr(agreement, "gather", lambda value: ["", *["OSError: gone"] * 9])
    with pytest.raises(ValueError, match="^process 1: OSError: gone; process 2: .*; and 5 more$"):
        agreement.together(lambda: None)


def test_what_is_no_solver_is_refused_in_the_words_of_fit():
    X, y = np.zeros((4, 1)), np.arange(4) % 2
    with pytest.raises(ValueError, match="solver must be None, LBFGS, NewtonCG, Newton or SGD, got 'adam'"):
        fit_distributed(X, y, solver="adam")
    with pytest.raises(ValueError, match="one device; give an exact solver"):
        fit_distributed(X, y, solver=SGD())
