"""float64 is a matter of the data and of the moment, never of the process."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import TOLERANCE, make_case, relative_difference

import softmax_jax as sj
from softmax_jax.dtypes import compute_dtype, follows_dtype, scope
from softmax_jax.gradients import autodiff_gradient, closed_form_gradient


def _x64() -> bool:
    return bool(jax.config.read("jax_enable_x64"))


def test_the_scope_is_left_even_when_it_fails():
    def fails():
        with scope(np.float64):
            assert jnp.ones(1).dtype == np.float64
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert not _x64()
    with scope(np.float32):
        assert not _x64()


def test_numpy_float64_is_computed_in_float64_and_returned_as_numpy():
    double = follows_dtype(lambda x: jnp.asarray(x) * 2)
    result = double(np.array([1 + 1e-12]))
    assert isinstance(result, np.ndarray)
    assert result.dtype == np.float64
    assert result[0] == 2 * (1 + 1e-12)
    assert not _x64()


def test_jax_arrays_and_traced_values_are_left_alone():
    double = follows_dtype(lambda x: jnp.asarray(x) * 2)
    assert isinstance(double(jnp.ones(2)), jax.Array)
    assert float(jax.grad(lambda x: double(x).sum())(np.float32(3.0))) == 2.0


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [(["float16"], "float32"), (["int64", "float32"], "float32"), (["float32", "float64"], "float64")],
)
def test_sums_are_kept_in_float32_at_least(dtypes, expected):
    assert compute_dtype(*(np.ones(1, d) for d in dtypes)) == np.dtype(expected)


def test_float32_params_are_widened_to_float64_features():
    case = make_case(dtype="float64")
    params = jax.tree.map(lambda p: p.astype(np.float32), case.params)
    auto = autodiff_gradient(params, case.X, case.T, case.l2)
    closed = closed_form_gradient(params, case.X, case.T, case.l2)
    assert auto.W.dtype == closed.W.dtype == np.float64
    assert relative_difference(auto, closed) <= TOLERANCE["float64"]


def test_a_jax_array_of_float64_outside_of_x64_is_computed_in_it():
    X, T, params = np.ones((4, 2)), np.eye(2)[[0, 1, 0, 1]], sj.init_params(2, 2, seed=0, dtype=np.float64)
    with scope(np.float64):
        placed = jnp.asarray(X)  # as dlpack gives it of a tensor on a GPU
    found = sj.objective(params, placed, T.astype(np.float32), 0.1)
    assert found.dtype == np.float64 and found == sj.objective(params, X, T, 0.1)
