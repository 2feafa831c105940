"""The README's blocks run as they stand, in the order of the page, and the files that pages name exist."""

from __future__ import annotations

import re
import tomllib

import matplotlib
import pytest
from pages import blocks_of, run_page
from places import ROOT

matplotlib.use("Agg")

README = ROOT / "README.md"
MOST_LINES = 160
PAGES = ["README.md", "ARCHITECTURE.md", "experiments/README.md"]


def test_the_code_of_the_readme_runs_and_its_commands_too(tmp_path):
    assert {block.language for block in blocks_of(README)} == {"python", "bash"}
    run_page(README, tmp_path)
    assert (tmp_path / "predictions.csv").exists() and (tmp_path / "probe.safetensors").exists()


def test_the_readme_is_two_screens_and_its_first_command_installs_all_that_its_blocks_need():
    assert len(README.read_text().splitlines()) <= MOST_LINES
    assert next(b.code for b in blocks_of(README) if b.language == "bash").startswith("pip install '.[all]'")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["all"] == ["softmax_jax[cli,data,export,onnx]"]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_file(page):
    path = ROOT / page
    links = [link for link in re.findall(r"\]\(([^)#]+)", path.read_text()) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_architecture_names_every_module():
    words = (ROOT / "ARCHITECTURE.md").read_text()
    package = ROOT / "softmax_jax"
    modules = [p.stem for p in package.rglob("*.py") if not p.stem.startswith("_")]
    assert [name for name in modules if name not in words] == []
