"""Autodiff equals the closed form equals plain NumPy, in both transposes, on one device and on eight."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from cases import DTYPES, SHAPES, TOLERANCE, make_case, reference_gradient, reference_hvp, relative_difference
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from softmax_jax.gradients import autodiff_gradient, autodiff_hvp, closed_form_gradient, closed_form_hvp
from softmax_jax.model import Params, net_input, softmax

GRADIENTS = [autodiff_gradient, closed_form_gradient]
PRODUCTS = [autodiff_hvp, closed_form_hvp]


def compiled(function, *args):
    """`function` of NumPy arrays, in their dtype, as one program: a shape would compile dozens for its operations."""
    with jax.enable_x64(args[1].dtype == np.float64):
        return jax.tree.map(np.asarray, jax.jit(function)(*args))


@pytest.mark.optimised
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SHAPES)
def test_autodiff_equals_the_closed_form_equals_the_reference(name, dtype):
    case = make_case(dtype=dtype, **SHAPES[name])
    automatic, closed = (compiled(gradient, *case) for gradient in GRADIENTS)
    assert closed.W.dtype == dtype
    assert relative_difference(automatic, closed) <= TOLERANCE[dtype]
    assert relative_difference(closed, reference_gradient(case)) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SHAPES)
def test_both_hessian_products_equal_the_reference(name, dtype):
    case = make_case(dtype=dtype, **SHAPES[name])
    direction = make_case(dtype=dtype, **SHAPES[name], seed=1).params
    automatic, closed = (compiled(product, *case[:4], direction, case.sample_weight) for product in PRODUCTS)
    assert relative_difference(automatic, closed) <= TOLERANCE[dtype]
    assert relative_difference(closed, reference_hvp(case, direction)) <= TOLERANCE[dtype]


def test_a_class_that_does_not_occur_still_has_a_gradient():
    case = make_case(k=4)
    T = np.eye(4)[np.arange(20) % 3]
    automatic, closed = (gradient(*case._replace(T=T)) for gradient in GRADIENTS)
    assert relative_difference(automatic, closed) <= TOLERANCE["float64"]
    assert closed.b[3] > 0


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_both_transposes_of_the_formula_hold(gradient):
    case = make_case(l2=0.0)
    E = softmax(net_input(case.params, case.X)) - case.T
    n = len(case.X)
    dW, db = gradient(*case)
    np.testing.assert_allclose(dW, case.X.T @ E / n, rtol=0, atol=1e-15)
    np.testing.assert_allclose(np.transpose(dW), E.T @ case.X / n, rtol=0, atol=1e-15)
    np.testing.assert_allclose(db, E.mean(axis=0), rtol=0, atol=1e-15)


def test_the_hessian_of_three_classes_at_zero_by_hand():
    X, T = np.array([[2.0]]), np.array([[1.0, 0, 0]])
    params = Params(np.zeros((1, 3)), np.zeros(3))
    for j in range(3):
        direction = Params(np.eye(3)[[j]], np.zeros(3))
        column = 4 * (np.eye(3)[j] / 3 - 1 / 9) + 0.5 * np.eye(3)[j]  # x^2 (diag(o) - o o^T) + l2
        for product in PRODUCTS:
            np.testing.assert_allclose(product(params, X, T, 0.5, direction).W[0], column, atol=1e-15)


@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit])
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_rows_sharded_over_eight_devices_give_the_gradient_of_one_device(gradient, axis_type):
    assert len(jax.devices()) == 8
    case = make_case(n=64, dtype="float32", weighted=True)
    mesh = jax.make_mesh((8,), ("rows",), axis_types=(axis_type,))
    rows, vector = NamedSharding(mesh, P("rows", None)), NamedSharding(mesh, P("rows"))
    X, T = jax.device_put(case.X, rows), jax.device_put(case.T, rows)
    assert len(X.sharding.device_set) == 8
    sharded = gradient(case.params, X, T, case.l2, jax.device_put(case.sample_weight, vector))
    assert relative_difference(sharded, gradient(*case)) <= TOLERANCE["float32"]


@pytest.mark.optimised
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_the_gradient_compiles_once_for_any_strength(gradient):
    case = make_case(dtype="float32")
    traces = []
    compiled = jax.jit(lambda *a: traces.append(1) or gradient(*a))
    for l2 in (0.1, 0.2, 0.3):
        compiled(case.params, case.X, case.T, l2)
    assert len(traces) == 1


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_the_precision_of_every_product_is_stated(gradient):
    case = make_case(dtype="float32")
    program = str(jax.make_jaxpr(gradient)(*case[:4]))
    products = [line for line in program.splitlines() if "dot_general[" in line]
    assert products
    assert program.count("Precision.HIGHEST") >= len(products)
