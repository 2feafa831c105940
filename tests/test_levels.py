"""Imports go one way: a package imports from itself and from levels below it; the root has the mathematics."""

from __future__ import annotations

import ast
from pathlib import Path

from places import ROOT

PACKAGE = ROOT / "softmax_jax"
LEVELS = [
    "_version runtime display",
    "conventions dtypes",
    "inputs model",
    "losses storage data",
    "gradients updates prediction penalties",
    "gradient_check calibration problem",
    "placement",
    "certificate",
    "solvers",
    "fitting statistics",
    "distributed model_selection",
    "estimators",
    "model_files plots",
    "runs",
    "report",
    "probing",
    "cli",
    "__init__ __main__ export presets progress training",  # doors: what users import by a shorter name
]
LEVEL = {unit: level for level, units in enumerate(LEVELS) for unit in units.split()}
ROOT_MODULES = 21


def imports() -> list[tuple[str, str, Path]]:
    """(unit, unit that it imports from, file), for every import inside the package, deferred ones included."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        unit = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module == "softmax_jax":
                names = [f"softmax_jax.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            found += [(unit, name.split(".")[1], path) for name in names if name.startswith("softmax_jax.")]
    return found


def test_every_import_goes_to_a_lower_level():
    edges = imports()
    assert len(edges) > 500
    assert {unit for unit, _, _ in edges} <= set(LEVEL)
    wrong = {
        f"{path.relative_to(PACKAGE)}: {other}"
        for unit, other, path in edges
        if unit != other and not LEVEL[other] < LEVEL[unit]
    }
    assert wrong == set()


def test_the_levels_are_all_there_is():
    there = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert there - {"__pycache__"} == set(LEVEL)
    assert sum(path.suffix == ".py" for path in PACKAGE.iterdir()) <= ROOT_MODULES


def test_each_package_lists_its_modules():
    for folder in sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE):
        words = set(ast.get_docstring(ast.parse((folder / "__init__.py").read_text())).split())
        modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        assert len(modules) >= 3, folder
        assert modules <= {word.strip(",:;") for word in words}, (folder, modules - words)


def module_imports() -> dict[str, set[str]]:
    """The modules that each module imports, those of annotations and deferred ones included."""
    of = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        of[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text())
    found = {name: set() for name in of}
    for name, tree in of.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                candidates = [f"{node.module}.{alias.name}" for alias in node.names]
                found[name] |= {c if c in of else node.module for c in candidates} & set(of)
    return found


def test_no_module_imports_itself_by_way_of_others():
    left = module_imports()
    assert len(left) > 150
    while done := {name for name, others in left.items() if not others & (set(left) - {name})}:
        left = {name: others for name, others in left.items() if name not in done}
    assert left == {}
