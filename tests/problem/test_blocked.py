"""The blocked problem stores no logits and is as good as the plain one: its passes, its fits, its errors."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from cases import by_blocks

import softmax_jax as sj
from softmax_jax.dtypes import scope
from softmax_jax.fitting import single
from softmax_jax.model import Params
from softmax_jax.placement import budget
from softmax_jax.placement.memory import DeviceMemoryError, free_bytes
from softmax_jax.placement.place import place
from softmax_jax.problem.blocks import chosen_rows, rows_per_block
from softmax_jax.problem.hessian import dense_hessian, hessian_blocks
from softmax_jax.problem.tiles import CACHED, FUSED

TOLERANCE = 1e-12
AT = jax.jit(lambda problem, params: problem.at(params))
PRODUCT = jax.jit(lambda problem, params, v: problem.hessian_product(problem.at(params), v))
HESSIAN = jax.jit(lambda problem, params: dense_hessian(problem, problem.at(params), hessian_blocks(problem)))
OBJECTIVE = jax.jit(lambda problem, params: problem.objective(params))


def data(n=300, m=4, k=3, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, m)).astype(dtype)
    y = np.argmax(2 * X @ rng.standard_normal((m, k)) + rng.gumbel(size=(n, k)), axis=1).astype(np.int32)
    params = Params(*(rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k,))))
    return X, y, params, rng


@pytest.mark.parametrize("gradient", ["closed_form", "autodiff"])
def test_passes_equal_those_of_the_plain_problem(gradient):
    X, _, params, rng = data()
    T, weight = rng.dirichlet(np.ones(3), len(X)), rng.uniform(0, 1, len(X))
    direction = Params(rng.standard_normal((4, 3)), rng.standard_normal(3))
    plain = place(X, T, weight, 0.1, True, sj.LBFGS(gradient=gradient)).exact
    blocked = by_blocks(plain, 64)
    assert not blocked.rows.stores_logits and blocked.shape[0] // blocked.rows.size > 2
    with scope(np.float64):
        others = [(PRODUCT, params, direction), (HESSIAN, params), (OBJECTIVE, params)]
        for function, *args in [(AT, params), *(others if gradient == "closed_form" else [])]:
            expected, actual = function(plain, *args), function(blocked, *args)
            if function is AT:
                assert actual.Z is None
                expected = expected._replace(Z=None)
            jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, atol=TOLERANCE), actual, expected)


def test_its_error_is_at_most_that_of_the_plain_problem():
    X, y, params, _ = data(n=40_000, dtype=np.float32)
    plain = place(X, y, None, 0.1, True, sj.LBFGS())
    exact = Params(*(p.astype(np.float64) for p in params))
    with scope(np.float64):
        truth = jax.tree.map(np.asarray, AT(plain.exact, exact))
    stored, blocked = (
        AT(plain.training, params),
        AT(by_blocks(plain.training, 256), params),
    )
    for name in ("objective", "gradient", "curvature"):
        pairs = (jax.tree.leaves(getattr(point, name)) for point in (truth, stored, blocked))
        for true, s, b in zip(*pairs, strict=True):
            size = np.abs(true).max()
            assert np.abs(b - true).max() <= np.abs(s - true).max() + np.finfo(np.float32).eps * size


@pytest.fixture
def scarce(monkeypatch):
    """Little memory, so that fit takes blocks of 16 rows for k = 3 in float64."""
    monkeypatch.setattr(budget, "free_bytes", lambda device=None: 30_000)


def test_fit_by_blocks_ends_where_the_plain_fit_does(scarce, monkeypatch):
    X, y, _, rng = data()
    weight = rng.uniform(0, 1, len(X))
    seen = []
    run = single.run_solver
    monkeypatch.setattr(single, "run_solver", lambda solver, d, *rest: seen.append(d.training) or run(solver, d, *rest))
    results = [sj.fit(X, y, l2=1e-3, solver=s, tol=1e-10, sample_weight=weight) for s in (sj.LBFGS(), sj.NewtonCG())]
    assert all(each.rows.size == 16 for each in seen)
    monkeypatch.setattr(budget, "free_bytes", lambda device=None: 10**9)
    plain = sj.fit(X, y, l2=1e-3, solver=sj.LBFGS(), tol=1e-10, sample_weight=weight)
    assert seen[-1].rows.stores_logits
    for result in results:
        assert result.status == plain.status == "converged"
        assert result.objective == pytest.approx(plain.objective, abs=1e-10)
        np.testing.assert_allclose(result.params.W, plain.params.W, atol=1e-3)


def test_without_a_penalty_the_gradient_decides_and_separable_classes_are_found_out(scarce):
    X, y, _, _ = data()
    assert sj.fit(X, y, l2=0, solver=sj.LBFGS(), tol=1e-8).status == "converged"
    assert sj.fit(X, np.argmax(X[:, :3], axis=1), l2=0, solver=sj.LBFGS(), tol=1e-12).status == "diverging"


def exhausted(*_):
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes.")


def test_out_of_memory_is_met_with_blocks_and_then_smaller_ones(monkeypatch):
    X, y, _, _ = data()
    sizes, run = [], single.run_solver

    def once_too_large(solver, d, *rest):
        sizes.append(getattr(getattr(d.training, "rows", None), "size", None))
        return exhausted() if len(sizes) < 3 else run(solver, d, *rest)

    monkeypatch.setattr(single, "run_solver", once_too_large)
    monkeypatch.setattr(budget, "rows_per_block", lambda tiles, row_bytes, free: 64)
    assert sj.fit(X, y, l2=1e-3, solver=sj.LBFGS()).status == "converged"
    assert sizes == [None, 64, 16]


def test_out_of_memory_for_good_names_the_need(monkeypatch):
    X, y, _, _ = data()
    monkeypatch.setattr(single, "run_solver", exhausted)
    with pytest.raises(DeviceMemoryError, match=r"X \(300 x 4\).*GiB.*open_rows") as caught:
        sj.fit(X, y)
    assert isinstance(caught.value, MemoryError)


def test_other_errors_of_the_device_are_not_mistaken_for_it(monkeypatch):
    def broken(*_):
        raise jax.errors.JaxRuntimeError("INTERNAL: no")

    X, y, _, _ = data()
    monkeypatch.setattr(single, "run_solver", broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        sj.fit(X, y)


def test_logits_are_stored_where_they_take_little_of_the_free_memory():
    assert chosen_rows(CACHED, 10_000, 10, 4, 2**33) is None
    assert chosen_rows(FUSED, 1_281_167, 1000, 4, 74 * 2**30) is None  # of an H100; a machine with as much would not
    assert chosen_rows(CACHED, 1_281_167, 1000, 4, 74 * 2**30) == 2**14
    rows = chosen_rows(CACHED, 2_000_000, 200, 4, 20 * 2**30)
    assert rows == 2**16 and rows * 200 * 4 <= 2**26
    assert chosen_rows(CACHED, 2**40, 2**20, 8, 2**34) == 8
    assert rows_per_block(CACHED, 10**12, 2**30) == 1
    assert free_bytes() > 2**26
