"""How much a program is optimised is decided by platform and work, and by what this jaxlib takes."""

import jax
import numpy as np
import pytest

from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.placement import compilation
from softmax_jax.placement.compilation import LOOPS, ONCE, OPTIONS, jitted, options_for
from softmax_jax.placement.place import place
from softmax_jax.solvers import LBFGS, Newton, steps

KNOWN = compilation._are_known(OPTIONS["unoptimised"])


def _problem(n, k=3, m=4):
    X = np.random.default_rng(0).standard_normal((n, m)).astype(np.float32)
    problem = place(X, np.arange(n, dtype=np.int32) % k, None, 1e-3, True, LBFGS()).training
    return problem, Params(np.zeros((m, k), np.float32), np.zeros(k, np.float32))


@pytest.mark.skipif(not KNOWN, reason="this jaxlib takes no such options")
def test_little_work_is_not_optimised_and_much_is():
    assert options_for(ONCE, _problem(100)) == OPTIONS["unoptimised"]
    assert options_for(LOOPS, _problem(100)) == OPTIONS["unoptimised"]
    assert options_for(ONCE, _problem(20_000)) == OPTIONS["unoptimised"]
    assert options_for(LOOPS, _problem(20_000)) == OPTIONS["without emitters"]


def test_other_platforms_are_told_nothing(monkeypatch):
    monkeypatch.setattr(compilation, "on_cpu", lambda leaves: False)
    assert options_for(ONCE, _problem(100)) is None


def test_options_that_a_jaxlib_refuses_are_left_out(monkeypatch):
    monkeypatch.setitem(compilation.OPTIONS, "some", {**OPTIONS["without emitters"], "xla_of_no_version": True})
    monkeypatch.setitem(compilation.OPTIONS, "none", {"xla_of_no_version": True})
    compilation._known_of.cache_clear()
    assert compilation._known_of("some") == (OPTIONS["without emitters"] if KNOWN else None)
    assert compilation._known_of("none") is None
    compilation._known_of.cache_clear()


def test_inside_another_jitted_function_there_are_no_options_and_the_same_numbers():
    problem, params = _problem(100)
    alone = steps.point_at(problem, params)
    inside = jax.jit(steps.point_at)(problem, params)
    np.testing.assert_allclose(alone.objective, inside.objective, rtol=1e-6)


def test_one_program_serves_all_calls_of_one_shape():
    problem, params = _problem(100)

    @jitted()
    def objective(problem, params):
        return problem.objective(params)

    for shift in (0, 1, 2):
        objective(problem, Params(params.W + np.float32(shift), params.b))
    assert objective.count() == 1
    assert float(objective(problem, params)) == pytest.approx(np.log(3), rel=1e-6)


def test_a_dense_hessian_counts_as_more_work_than_the_logits_alone():
    problem, params = _problem(2000, m=20, k=3)
    assert steps._passes(Newton(), problem) == 21 * steps._passes(LBFGS(), problem)


def test_optimised_or_not_the_certificate_is_the_same_up_to_rounding():
    from softmax_jax.certificate.bound import bound_at

    problem, params = _problem(300)
    with scope(np.float64):
        exact = place(
            np.eye(4)[np.arange(300) % 4], np.arange(300, dtype=np.int32) % 3, None, 1e-3, True, LBFGS()
        ).exact
        cheap, plain = bound_at(exact, params), bound_at.program.plain(exact, params)
        np.testing.assert_allclose(cheap.certificate.gap, plain.certificate.gap, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(cheap.certificate.objective, plain.certificate.objective, rtol=1e-13)
