"""fit, fit_path and cross_validate alike warn of what did not converge and of columns that differ in spread."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.data.rows.iterable import rows_of_array
from softmax_jax.display.user_warnings import NotConvergedWarning, SpreadWarning
from softmax_jax.fitting.warned import unconverged_message
from softmax_jax.inputs.samples import samples

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
Y = RNG.integers(0, 2, 60)
CALLS = {
    "fit": lambda X, **settings: sj.fit(X, Y, l2=1e-2, **settings),
    "fit_path": lambda X, **settings: sj.fit_path(X, Y, [1e-2, 1e-3], **settings),
    "cross_validate": lambda X, **settings: sj.cross_validate(X, Y, [1e-2, 1e-3], cv=2, **settings),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_did_not_converge_is_warned_of_with_the_cure(name):
    with pytest.warns(NotConvergedWarning, match=r"(?i)raise max_iter.*standardise|raise max_iter.*scale") as told:
        CALLS[name](X, max_iter=1, tol=1e-12)
    assert told[0].filename == __file__


@pytest.mark.parametrize("name", CALLS)
def test_columns_that_differ_in_spread_are_warned_of(name):
    with pytest.warns(SpreadWarning, match="differ in spread by a factor of"):
        CALLS[name](X * [1, 1, 1, 1e4])


@pytest.mark.parametrize("name", CALLS)
def test_ordinary_data_are_not_warned_of(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CALLS[name](X)


STREAMED = CALLS | {
    "along l1": lambda X: sj.cross_validate(X, Y, l1_values=[1e-1], cv=2),
    "linear_probe": lambda X: sj.linear_probe(X, Y, l2_values=[1e-2], standardise=False),
    "normalised": lambda X: sj.linear_probe(X, Y, l2_values=[1e-2], standardise=False, normalise=True, folds=2),
}


@pytest.mark.parametrize("name", STREAMED)
def test_columns_of_rows_that_are_read_by_blocks_are_warned_of_too(name):
    with pytest.warns(SpreadWarning, match="differ in spread by a factor of"):
        STREAMED[name](rows_of_array(X * [1, 1, 1, 1e4]))
    STREAMED[name](rows_of_array(X))  # warnings are errors here


def test_what_was_asked_for_is_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sj.fit(X, Y, l2=1e-2, max_iter=0)
        sj.fit(X, Y, l2=1e-2, solver=sj.SGD(eta=0.1, epochs=2))
        sj.fit(X, Y, l2=1e-2, tol=1e-14, callback=lambda progress: True)
        sj.fit(samples(X * [1, 1, 1, 1e4], Y, None), None, l2=1e-2, max_iter=1)  # whoever gives these tells


def test_the_message_counts_kinds_and_is_silent_for_others():
    words = unconverged_message(["converged", "max_iter", "max_iter", "nonfinite", "dropped"], tol=1e-6, max_iter=7)
    assert words.startswith("3 of 5 fits did not converge (2 max_iter, 1 nonfinite)") and "max_iter=7" in words
    assert "max_iter" not in unconverged_message(["precision_floor"], tol=1e-6, max_iter=7)
    assert unconverged_message(["converged", "dropped", "interrupted"], tol=1e-6, max_iter=7) == ""
