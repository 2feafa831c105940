"""How a fit ended, in words that take no glossary."""

from __future__ import annotations

import math

import pytest

from softmax_jax.display.plain_words import MEANING, ended_words, gap_words


@pytest.mark.parametrize("status", sorted(MEANING))
def test_every_status_but_converged_is_explained(status):
    assert ended_words(status, 3, 5, "epochs") == f"{status} after 3 epochs (5 passes over the data): {MEANING[status]}"


def test_what_converged_needs_no_explanation():
    assert ended_words("converged", 6, 11) == "converged after 6 iterations (11 passes over the data)"


def test_a_gap_says_what_it_proves_and_where_there_is_none_why():
    assert gap_words(2e-7) == "2.0e-07: the cost is proven to be at most this far above the least possible"
    assert gap_words(math.inf) == gap_words(math.nan) == "none: l2 = 0 has no certificate"
