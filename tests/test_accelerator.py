"""On a GPU or TPU: products at the stated precision, the optimum of the CPU, the same bits each time."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.model import Params

N, M, K = 4096, 256, 32
CLOSE = 2e-6  # of the largest entry of a gradient in float32; TF32 or bfloat16 products are off by 1e-3


def _accelerators():
    """Looked up by a test: a conftest may come later than the import of this file."""
    found = [device for device in jax.devices() if device.platform != "cpu"]
    return found or pytest.skip("no GPU or TPU among jax.devices()")


def _data(dtype=np.float32):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, M)).astype(dtype)
    return X, np.argmax(X[:, :K].astype(float) + rng.gumbel(size=(N, K)), axis=1)


@pytest.mark.gpu
@pytest.mark.parametrize("gradient", [sj.closed_form_gradient, sj.autodiff_gradient])
def test_a_gradient_is_good_to_float32_and_not_to_tf32(gradient):
    device = _accelerators()[0]
    X, y = _data()
    W = np.random.default_rng(1).standard_normal((M, K)).astype(np.float32) / 16
    T = np.eye(K, dtype=np.float32)[y]
    Z = X.astype(np.float64) @ W
    O = np.exp(Z - Z.max(axis=1, keepdims=True))
    O /= O.sum(axis=1, keepdims=True)
    truth = X.astype(np.float64).T @ (O - T) / N + 1e-3 * W
    placed = jax.device_put((Params(W, np.zeros(K, np.float32)), X, T), device)
    found = np.asarray(gradient(*placed, 1e-3).W)
    assert np.abs(found - truth).max() <= CLOSE * np.abs(truth).max()


@pytest.mark.gpu
@pytest.mark.parametrize("solver", [sj.LBFGS(), sj.NewtonCG()], ids=lambda s: type(s).__name__)
def test_a_solver_finds_the_optimum_that_the_cpu_finds(solver):
    device = _accelerators()[0]
    X, y = _data()
    there = sj.fit(X, y, l2=1e-3, solver=solver, tol=1e-8, devices=device)
    here = sj.fit(X, y, l2=1e-3, solver=solver, tol=1e-8, devices=jax.devices("cpu")[0])
    assert there.status == here.status == "converged"
    assert abs(there.objective - here.objective) <= 1e-8
    distance = np.linalg.norm(there.params.W - here.params.W)
    assert distance <= np.sqrt(2 * there.duality_gap / 1e-3) + np.sqrt(2 * here.duality_gap / 1e-3)


@pytest.mark.gpu
def test_two_runs_give_the_same_bits():
    device = _accelerators()[0]
    X, y = _data()
    first, second = (sj.fit(X, y, l2=1e-3, solver=sj.LBFGS(), devices=device) for _ in range(2))
    np.testing.assert_array_equal(first.params.W, second.params.W)
    np.testing.assert_array_equal(first.history, second.history)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_storage_is_fitted_to_a_certified_gap(dtype):
    device = _accelerators()[0]
    X, y = _data(jax.numpy.dtype(dtype))
    result = sj.fit(X, y, l2=1e-3, solver=sj.LBFGS(), tol=1e-6, devices=device)
    assert result.status == "converged" and result.duality_gap <= 1e-6
    assert result.params.W.dtype == np.float32


@pytest.mark.gpu
def test_all_accelerators_give_the_fit_of_one():
    devices = _accelerators()
    X, y = _data()
    one, several = (sj.fit(X, y, l2=1e-3, solver=sj.LBFGS(), devices=d) for d in (devices[0], devices))
    assert several.status == "converged"
    assert abs(several.objective - one.objective) <= 1e-6


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_a_tensor_of_torch_on_a_gpu_is_fitted_as_its_array_on_the_host(dtype):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available() or not _accelerators():
        pytest.skip("torch sees no GPU")
    X, y = _data()
    tensor = torch.from_numpy(X).to(getattr(torch, dtype))
    there = sj.fit(tensor.cuda().requires_grad_(), torch.from_numpy(y).cuda(), l2=1e-3)
    here = sj.fit(tensor, y, l2=1e-3)
    assert there.status == here.status == "converged"
    assert abs(there.objective - here.objective) <= 1e-6
