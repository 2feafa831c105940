"""The public surface is what the design promises so far, and importing it touches nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import softmax_jax as sj

NAMES = [
    "Params",
    "init_params",
    "one_hot_encode",
    "net_input",
    "softmax",
    "to_classlabel",
    "cross_entropy",
    "cross_entropy_cost",
    "l2_penalty",
    "penalty",
    "objective",
    "autodiff_gradient",
    "closed_form_gradient",
    "autodiff_hvp",
    "closed_form_hvp",
    "compare_gradients",
    "fit",
    "FitResult",
    "SGD",
    "LBFGS",
    "NewtonCG",
    "Newton",
    "ProximalNewton",
    "duality_gap",
    "fit_path",
    "cross_validate",
    "fit_many",
    "l1_max",
    "linear_probe",
    "compare_probes",
    "few_shot_curve",
    "solve_implicit",
    "tune_l2",
    "SoftmaxRegression",
    "SoftmaxRegressionCV",
    "save",
    "load",
    "show_versions",
    "__version__",
]


def test_the_public_names_are_pinned():
    assert sorted(sj.__all__) == sorted(NAMES)
    assert set(NAMES) <= set(dir(sj))


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there(name):
    assert getattr(sj, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="sofmax"):
        _ = sj.sofmax


def test_importing_opens_no_device_and_changes_no_setting():
    code = (
        "import softmax_jax, sys; assert 'sklearn' not in sys.modules; softmax_jax.fit; import jax;"
        "assert 'sklearn' not in sys.modules; assert not jax.config.read('jax_enable_x64');"
        "from jax._src import xla_bridge; assert not xla_bridge._backends, xla_bridge._backends"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)
