"""A line of facts about many fits, however many there are."""

from __future__ import annotations

import numpy as np

from softmax_jax.model import Params
from softmax_jax.model_selection.many import ManyResult


def test_a_thousand_problems_are_one_line_with_their_worst_gap():
    params = Params(np.zeros((1000, 5, 3), np.float32), np.zeros((1000, 3), np.float32))
    gaps = np.append(np.full(999, 1e-8), 2e-4)
    numbers = np.zeros(1000)
    many = ManyResult(params, np.arange(3), numbers, gaps, ["converged"] * 999 + ["max_iter"], numbers, numbers)
    expected = "ManyResult(status=999 converged, 1 max_iter; worst gap=2.0e-04, W=(1000, 5, 3) float32)"
    assert repr(many) == expected
    assert "worst gap=inf" in repr(many._replace(duality_gap=np.full(1000, np.inf)))
