"""The examples in the docstrings run, and the pages of the API reference are of modules that exist."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re

from places import ROOT

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
    assert sum(ran.values()) >= 15


def test_the_reference_is_of_modules_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    words = re.search(r"DOCUMENTED := softmax_jax \$\(addprefix softmax_jax\.,((?:.|\\\n)*?)\)", makefile)
    assert words
    documented = {f"softmax_jax.{name}" for name in words[1].replace("\\", " ").split()}
    assert len(documented) >= 9
    assert documented <= set(_modules())
