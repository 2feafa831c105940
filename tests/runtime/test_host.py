"""Traced values, forks and a user's JAX settings: every public function refuses them, or computes rightly."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest
from host_cases import CASES, PARAMS, WITHOUT_NUMBERS, T, W, X, Y, public_functions
from places import TESTS
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import softmax_jax as sj
from softmax_jax.runtime.host import on_host

SETTINGS = {
    "debug_infs": lambda: jax.debug_infs(True),
    "debug_nans": lambda: jax.debug_nans(True),
    "disable_jit": jax.disable_jit,
    "strict promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "rank promotion": lambda: jax.numpy_rank_promotion("raise"),
    "transfer guard": lambda: jax.transfer_guard("disallow"),
    "x64": lambda: jax.enable_x64(True),
}
ON_HOST = [name for name, case in CASES.items() if case.kind != "pure"]
REFUSED = "runs on the host, .*solve_implicit"


@pytest.fixture(autouse=True)
def _no_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def test_every_public_function_is_a_case_here():
    names = {name for name in CASES if "." in name or name in sj.__all__} - {"SGD"}
    assert public_functions() - names - WITHOUT_NUMBERS == set()


# --- traced values ---


def floats(arguments):
    """Names of the arguments that can be differentiated or mapped: float arrays and numbers, and Params of them."""
    return [
        name
        for name, value in arguments.items()
        if all(np.asarray(leaf).dtype.kind == "f" for leaf in jax.tree.leaves(value))
        and jax.tree.leaves(value)
        and name not in ("coefficients", "preset")
    ]


def total(result):
    return sum(jnp.sum(jnp.asarray(leaf)) for leaf in jax.tree.leaves(result) if jnp.result_type(leaf).kind == "f")


@pytest.mark.parametrize("name", ON_HOST)
def test_a_function_on_the_host_refuses_traced_arguments(name):
    case = CASES[name]
    names = floats(case.arguments)
    assert names
    for argument in names:

        def call(value, argument=argument):
            return total(case.function(**{**case.arguments, argument: value}))

        value = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), case.arguments[argument])
        for transform in (jax.grad, along_ones, jax.jit, mapped):
            with pytest.raises(TypeError, match=REFUSED):
                transform(call)(value)


def along_ones(function):
    return lambda value: jax.jvp(function, (value,), (jax.tree.map(np.ones_like, value),))


def mapped(function):
    return lambda value: jax.vmap(function)(jax.tree.map(lambda leaf: np.stack([leaf, leaf]), value))


def test_labels_and_counts_are_refused_under_jit_and_vmap():
    for call in (
        lambda y: sj.fit(X, y).objective,
        lambda seed: sj.fit(X, Y, seed=seed).objective,
        lambda n: sj.fit(X, Y, max_iter=n).objective,
        lambda y: sj.cross_validate(X, y, cv=2).scores,
        lambda y: sj.SoftmaxRegression().fit(X, y).coef_,
    ):
        value = np.int32(3) if "y" not in call.__code__.co_varnames else Y
        with pytest.raises(TypeError, match=REFUSED):
            jax.jit(call)(value)
        with pytest.raises(TypeError, match=REFUSED):
            jax.vmap(call)(np.stack([value, value]))


def test_the_error_names_the_function_and_the_argument():
    with pytest.raises(TypeError, match=r"^fit runs on the host, got a value that JAX traces in 'l2': "):
        jax.grad(lambda l2: sj.fit(X, Y, l2=l2).objective)(0.1)
    with pytest.raises(TypeError, match=r"^SoftmaxRegression\.fit runs .* in 'self': "):
        jax.grad(lambda l2: sj.SoftmaxRegression(l2=l2).fit(X, Y).objective_)(0.1)


HIDDEN = {
    "in a list": lambda a: sj.fit_path(X, Y, [a, 0.5]).objective[0],
    "in a list of lists": lambda a: sj.fit([[a], [1.0], [2.0]], [0, 1, 0]).objective,
    "in a dict": lambda a: sj.SoftmaxRegression(class_weight={0: a, 1: 1.0}).fit(X, Y).objective_,
    "in params": lambda a: sj.duality_gap(sj.Params(PARAMS.W, (a, 0.0, 0.0)), X, T, 0.1),
    "in an object array": lambda a: sj.fit(X, Y, sample_weight=objects(a)).objective,
    "in a series": lambda a: sj.fit(X, Y, sample_weight=pd.Series(objects(a))).objective,
    "in an index": lambda a: sj.fit(X, Y, sample_weight=pd.Index(objects(a))).objective,
    "in a frame": lambda a: sj.fit(pd.DataFrame({"a": objects(a), "b": 1.0}), Y).objective,
    "in a pipeline": lambda a: make_pipeline(StandardScaler(), sj.SoftmaxRegression(tol=a)).fit(X, Y)[-1].objective_,
    "in a fitted model": lambda a: fitted(a).predict_proba(X)[0, 0],
    "in a record": lambda a: sj.fit(X, Y, solver=sj.SGD(eta=a)).objective,
    "in an exact solver's record": lambda a: sj.fit(X, Y, solver=sj.LBFGS(memory=a)).objective,
    "in a result": lambda a: sj.save(sj.FitResult(PARAMS, np.arange(3), a, 0.0, "converged", 1, 1, X[0]), "no.file"),
    "in an optimiser's own closure": lambda a: sj.tune_l2(X, Y, X, Y, optimiser=optax.sgd(a), steps=1).val_loss,
    "in the optimiser of SGD": lambda a: sj.fit(X, Y, solver=sj.SGD(epochs=1, optimiser=optax.sgd(a))).objective,
}


def objects(value):
    array = np.ones(12, object)
    array[3] = value
    return array


def fitted(value):
    model = sj.SoftmaxRegression()
    model.params_, model.classes_, model.n_features_in_ = PARAMS._replace(b=[value, 0.0, 0.0]), np.arange(3), 2
    return model


@pytest.mark.parametrize("place", HIDDEN)
def test_a_traced_value_is_found_where_it_hides(place):
    for transform in (jax.grad, jax.jit) if "optimiser" not in place else (jax.grad,):
        with pytest.raises(TypeError, match=REFUSED):
            transform(lambda a: jnp.float32(HIDDEN[place](a)))(0.1)


TRANSFORMS = {
    "hessian": lambda f: jax.hessian(f)(0.1),
    "jacfwd": lambda f: jax.jacfwd(f)(0.1),
    "linearize": lambda f: jax.linearize(f, 0.1),
    "vjp": lambda f: jax.vjp(f, 0.1),
    "scan": lambda f: jax.lax.scan(lambda c, a: (c, f(a)), 0.0, jnp.ones(2)),
    "cond": lambda f: jax.lax.cond(jnp.array(True), f, lambda a: a, 0.1),
    "checkpoint": lambda f: jax.grad(jax.checkpoint(f))(0.1),
    "grad of vmap": lambda f: jax.grad(lambda a: jax.vmap(f)(a).sum())(jnp.ones(2)),
    "eval_shape": lambda f: jax.eval_shape(f, 0.1),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_no_transformation_goes_through_fit(transform):
    with pytest.raises(TypeError, match=REFUSED):
        TRANSFORMS[transform](lambda l2: sj.fit(X, Y, l2=l2).objective)


def test_jit_around_a_fit_without_traced_arguments_is_refused_too():
    with pytest.raises(TypeError, match=REFUSED):
        jax.jit(lambda: sj.fit(X, Y).objective)()


def test_a_fit_beside_what_is_differentiated_is_a_constant():
    objective = sj.fit(X, Y, l2=0.1).objective
    assert jax.grad(lambda a: a * sj.fit(X, Y, l2=0.1).objective)(2.0) == pytest.approx(objective, rel=1e-6)


def test_what_the_error_advises_gives_the_derivative():
    """By the envelope theorem dJ*/dl2 = ||W*||^2 / 2."""

    def optimum(l2):
        params = sj.solve_implicit(X, T, l2)
        return sj.objective(params, X, T, l2)

    with jax.enable_x64(True):
        found = jax.grad(optimum)(0.1)
    W_best = sj.fit(X, Y, l2=0.1, tol=1e-12).params.W
    assert found == pytest.approx((W_best**2).sum() / 2, rel=1e-6)


def test_pure_functions_still_go_through_every_transformation():
    for name in ("objective", "cross_entropy", "l2_penalty", "solve_implicit"):
        case = CASES[name]
        argument = "l2" if "l2" in case.arguments else "X"

        def call(value, case=case, argument=argument):
            result = case.function(**{**case.arguments, argument: value})
            return total(jax.tree.map(jnp.square, result))  # the optimum itself sums to zero

        with jax.enable_x64(True):
            value = jnp.asarray(case.arguments[argument], float)
            slope = jax.jit(jax.grad(call))(value)
            along = jnp.ones_like(value)
            steps = [call(value + h * along) for h in (1e-5, -1e-5)]
            assert float(jnp.sum(slope)) == pytest.approx(float(steps[0] - steps[1]) / 2e-5, rel=1e-4), name


def test_long_lists_are_searched_quickly_and_cyclic_ones_end():
    rows = np.ones((20_000, 10)).tolist()
    cyclic: list = []
    cyclic.append(cyclic)
    assert on_host(lambda rows, more: len(rows))(rows, cyclic) == 20_000


# --- forked processes ---

FORK = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, TESTS)
import jax, numpy as np
from host_cases import CASES
import softmax_jax as sj
x = jax.numpy.ones((12, 2))
(x * 2).block_until_ready()
sys.stdout.flush()
if os.fork() == 0:
    signal.alarm(60)  # its default action ends a process that hangs, whatever it hangs in
    for name, case in CASES.items():
        try:
            case.function(**case.arguments)
            print(name, "computed", flush=True)
        except RuntimeError as error:
            print(name, "forked" if "forked" in str(error) else repr(error), flush=True)
        except Exception as error:
            print(name, repr(error), flush=True)
    for name in ("SoftmaxRegression.predict", "calibration.temperature_scale"):
        try:
            CASES[name].function(**{**CASES[name].arguments, next(iter(CASES[name].arguments)): x})
            print(name + " of JAX arrays", "computed", flush=True)
        except RuntimeError as error:
            print(name + " of JAX arrays", "forked" if "forked" in str(error) else repr(error), flush=True)
    os._exit(0)
print("status", os.wait()[1], flush=True)
"""


def test_in_a_forked_process_all_that_computes_with_jax_refuses_at_once():
    script = FORK.replace("TESTS", repr(str(TESTS)))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said = dict(
        line.rsplit(" ", 1) if " computed" in line or " forked" in line else line.split(" ", 1)
        for line in done.stdout.splitlines()
    )
    assert said.pop("status") == "0"
    assert said.pop("SoftmaxRegression.predict of JAX arrays") == "forked"
    assert said.pop("calibration.temperature_scale of JAX arrays") == "forked"
    free = {"init_params", "statistics.every_coefficient"}
    wanted = {
        name: "computed" if name in free or case.kind == "numpy" else "forked"
        for name, case in CASES.items()
        if case.quick or case.kind == "jax"
    }
    assert {name: said[name] for name in wanted} == wanted


# --- a user's settings ---


def numbers(result):
    """All numbers of a result, in order."""
    return [np.asarray(leaf, float) for leaf in jax.tree.leaves(result) if np.asarray(leaf).dtype.kind in "fiub"]


def assert_same(found, expected):
    for one, other in zip(numbers(found), numbers(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.quick])
def test_a_users_jax_settings_change_no_result(name):
    case = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fit of 12 rows by folds
        expected = case.function(**case.arguments)
        if case.kind == "numpy":
            with contextlib.ExitStack() as stack:
                for setting in SETTINGS.values():
                    stack.enter_context(setting())
                assert_same(case.function(**case.arguments), expected)
            return
        for setting in SETTINGS.values():
            with setting():
                assert_same(case.function(**case.arguments), expected)


@pytest.mark.parametrize("setting", SETTINGS)
def test_jax_arrays_and_frames_are_read_under_any_setting(setting):
    X_jax = jnp.asarray(X, jnp.float32)
    frame = pd.DataFrame(X.astype(np.float32), columns=["a", "b"])
    expected = sj.SoftmaxRegression(l2=0.1, tol=1e-7).fit(X.astype(np.float32), Y, W)
    with SETTINGS[setting]():
        for given in (X_jax, frame):
            model = sj.SoftmaxRegression(l2=0.1, tol=1e-7).fit(given, Y, W)
            np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-4, atol=1e-5)
            assert model.coef_.dtype == np.float32
            np.testing.assert_allclose(model.predict_proba(given), expected.predict_proba(X), rtol=1e-4, atol=1e-5)


def test_settings_of_the_process_are_kept_out_like_those_of_the_moment():
    expected = sj.fit(X, Y, l2=0.1).params.W
    before = {name: getattr(jax.config, name) for name in ("jax_debug_infs", "jax_transfer_guard_host_to_device")}
    try:
        jax.config.update("jax_debug_infs", True)
        jax.config.update("jax_transfer_guard_host_to_device", "disallow_explicit")
        np.testing.assert_array_equal(sj.fit(X, Y, l2=0.1).params.W, expected)
        assert jax.config.jax_debug_infs
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def test_a_callback_is_called_under_the_users_own_settings():
    seen = []

    def look(_):
        seen.append((jax.config.jax_debug_nans, jax.config.jax_numpy_dtype_promotion))
        with pytest.raises(Exception, match="Disallowed"):
            jnp.ones(3) + np.ones(3, np.float32)

    with jax.debug_nans(True), jax.numpy_dtype_promotion("strict"), jax.transfer_guard("disallow"):
        sj.fit(X, Y, l2=0.1, solver=sj.LBFGS(), callback=look)
        sj.fit_path(X, Y, [0.1], callback=lambda i, path: look(path))
    assert len(seen) >= 2
    assert set(seen) == {(True, "strict")}
    assert not jax.config.jax_debug_nans


def test_settings_are_given_back_after_an_error():
    with jax.debug_nans(True):
        with pytest.raises(ValueError, match="l2"):
            sj.fit(X, Y, l2=-1)
        assert jax.config.jax_debug_nans


def test_warnings_point_at_the_users_line():
    with pytest.warns(UserWarning, match="max_iter|not converge|iterations") as caught:
        sj.SoftmaxRegression(solver="lbfgs", max_iter=1, tol=1e-12).fit(X, Y)
    assert {Path(warning.filename).name for warning in caught} == {Path(__file__).name}
