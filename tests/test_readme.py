"""The README's Python runs as it stands, in the order of the page, and its files exist."""

from __future__ import annotations

import re

import pytest
from places import ROOT

PAGES = ["README.md", "ARCHITECTURE.md", "experiments/README.md"]


def test_the_code_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) >= 3
    names: dict = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)


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
