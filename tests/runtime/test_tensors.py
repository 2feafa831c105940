"""Tensors of torch are read as arrays wherever arrays are taken, in their own dtype and on the CPU in their memory."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.runtime.tensors import plain_tensor, through_dlpack

torch = pytest.importorskip("torch", reason="torch is 750 MB and takes a minute to install")

X = np.random.default_rng(0).standard_normal((60, 4))
Y = np.arange(60) % 3
L2 = 0.01


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int32", "uint8", "bool"])
def test_a_tensor_is_read_in_its_memory(dtype):
    tensor = torch.from_numpy((10 * X).astype(dtype))
    array = plain_tensor(tensor)
    assert isinstance(array, np.ndarray) and array.dtype == dtype and array.ctypes.data == tensor.data_ptr()


def test_bfloat16_is_read_by_its_bits():
    tensor = torch.from_numpy(X).to(torch.bfloat16)
    array = plain_tensor(tensor)
    assert array.dtype.name == "bfloat16" and array.ctypes.data == tensor.data_ptr()
    np.testing.assert_array_equal(array.astype(np.float64), tensor.double().numpy())
    np.testing.assert_array_equal(plain_tensor(tensor.T).astype(np.float64), tensor.double().numpy().T)


def test_anything_else_is_returned_as_it_is():
    for other in (X, [1, 2], None, "text", torch):
        assert plain_tensor(other) is other


@pytest.mark.parametrize(
    "make", [lambda t: t.clone().requires_grad_(), torch.nn.Parameter, lambda t: t.T.contiguous().T]
)
def test_a_fit_is_that_of_the_same_array(make):
    expected = sj.fit(X, Y, l2=L2)
    found = sj.fit(make(torch.from_numpy(X)), torch.from_numpy(Y), l2=L2)
    np.testing.assert_array_equal(found.params.W, expected.params.W)
    assert found.classes.tolist() == [0, 1, 2]


def test_estimators_take_tensors_and_return_numpy():
    tensor, labels = torch.from_numpy(X).float(), torch.from_numpy(Y)
    model = sj.SoftmaxRegression(l2=L2).fit(tensor, labels, sample_weight=torch.ones(60))
    assert type(model.predict_proba(tensor)) is np.ndarray and model.coef_.dtype == np.float32
    assert model.score(tensor, labels) == model.score(X.astype(np.float32), Y)


def test_soft_targets_may_require_a_gradient():
    T = torch.nn.functional.one_hot(torch.from_numpy(Y)).double().requires_grad_()
    assert sj.fit(X, T, l2=L2).duality_gap < 1e-6


def test_pure_functions_compute_in_float64_where_the_tensor_is():
    params, T = sj.init_params(4, 3, seed=0, dtype=np.float64), sj.one_hot_encode(Y)
    expected = sj.objective(params, X, T, L2)
    assert float(sj.objective(params, torch.from_numpy(X).requires_grad_(), T, L2)) == float(expected)
    gradient = sj.closed_form_gradient(params, torch.from_numpy(X), T, L2)
    assert gradient.W.dtype == np.float64


def test_what_goes_to_jax_by_dlpack_is_not_narrowed():
    labels = torch.tensor([2**40 + 1, 7])
    for tensor in (torch.from_numpy(X), labels, torch.from_numpy(X).to(torch.bfloat16)):
        array = through_dlpack(tensor)
        assert isinstance(array, jax.Array) and array.dtype.name == str(tensor.dtype).removeprefix("torch.")
    assert np.asarray(through_dlpack(labels)).tolist() == [2**40 + 1, 7]
    found = sj.fit(through_dlpack(torch.from_numpy(X)), Y, l2=L2)
    np.testing.assert_allclose(found.params.W, sj.fit(X, Y, l2=L2).params.W, rtol=0, atol=1e-7)


def test_what_dlpack_cannot_do_is_copied_to_the_host(monkeypatch):
    def fail(*_):
        raise RuntimeError("no such device")

    monkeypatch.setattr(jax.dlpack, "from_dlpack", fail)
    assert type(through_dlpack(torch.from_numpy(X))) is np.ndarray


def test_sparse_tensors_are_refused_with_a_remedy():
    with pytest.raises(TypeError, match=r"X is a sparse_coo tensor of torch.*to_dense\(\)"):
        sj.fit(torch.from_numpy(X).to_sparse(), Y, l2=L2)
