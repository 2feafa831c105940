"""On eight devices the fit is that on one, whatever n, targets, weights, solver and mesh."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import scipy.sparse
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

import softmax_jax as sj
from softmax_jax.certificate.bound import certify
from softmax_jax.dtypes import scope
from softmax_jax.model import Params, init_params
from softmax_jax.placement.devices import mesh_of
from softmax_jax.placement.place import place
from softmax_jax.placement.sharding import over_rows
from softmax_jax.problem.collectives import ALONE
from softmax_jax.solvers import driver, preconditioner

N, M, K = 203, 6, 4  # 203 rows: no multiple of 8
AGREEMENT = {"float64": 1e-12, "float32": 1e-6}  # of params and objective, relative


def _data(n=N, k=K):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, M))
    return X, np.argmax(X[:, :k] + rng.gumbel(size=(n, k)), axis=1)


def _same_on(devices, X, y, **settings):
    one = sj.fit(X, y, **settings)
    shared = sj.fit(X, y, devices=devices, **settings)
    close = AGREEMENT[one.params.W.dtype.name]
    assert shared.status == one.status
    assert abs(shared.objective - one.objective) <= close * one.objective
    scale = np.abs(one.params.W).max()
    for ours, theirs in zip(shared.params, one.params, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=close * scale)
    return shared


@pytest.mark.parametrize(("dtype", "tol"), [("float64", 1e-7), ("float32", 1e-12)])
def test_rows_over_eight_devices_with_lbfgs_and_float32_finished_in_float64(dtype, tol):
    X, y = _data()
    result = _same_on(8, X.astype(dtype), y, l2=1e-3, solver=sj.LBFGS(), tol=tol)
    assert result.status == "converged" and result.duality_gap <= tol


def test_newton_and_the_gradient_by_autodiff_which_is_not_summed_twice():
    X, y = _data()
    _same_on(8, X, y, l2=1e-3, solver=sj.Newton(), tol=1e-9)
    _same_on(8, X, y, l2=1e-3, solver=sj.NewtonCG(gradient="autodiff"), tol=1e-9)


@pytest.mark.parametrize("n", [3, 8])
def test_two_classes_with_fewer_rows_than_devices_or_one_row_each(n):
    X, _ = _data()
    assert _same_on(8, X[:n], np.arange(n) % 2, l2=1e-2, solver=sj.Newton(), tol=1e-9).status == "converged"


def test_devices_that_see_one_class_alone():
    X, y = _data()
    _same_on(8, X, np.sort(y), l2=1e-2, solver=sj.LBFGS(), tol=1e-7)


def _evaluated(X, T, weight=None, home=None, rows=None, fit_intercept=True):
    """Point, certificate and preconditioner at random parameters."""
    params = Params(*(np.random.default_rng(5).standard_normal(s) for s in ((M, K), K)))
    problem = place(X, T, weight, 1e-3, fit_intercept, sj.LBFGS(), home, rows).exact
    with scope(np.float64):
        point = driver.point_at(problem, params)._replace(Z=None)
        found = point, certify(problem, params), preconditioner._moment(problem)[:2]
        return [np.asarray(a) for a in jax.tree.leaves(found)]


def _same_evaluation(home, X, T, **settings):
    for shared, one in zip(_evaluated(X, T, home=home, **settings), _evaluated(X, T, **settings), strict=True):
        np.testing.assert_allclose(shared, one, rtol=1e-12, atol=1e-14)


def test_soft_targets_with_weights_and_no_intercept():
    rng = np.random.default_rng(2)
    X, _ = _data()
    weight = rng.uniform(0, 3, N) * (np.arange(N) >= 30)  # the first device has no weight at all
    _same_evaluation(mesh_of(8), X, rng.dirichlet(np.ones(K), N), weight=weight, fit_intercept=False)


def test_sparse_rows_are_shared_too():
    X, y = _data()
    X = X * (np.random.default_rng(3).random(X.shape) < 0.4)
    X[:30] = 0  # the first device has no entry
    _same_evaluation(mesh_of(8), scipy.sparse.csr_array(X), y.astype(np.int32))


def test_blocks_of_rows_on_a_mesh_of_rows_and_classes():
    X, y = _data()  # 51 rows a device and padding, by blocks of 16
    _same_evaluation(mesh_of(jax.make_mesh((4, 2), ("a", "b"))), X, y.astype(np.int32), rows=16)


def test_classes_alone_may_be_shared():
    X, y = _data(k=3)
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:3]).reshape(1, 3), ("rows", "classes"))
    assert _same_on(mesh, X, y, l2=1e-3, solver=sj.LBFGS(), tol=1e-7).status == "converged"


def test_an_explicit_mesh_with_the_classes_over_its_second_axis():
    X, y = _data()
    mesh = jax.make_mesh((4, 2), ("samples", "columns"))  # Explicit axes: JAX's default
    _same_on(mesh, X, y, l2=1e-3, solver=sj.LBFGS(), tol=1e-7)
    home = place(X, y.astype(np.int32), None, 1e-3, True, sj.LBFGS(), jax.sharding.Mesh(mesh.devices, mesh.axis_names))
    problem = home.training
    with scope(np.float64):
        params = init_params(M, K, zeros=True, dtype=np.float64)
        chunk = driver.begin(sj.LBFGS(), problem, sj.LBFGS().prepare(problem), params)
    state = chunk.state
    assert state.S.W.sharding.shard_shape(state.S.W.shape) == (20, M, K // 2)
    assert state.point.params.W.sharding.shard_shape((M, K)) == (M, K // 2)
    assert state.point.Z.sharding.shard_shape(state.point.Z.shape) == (K // 2, state.point.Z.shape[1] // 4)


def test_without_a_penalty_separable_data_are_found_out_on_eight_devices():
    X, _ = _data()
    separable = np.argmax(X[:, :K], axis=1)
    shared = sj.fit(X, separable, l2=0, solver=sj.LBFGS(), devices=8)
    assert shared.status == "diverging"
    assert shared.duality_gap == np.inf


def test_a_sharded_array_is_used_where_it_lies():
    X, y = _data(n=200)
    X = X.astype(np.float32)
    mesh = jax.make_mesh((8,), ("anything",))
    lying = jax.device_put(X, NamedSharding(mesh, P("anything")))
    one = sj.fit(X, y, l2=1e-3, solver=sj.LBFGS(), tol=1e-7)
    seen = []
    shared = sj.fit(lying, y, l2=1e-3, solver=sj.LBFGS(), tol=1e-7, callback=lambda p: seen.append(p.n_iter))
    np.testing.assert_allclose(shared.params.W, one.params.W, rtol=0, atol=1e-6 * np.abs(one.params.W).max())
    assert seen[-1] == shared.n_iter


def test_solvers_run_on_the_devices_given_and_no_other():
    X, y = _data()
    mesh = jax.sharding.Mesh(np.array(jax.devices()[2:6]), ("rows",))
    data = place(X, y.astype(np.int32), None, 1e-3, True, sj.LBFGS(), mesh)
    assert data.training.rows.X.X.sharding.device_set == set(jax.devices()[2:6])
    assert data.training.rows.X.X.sharding.shard_shape(data.training.shape) == (64, M)  # 51 rows and padding
    assert data.exact.rows.weights.sharding.device_set == set(jax.devices()[2:6])
    np.testing.assert_allclose(np.asarray(data.exact.rows.weights).sum(), 1, rtol=1e-12)


def test_a_mapped_function_without_a_mesh_is_the_function_itself():
    X, y = _data()
    problem = place(X, y.astype(np.int32), None, 1e-3, True, sj.LBFGS()).training
    assert over_rows(lambda problem, x: (problem.rows.collectives, x))(problem, 3) == (ALONE, 3)


@pytest.mark.filterwarnings("ignore::softmax_jax.storage.checkpoints.CheckpointWarning")
def test_a_fit_resumed_on_other_devices_goes_on_as_if_never_stopped(tmp_path):
    X, y = _data()  # 256 rows with padding on one device as on eight, in another order
    settings = {"l2": 1e-3, "solver": sj.LBFGS(), "tol": 1e-7}
    sj.fit(X, y, checkpoint=tmp_path, every=0, callback=lambda progress: True, devices=8, **settings)
    resumed, one = sj.fit(X, y, checkpoint=tmp_path, every=0, **settings), sj.fit(X, y, **settings)
    assert resumed.n_iter == one.n_iter
    np.testing.assert_allclose(resumed.params.W, one.params.W, rtol=0, atol=1e-12)
