"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import softmax_jax

WITH_EXAMPLES = {
    "softmax_jax.certificate.gap",
    "softmax_jax.updates",
    "softmax_jax.conventions.l2",
    "softmax_jax.conventions.sparse",
    "softmax_jax.estimators.regression",
    "softmax_jax.model_files.files",
    "softmax_jax.fitting.single",
    "softmax_jax.gradient_check",
    "softmax_jax.display.html",
    "softmax_jax.model",
    "softmax_jax.losses",
    "softmax_jax.gradients",
    "softmax_jax.fitting.implicit",
    "softmax_jax.solvers.lbfgs",
    "softmax_jax.solvers.newton_cg",
    "softmax_jax.solvers.newton",
    "softmax_jax.solvers.gradient_descent",
}


def _modules() -> list[str]:
    found = pkgutil.walk_packages(softmax_jax.__path__, "softmax_jax.")
    return [module.name for module in found if not module.name.endswith("__main__")]


def test_every_example_in_a_docstring_gives_what_it_says():
    ran = {}
    for name in _modules():
        failed, attempted = doctest.testmod(importlib.import_module(name))
        assert failed == 0, name
        ran[name] = attempted
    assert {name for name, attempted in ran.items() if attempted} >= WITH_EXAMPLES
    assert sum(ran.values()) >= 60
