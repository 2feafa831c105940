"""Compiled steps lower for CPU, CUDA and TPU on a machine that has only a CPU, precision stated in each product."""

from __future__ import annotations

import re

import jax
import numpy as np
import pytest
from jax import export

import softmax_jax as sj
from softmax_jax.certificate.bound import bound_at, least_at
from softmax_jax.dtypes import scope
from softmax_jax.model import Params, init_params
from softmax_jax.placement.devices import mesh_of
from softmax_jax.placement.place import place
from softmax_jax.solvers import driver
from softmax_jax.solvers.preconditioner import SecondMoment

N, M, K = 64, 6, 4
HOMES = {"one device": None, "rows": 8, "rows and classes": (4, 2)}


def _data(home, dtype=np.float32, rows=None):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((N, M)).astype(dtype), rng.integers(0, K, N).astype(np.int32)
    place_of = jax.make_mesh(home, ("a", "b")) if isinstance(home, tuple) else home
    return place(X, y, None, 1e-3, True, sj.LBFGS(), mesh_of(place_of), rows)


def _exported(function, *args, platforms=("cpu", "cuda", "tpu")):
    program = export.export(jax.jit(function), platforms=list(platforms))(*args)
    assert program.platforms == platforms
    products = re.findall(r"stablehlo\.dot_general.*", str(program.mlir_module()))
    assert products and all("HIGHEST" in product for product in products)
    return program


@pytest.mark.parametrize("home", list(HOMES))
@pytest.mark.parametrize("rows", [None, 16], ids=["stored logits", "blocks"])
def test_a_chunk_of_lbfgs_lowers_for_all_platforms(home, rows):
    solver, problem = sj.LBFGS(), _data(HOMES[home], rows=rows).training
    params = init_params(M, K, zeros=True, dtype=np.float32)
    moment = SecondMoment(*(jax.ShapeDtypeStruct(s, np.float32) for s in ((M,), (M,), (M, M))))
    chunk = jax.eval_shape(lambda *a: driver.begin(solver, *a), problem, moment, params)
    program = _exported(lambda *a: driver.run(solver, *a), problem, chunk, np.float32(0), np.int32(3))
    assert program.nr_devices == (1 if home == "one device" else 8)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_value_and_gradient_lower_for_all_platforms(dtype):
    problem = _data(None, jax.numpy.dtype(dtype)).training
    params = init_params(M, K, zeros=True, dtype=np.float32)
    assert _exported(lambda problem, params: problem.at(params).gradient, problem, params).nr_devices == 1


def test_the_certificate_lowers_for_the_platforms_that_have_float64():
    with scope(np.float64):
        params = Params(np.zeros((M, K)), np.zeros(K))
        exact, platforms = _data(None).exact, ("cpu", "cuda")
        found = jax.eval_shape(bound_at, exact, params)
        assert _exported(bound_at, exact, params, platforms=platforms).nr_devices == 1
        assert _exported(least_at, exact, params, found, platforms=platforms).nr_devices == 1
