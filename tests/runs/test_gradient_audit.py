"""The verdict on the gradient: right ones pass on every device and dtype, wrong ones do not."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from softmax_jax import gradient_check
from softmax_jax.data import load_named
from softmax_jax.runs.gradient_audit import audit, devices_at_hand

IRIS = load_named("iris")
WEIGHTS = np.arange(150) % 3 + 1.0


@pytest.fixture(scope="module")
def findings():
    return audit(IRIS.X, IRIS.y, l2=1e-3, sample_weight=WEIGHTS)


def test_right_gradients_pass_at_both_points_in_both_dtypes(findings):
    assert [(f.report.dtype, f.point) for f in findings] == [
        (dtype, point) for dtype in ("float32", "float64") for point in ("start", "optimum")
    ]
    for finding in findings:
        assert finding.passed
        assert 0 < finding.worst <= 1
    assert findings[3].report.magnitude.W < 1e-3 < findings[2].report.magnitude.W  # an optimum, and none


def test_what_is_allowed_is_far_below_the_gradient_itself(findings):
    start = findings[2]  # float64
    assert start.exact.W < 1e-10 * start.report.magnitude.W
    assert start.finite.W < 1e-5 * start.report.magnitude.W


def with_closed_form(change):
    """`both_gradients`, the closed form changed."""
    right = gradient_check.both_gradients

    def wrong(*arguments):
        automatic, closed = right(*arguments)
        return automatic, change(closed)

    return wrong


def test_a_gradient_that_is_a_little_wrong_fails(monkeypatch):
    wrong = with_closed_form(lambda closed: closed._replace(W=closed.W * 1.0001))
    monkeypatch.setattr(gradient_check, "both_gradients", wrong)
    found = audit(IRIS.X, IRIS.y, l2=1e-3, sample_weight=WEIGHTS)
    assert [f.passed for f in found if f.point == "start"] == [False, False]


def test_a_gradient_that_is_not_a_number_fails(monkeypatch):
    wrong = with_closed_form(lambda closed: closed._replace(b=closed.b * np.nan))
    monkeypatch.setattr(gradient_check, "both_gradients", wrong)
    found = audit(IRIS.X, IRIS.y, l2=1e-3, sample_weight=WEIGHTS)
    assert not any(f.passed for f in found)


def test_cpu_devices_of_one_machine_are_one():
    assert len(jax.local_devices()) == 8
    assert [device.platform for device in devices_at_hand()] == ["cpu"]
