"""What every solver keeps: it reaches the certified optimum, descends, compiles once, restarts, and knows its floor.

Who adds a solver writes a record like `SteepestDescent` below in a file of its own, adds a line to RECORDS here, and,
for a name that estimators and the command line take, a line to `solvers/names.py`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.dtypes import scope
from softmax_jax.placement.place import place
from softmax_jax.solvers import steps
from softmax_jax.solvers.line_search import search
from softmax_jax.solvers.newton_cg import accurate_point
from softmax_jax.solvers.preconditioner import precondition, second_moment, traced_second_moment
from softmax_jax.solvers.protocol import is_record
from softmax_jax.solvers.steps import point_at
from softmax_jax.solvers.vectors import negative


class DescentState(NamedTuple):
    point: Any
    preconditioner: Any
    passes: Any


@dataclasses.dataclass(frozen=True)
class SteepestDescent:
    """Along the preconditioned negative gradient, with an exact line search: a solver that the package never met."""

    gradient: str = "closed_form"

    is_exact: ClassVar[bool] = True
    needs_rows: ClassVar[bool] = False
    always_float64: ClassVar[bool] = False

    def prepare(self, problem):
        return second_moment(problem)

    def prepare_in_jit(self, problem):
        return traced_second_moment(problem)

    def init(self, problem, preconditioner, params):
        return DescentState(problem.at(params), preconditioner, jnp.ones((), jnp.int32))

    def restart(self, problem, state, point, old_l2):
        return DescentState(point, state.preconditioner, jnp.ones_like(state.passes))

    def accurate_step(self, problem, state):
        return accurate_point(problem, state.point, state.preconditioner)

    def step(self, problem, state):
        point = state.point
        direction = negative(precondition(state.preconditioner, point.curvature, problem.penalty, point.gradient))
        new = search(problem, point, direction, accuracy=0.1)
        return DescentState(new.point, state.preconditioner, state.passes + new.passes)


RECORDS = [sj.LBFGS(), sj.LBFGS(gradient="autodiff"), sj.NewtonCG(), sj.Newton(), SteepestDescent()]
N, M, K, L2 = 60, 3, 3, 1e-2
each = pytest.mark.parametrize("solver", RECORDS, ids=repr)


def data(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((N, M)) * [1, 3, 0.3] + [0, 2, 0]).astype(dtype)
    y = np.argmax(X @ rng.standard_normal((M, K)) + rng.gumbel(size=(N, K)), axis=1)
    return X, y, rng


def settings(kind):
    """X, y and arguments of `fit` of a kind of problem."""
    X, y, rng = data()
    return {
        "labels": (X, y, {}),
        "soft targets and weights": (X, rng.dirichlet(np.ones(K), N), {"sample_weight": rng.uniform(0, 2, N)}),
        "no intercept": (X, y, {"fit_intercept": False}),
        "float32": (X.astype(np.float32), y, {}),
    }[kind]


@each
@pytest.mark.parametrize("kind", ["labels", "soft targets and weights", "no intercept", "float32"])
def test_it_reaches_the_optimum_and_descends_all_the_way(solver, kind):
    X, y, more = settings(kind)
    tol = 1e-6 if kind == "float32" else 1e-9
    found = sj.fit(X, y, l2=L2, solver=solver, tol=tol, **more)
    best = sj.fit(X.astype(np.float64), y, l2=L2, solver=sj.Newton(), tol=1e-12, **more)
    assert found.status == "converged" and found.duality_gap <= tol
    assert -1e-7 * (kind == "float32") - 1e-14 <= found.objective - best.objective <= found.duality_gap + 1e-14
    slack = 1e-6 if kind == "float32" else 1e-13
    assert (np.diff(found.history) <= slack).all()
    assert found.n_passes >= found.n_iter >= len(found.history) > 0


@each
def test_other_numbers_compile_nothing(solver):
    X, y, rng = data()
    sj.fit(X, y, l2=L2, solver=solver, sample_weight=np.ones(N))
    compiled = steps.run.program.count()
    sj.fit(X, y, l2=3 * L2, solver=solver, tol=1e-5, max_iter=77, sample_weight=rng.uniform(0, 1, N))
    sj.fit(X + 1, y[::-1], l2=L2, solver=solver, sample_weight=np.ones(N))
    assert steps.run.program.count() == compiled


@each
def test_a_restart_at_another_strength_is_at_the_point_given_and_goes_on_to_its_optimum(solver):
    X, y, _ = data()
    problem = place(X, y.astype(np.int32), None, L2, True, solver).exact
    with scope(np.float64):
        zero = sj.Params(np.zeros((M, K)), np.zeros(K))
        state = jax.jit(solver.init)(problem, solver.prepare(problem), zero)
        step = jax.jit(solver.step)
        for _ in range(3):
            state = step(problem, state)
        other = problem.replaced(l2=jnp.asarray(10 * L2))

        @jax.jit
        def restarted(other, state, old_l2):
            return solver.restart(other, state, other.with_l2_moved(state.point, old_l2), old_l2)

        state = restarted(other, state, problem.l2)
        assert int(state.passes) == 1
        expected = point_at(other, state.point.params)
        for a, b in zip(jax.tree.leaves(state.point), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)
    paths = [sj.fit_path(X, y, [L2, 10 * L2, 1.0], tol=1e-9, solver=s, max_iter=2000) for s in (solver, sj.Newton())]
    assert paths[0].status == ["converged"] * 3
    np.testing.assert_allclose(paths[0].objective, paths[1].objective, atol=2e-9)


@each
def test_where_float32_can_hold_the_optimum_no_closer_it_says_so(solver):
    X, y, _ = data(np.float32)
    found = sj.fit(X, y, l2=L2, solver=solver, tol=1e-300)
    assert found.status == "precision_floor"
    assert 0 < found.duality_gap < 1e-6


@each
def test_a_limit_of_iterations_is_kept_and_the_gap_there_is_proven(solver):
    X, y, _ = data()
    best = sj.fit(X, y, l2=1e-5, solver=sj.Newton(), tol=1e-12)
    found = sj.fit(X, y, l2=1e-5, solver=solver, tol=1e-12, max_iter=1)
    assert (found.status, found.n_iter) == ("max_iter", 1)
    assert found.duality_gap >= found.objective - best.objective - 1e-14


def test_what_is_no_record_is_refused():
    assert all(is_record(solver) for solver in [*RECORDS, sj.SGD()])
    X, y, _ = data()
    for solver in ("adam", sj.LBFGS, 3):
        assert not is_record(solver)
        with pytest.raises(ValueError, match="solver must be None, LBFGS"):
            sj.fit(X, y, solver=solver)
