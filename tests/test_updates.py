"""The update step is the textbook's, in the dtype of the data, compiled once, and what gradient descent makes."""

from __future__ import annotations

import numpy as np
import optax
import pytest
from cases import DTYPES, TOLERANCE, make_case

import softmax_jax as sj
from softmax_jax.updates import gradient_step


@pytest.mark.parametrize("dtype", DTYPES)
def test_plain_descent_is_the_closed_form_gradient_times_eta(dtype):
    params, X, T, l2, weight = make_case(dtype=dtype, weighted=True)
    descent = optax.sgd(0.3)
    found = gradient_step(params, descent.init(params), X, T, l2, weight, optimiser=descent)
    gradient = sj.closed_form_gradient(params, X, T, l2, weight)
    for new, old, g in zip(found.params, params, gradient, strict=True):
        assert new.dtype == np.dtype(dtype)
        np.testing.assert_allclose(new, old - np.asarray(0.3, dtype) * g, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    np.testing.assert_allclose(found.loss, sj.objective(params, X, T, l2, weight), rtol=TOLERANCE[dtype])


def test_steps_on_all_rows_are_gradient_descent():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((16, 3)), np.arange(16) % 2
    descent = optax.sgd(0.5)
    params = sj.init_params(3, 2, seed=4, dtype=np.float64)
    state = descent.init(params)
    for _ in range(5):
        params, state, _ = gradient_step(params, state, X, sj.one_hot_encode(y), 0.1, optimiser=descent)
    fitted = sj.fit(X, y, l2=0.1, solver=sj.SGD(0.5, 5), seed=4)
    np.testing.assert_allclose(params.W, fitted.params.W, rtol=1e-12)
    np.testing.assert_allclose(params.b, fitted.params.b, rtol=1e-12, atol=1e-15)


def test_another_optimiser_keeps_its_state_and_other_numbers_compile_nothing():
    params, X, T, l2, _ = make_case(dtype="float32")
    adam = optax.adam(0.1)
    state, losses = adam.init(params), []
    for step in range(20):
        params, state, loss = gradient_step(params, state, X, T, l2 * (1 + step / 100), optimiser=adam)
        losses.append(float(loss))
        if step == 1:
            compiled = gradient_step.__wrapped__._cache_size()
    assert losses[-1] < losses[0]
    assert gradient_step.__wrapped__._cache_size() == compiled
