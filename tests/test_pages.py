"""The documentation: each block of each page runs, links lead somewhere, and the reference has every public name."""

from __future__ import annotations

import ast
import importlib
import re

import matplotlib
import pytest
from pages import DOCS, NEEDS, NOTEBOOK, PICTURES, alike, blocks_of, pages, pictures_of, run_page
from places import ROOT

import softmax_jax as sj

matplotlib.use("Agg")

PAGES = [path.relative_to(DOCS).as_posix() for path in pages()]
WITH_CODE = [page for page in PAGES if {block.language for block in blocks_of(DOCS / page)} & {"python", "bash"}]
LANGUAGES = {"python", "bash", "text", "toml"}
MOST_LINES = 220


@pytest.mark.parametrize("page", WITH_CODE)
def test_the_code_of_a_page_runs_and_draws_its_pictures(page, tmp_path):
    run_page(DOCS / page, tmp_path)
    assert [name for name in pictures_of(DOCS / page) if not (tmp_path / name).exists()] == []


def test_the_notebook_runs_and_prints_what_it_shows(tmp_path):
    assert sum(bool(block.output) for block in blocks_of(NOTEBOOK)) >= 8
    run_page(NOTEBOOK, tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_blocks_say_what_they_are_and_need(page):
    blocks = blocks_of(DOCS / page)
    assert {block.language for block in blocks} <= LANGUAGES
    assert {block.need for block in blocks} <= {"", *NEEDS}
    assert (DOCS / page).read_text().count("```") == 2 * len(blocks)  # each fence names a language


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_page_and_a_heading(page):
    path = DOCS / page
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(path)):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        to = (path.parent / target).resolve() if target else path
        if not to.exists() or (anchor and to.suffix == ".md" and anchor not in _anchors(to)):
            broken.append(link)
    assert broken == []


def _prose(path) -> str:
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)


def _anchors(path) -> set[str]:
    text = _prose(path)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    slugs = {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", h).strip().lower()) for h in headings}
    return slugs | set(re.findall(r"^::: (\S+)$", text, re.M))


def test_every_page_is_in_the_navigation_and_every_picture_on_a_page():
    config = (ROOT / "mkdocs.yml").read_text()
    assert [page for page in PAGES if page not in config] == []
    shown = {name for path in pages() for name in pictures_of(path)}
    assert shown == {path.name for path in PICTURES.iterdir()}


def _documented() -> list[str]:
    return [name for path in pages() for name in re.findall(r"^::: (\S+)$", path.read_text(), re.M)]


def test_the_reference_has_every_public_name_once():
    names = _documented()
    assert len(names) == len(set(names))
    assert {f"softmax_jax.{name}" for name in sj.__all__ if not name.startswith("_")} <= set(names)


@pytest.mark.parametrize("name", _documented())
def test_a_name_of_the_reference_exists_and_has_an_example_and_texts(name):
    module, _, last = name.rpartition(".")
    documented = getattr(importlib.import_module(module), last)
    doc = documented.__doc__
    fields = getattr(documented, "_fields", ())
    if fields:
        assert [field for field in fields if not re.search(rf"^\s+{field}: \S", doc, re.M)] == []
    elif ">>> " not in doc:
        assert last in _code_beside(name)


def _code_beside(name: str) -> str:
    page = next(path for path in pages() if f"::: {name}\n" in path.read_text())
    return "".join(block.code for block in blocks_of(page) if block.language == "python")


def test_no_page_is_long():
    assert [page for page in PAGES if (DOCS / page).read_text().count("\n") > MOST_LINES] == []


def test_outputs_are_compared_by_words_and_by_numbers():
    assert alike("J = 0.12345, gap 3.1e-9", "J = 0.12346, gap 7e-8")
    assert not alike("J = 0.12345", "J = 0.12445")
    assert not alike("J = 0.12345", "K = 0.12345")
    assert not alike("gap 3.1e-9", "gap 1e-3")


def test_every_block_is_python_that_parses():
    for path in pages():
        for block in blocks_of(path):
            if block.language == "python":
                ast.parse(block.code)
