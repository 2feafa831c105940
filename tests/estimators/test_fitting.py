"""What the estimators are given is checked once, and is handed on as it is."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.inputs import checks, samples


@pytest.fixture
def passes(monkeypatch):
    """How often X, y and the weights were checked."""
    counts = dict.fromkeys(("features", "targets", "weights"), 0)

    def counted(module, name):
        check = getattr(module, name)

        def counting(*args, **kwargs):
            counts[name] += 1
            return check(*args, **kwargs)

        monkeypatch.setattr(module, name, counting)

    counted(checks, "features")
    counted(samples, "targets")
    counted(samples, "weights")
    return counts


@pytest.mark.parametrize("model", [sj.SoftmaxRegression(), sj.SoftmaxRegressionCV(l2_values=[0.1, 0.01], cv=2)])
def test_the_input_is_checked_once(model, passes, rng):
    X, y, s = rng.standard_normal((40, 3)), np.arange(40) % 2, rng.uniform(1, 2, 40)
    model.fit(X, y, s)
    assert passes == {"features": 1, "targets": 1, "weights": 1}


def test_checked_samples_give_the_same_fit(rng):
    X, y, s = rng.standard_normal((40, 3)), np.arange(40) % 2, rng.uniform(1, 2, 40)
    checked = samples.samples(checks.features(X), y, s)
    of_samples, of_arrays = sj.fit(checked, None), sj.fit(X, y, sample_weight=s)
    np.testing.assert_array_equal(of_samples.params.W, of_arrays.params.W)
    folds = [sj.cross_validate(*data, [0.1], sample_weight=s, cv=2) for data in ((checked, None), (X, y))]
    np.testing.assert_array_equal(folds[0].params.W, folds[1].params.W)
    np.testing.assert_array_equal(folds[0].scores, folds[1].scores)
