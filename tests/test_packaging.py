"""The wheel and the source distribution hold the package, all of it, and nothing else."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from places import ROOT

import softmax_jax as sj

BROUGHT_BY_OTHERS = {"scipy", "ml_dtypes"}  # required by scikit-learn and by jax


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """Both distributions, built from a copy of what they are made of; the wheel from the source distribution."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("softmax_jax", "tests", "experiments"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
    at_hand = int(version("setuptools").split(".")[0]) >= 77  # as the test extra installs; else build fetches it
    isolation = ["--no-isolation"] if at_hand else []
    command = [sys.executable, "-m", "build", *isolation, "--outdir", str(out), str(source)]
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # it warns of that
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=usual)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    words = re.sub(r"\S+\.py", "", done.stdout + done.stderr).lower()  # some modules are about warnings
    assert "deprecat" not in words and "warning" not in words, words
    return out


@pytest.fixture(scope="module")
def wheel(dist) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(dist.glob("*.whl")))


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_nothing_else(wheel):
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    package = {p for p in (ROOT / "softmax_jax").rglob("*") if p.suffix in (".py", ".pyi", ".typed", ".j2")}
    assert inside == {str(p.relative_to(ROOT)) for p in package}
    assert {"softmax_jax/py.typed", "softmax_jax/plots/__init__.py", "softmax_jax/data/__init__.py"} <= inside
    assert {"softmax_jax/report/page.html.j2", "softmax_jax/report/parts.html.j2"} <= inside


@pytest.mark.slow
def test_the_wheel_states_version_licence_extras_and_command(wheel):
    texts = {Path(name).name: wheel.read(name).decode() for name in wheel.namelist() if ".dist-info/" in name}
    metadata = message_from_string(texts["METADATA"])
    assert metadata["Version"] == sj.__version__
    assert metadata["License-Expression"] == "MIT" and "LICENSE" in texts
    assert {"cli", "data", "dev", "export", "test"} <= set(metadata.get_all("Provides-Extra"))
    assert "softmax-jax = softmax_jax.__main__:main" in texts["entry_points.txt"]
    assert metadata["Description-Content-Type"] == "text/markdown"


@pytest.mark.slow
def test_the_source_distribution_can_be_built_from(dist):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "softmax_jax/py.typed", "softmax_jax/_version.py"} <= names


def test_every_package_that_the_code_imports_is_in_pyproject():
    """An import of something that no extra names works on the author's machine only."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    listed = {_canonical(re.split(r"[\[<>=]", line)[0]) for line in lines}
    imported = set()
    for path in (ROOT / "softmax_jax").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                imported.add(node.module.split(".")[0])
    outside = imported - sys.stdlib_module_names - {"softmax_jax"}
    assert {"jax", "optax", "sklearn", "matplotlib", "typer", "jinja2"} <= outside
    owners = {module: set(map(_canonical, names)) for module, names in packages_distributions().items()}
    assert {module for module in outside if not listed & owners.get(module, set())} <= BROUGHT_BY_OTHERS


def _canonical(name: str) -> str:
    """A distribution's name as pip compares it."""
    return re.sub("[-_.]+", "-", name).lower()
