"""The report tells agreement from disagreement, and prints as a table."""

from __future__ import annotations

import numpy as np
import pytest
from cases import DTYPES, TOLERANCE, make_case

from softmax_jax import gradient_check
from softmax_jax.gradient_check import compare_gradients


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_three_gradients_agree(dtype):
    report = compare_gradients(*make_case(dtype=dtype, soft=True, weighted=True))
    for part in report.autodiff_closed_form:
        assert part.relative <= TOLERANCE[dtype]
    for part in (*report.autodiff_finite, *report.closed_form_finite):
        assert part.relative <= max(1e-8, TOLERANCE[dtype])
    assert report.dtype == dtype
    assert report.n_checked == report.n_coordinates == 6 * 3


def test_float64_weights_do_not_widen_a_float32_comparison():
    case = make_case(dtype="float32", weighted=True)
    report = compare_gradients(*case[:4], case.sample_weight.astype(np.float64))
    assert report.dtype == "float32"
    assert report.autodiff_finite.W.absolute > 1e-10  # the rounding of float32, not of float64


def test_a_wrong_gradient_is_found(monkeypatch):
    def wrong(*arguments):
        automatic, closed = right(*arguments)
        return automatic, closed._replace(b=closed.b + 0.01)

    right = gradient_check.both_gradients
    monkeypatch.setattr(gradient_check, "both_gradients", wrong)
    report = compare_gradients(*make_case())
    assert report.autodiff_closed_form.b.absolute == pytest.approx(0.01)
    assert report.closed_form_finite.b.absolute == pytest.approx(0.01, rel=1e-4)
    assert report.autodiff_finite.b.absolute < 1e-8


def test_many_parameters_are_sampled_the_same_way_every_time():
    case = make_case(n=10, m=60, k=10)
    first, second = compare_gradients(*case), compare_gradients(*case)
    assert first == second
    assert 2 < first.n_checked <= 256 < first.n_coordinates == 610


def test_the_report_is_a_table():
    words = str(compare_gradients(*make_case()))
    for word in ("float64", "cpu", "autodiff - closed form", "finite differences", "absolute", "relative"):
        assert word in words
    assert len({len(line) for line in words.splitlines()[2:5]}) == 1


def test_no_gradient_at_all_is_no_difference():
    case = make_case(k=1, l2=0.0)
    report = compare_gradients(*case)
    assert report.autodiff_closed_form.W == (0.0, 0.0)
    assert np.isfinite(report.autodiff_finite.W.relative)
