"""Columns that differ in spread are found from a sample, in any layout; constant ones and rounding are not."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp

from softmax_jax.data import open_rows
from softmax_jax.display.user_warnings import SpreadWarning
from softmax_jax.fitting.single import fit
from softmax_jax.fitting.spread import spread_message
from softmax_jax.model_selection.path import fit_path

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3000, 5)) * [1, 2, 3, 4, 2e3]


@pytest.mark.parametrize("of", [np.asarray, np.float32, jnp.asarray, sp.csr_matrix], ids=["f64", "f32", "jax", "csr"])
def test_the_factor_and_the_cure_are_named(of):
    words = spread_message(of(X))
    deviations = X[::3].std(axis=0)
    assert f"factor of {deviations.max() / deviations.min():.1e}" in words
    assert "standardise=True" in words and "StandardScaler" in words


@pytest.mark.parametrize("columns", [[0, 1, 2, 3], [4]], ids=["alike", "one column"])
def test_columns_that_are_alike_are_not_spoken_of(columns):
    assert spread_message(X[:, columns]) == ""


def test_constant_columns_do_not_count():
    assert spread_message(np.c_[X[:, :4], np.full(3000, 7.1), np.zeros(3000)]) == ""
    rounding = 1e6 + 1e-10 * RNG.standard_normal(3000)
    assert spread_message(np.c_[X[:, :4], rounding]) == ""


def test_a_few_rows_tell_nothing():
    assert spread_message(X[:9]) == "" != spread_message(X[:10])


def test_an_offset_is_no_spread():
    assert spread_message(X[:, :4] + [0, 1e7, 0, 0]) == ""


@pytest.mark.parametrize("of", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_numbers_whose_squares_are_beyond_float64_are_measured_as_others(of, scale):
    found = spread_message(of(X * scale))
    assert found.split("(")[0] == spread_message(of(X)).split("(")[0]
    assert spread_message(of(X[:, :4] * scale)) == ""


@pytest.mark.parametrize("fitted", [lambda X, y: fit(X, y, l2=0.1), lambda X, y: fit_path(X, y, [0.1])])
def test_rows_that_are_read_by_blocks_are_spoken_of_from_their_first_pass(fitted, tmp_path):
    y = np.arange(60) % 3
    for name, rows in (("far", X[:60] + 1e4), ("alike", X[:60] / X.std(axis=0))):
        np.save(tmp_path / f"{name}.npy", rows)
    with pytest.warns(SpreadWarning) as told:
        fitted(open_rows(tmp_path / "far.npy"), y)
    deviations = X[:60].std(axis=0)
    assert f"factor of {deviations.max() / deviations.min():.1e}" in str(told[0].message)
    fitted(open_rows(tmp_path / "alike.npy"), y)  # warnings are errors here


def test_constant_columns_of_a_source_do_not_count(tmp_path):
    np.save(tmp_path / "x.npy", np.c_[X[:60, :4], np.full(60, 7.1), np.zeros(60)])
    assert fit(open_rows(tmp_path / "x.npy"), np.arange(60) % 3, l2=0.1).status == "converged"
