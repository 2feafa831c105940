"""The pages of the documentation as blocks of code. `python tests/pages.py` draws the pages' pictures anew.

    ```python   runs, in the order of the page, in one namespace; its pictures are those that the page shows
    ```bash     lines that begin with softmax-jax run, and must exit with 0; others are for the reader
    ```text     after a python block: what it prints, numbers compared to a thousandth

A comment before a block, <!-- needs: torch -->, says what running it takes; where that is missing it is compiled only.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import math
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from places import ROOT

DOCS = ROOT / "docs"
PICTURES = DOCS / "pictures"
NOTEBOOK = DOCS / "tutorial.ipynb"
NEEDS = {  # what a block may need, and whether it is here
    "torch": lambda: importlib.util.find_spec("torch") is not None,
    "onnxruntime": lambda: importlib.util.find_spec("onnxruntime") is not None,
    "several processes": lambda: False,  # tests/distributed has some
    "a GPU": lambda: False,  # cuML among what needs it
}
SMALL = 1e-4  # numbers below it are what rounding and the last iteration left: their size is not compared
_FENCE = re.compile(r"(?:^<!-- needs: (?P<need>[^>]+?) -->\n+)?^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.M | re.S)
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


class Block(NamedTuple):
    """A block of code: its language, the code, what it needs, the line before it, and what follows as its output."""

    language: str
    code: str
    need: str
    line: int
    output: str = ""


def pages() -> list[Path]:
    """Those of the site; what is for developers alone is not among them."""
    return sorted(path for path in DOCS.rglob("*.md") if path.name != "decisions.md")


def blocks_of(path: Path) -> list[Block]:
    """The blocks of a page, or the code cells of a notebook."""
    if path.suffix == ".ipynb":
        return list(_cells(path))
    text = path.read_text(encoding="utf-8")
    found: list[Block] = []
    for match in _FENCE.finditer(text):
        language, code = match["language"], match["code"]
        if language == "text" and found and found[-1].language == "python":
            found[-1] = found[-1]._replace(output=code)
        line = text.count("\n", 0, match.start("code"))
        found.append(Block(language, code, match["need"] or "", line))
    return found


def _cells(path: Path) -> Iterator[Block]:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            shown = (text for out in cell["outputs"] for text in out.get("text", []))
            yield Block("python", "".join(cell["source"]), "", 0, "".join(shown))


def run_page(path: Path, folder: Path) -> None:
    """Run the blocks of a page in a folder; AssertionError where one fails or prints something else than it says."""
    names: dict[str, object] = {"__name__": "page"}
    with contextlib.chdir(folder), _programs_as_before():
        for block in blocks_of(path):
            if block.language == "python":
                _run_python(block, path, names)
            elif block.language == "bash" and _is_here(block):
                _run_shell(block)
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")  # what a reader's session would show


@contextlib.contextmanager
def _programs_as_before() -> Iterator[None]:
    """Within it a page may tell JAX where to keep programs; afterwards they are kept where they were."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    before: Any = getattr(jax.config, "jax_compilation_cache_dir", None)
    try:
        yield
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
        compilation_cache.reset_cache()


def _is_here(block: Block) -> bool:
    return not block.need or NEEDS[block.need]()


def _run_python(block: Block, path: Path, names: dict[str, object]) -> None:
    # a traceback names the line of the page; what this file has from __future__ is not handed on
    code = compile("\n" * block.line + block.code, str(path), "exec", dont_inherit=True)
    if not _is_here(block):
        return
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    if block.output:
        assert alike(printed.getvalue(), block.output), f"{path}, line {block.line}: prints\n{printed.getvalue()}"


def _run_shell(block: Block) -> None:
    from softmax_jax.cli import run

    for line in block.code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["softmax-jax"]:
            assert run(words[1:]) == 0, line


def alike(printed: str, expected: str) -> bool:
    """Whether two outputs have the same words, and numbers that agree to a thousandth, or are both below 1e-4."""
    if _NUMBER.sub("0", printed).split() != _NUMBER.sub("0", expected).split():
        return False
    numbers = [[float(n) for n in _NUMBER.findall(text)] for text in (printed, expected)]
    return all(max(abs(a), abs(b)) < SMALL or math.isclose(a, b, rel_tol=1e-3) for a, b in zip(*numbers, strict=True))


def pictures_of(path: Path) -> list[str]:
    """The names of the pictures of docs/pictures that a page shows."""
    return re.findall(r"!\[[^]]*\]\((?:\.\./)?pictures/([^)]+)\)", path.read_text(encoding="utf-8"))


def redraw() -> None:
    """Run the pages that show pictures, and keep these."""
    for path in pages():
        if wanted := pictures_of(path):
            with tempfile.TemporaryDirectory() as folder:
                run_page(path, Path(folder))
                for name in wanted:
                    os.replace(Path(folder) / name, PICTURES / name)
            print(f"{path.relative_to(ROOT)}: {', '.join(wanted)}")


if __name__ == "__main__":
    redraw()
