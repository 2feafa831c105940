"""What the site needs beyond its pages: the notebook as a page, the experiments' pictures, and no network.

mkdocs calls the functions named on_...; mkdocs.yml names this file.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
NOTEBOOK = Path(__file__).parent / "tutorial.ipynb"
RESULTS = "experiments/results/"
SHIM = "https://unpkg.com/iframe-worker/shim"  # what lets a page opened from a file search; ours is in assets
OWN_SHIM = "assets/file-worker.js"
REMOTE = re.compile(
    r"<(?:script|img|iframe)\b[^>]*\bsrc=\"?https?:|<link\b(?=[^>]*\brel=\"?stylesheet)[^>]*\bhref=\"?https?:"
)


def on_files(files: Files, config: Any) -> Files:
    """Add the notebook's page, its pictures, and the pictures of experiments that pages show."""
    shown = {name for page in files.documentation_pages() for name in _results(page.content_string)}
    for name in sorted(shown):
        files.append(File.generated(config, f"results/{name}", abs_src_path=str(ROOT / RESULTS / name)))
    text, pictures = notebook_page(json.loads(NOTEBOOK.read_text(encoding="utf-8")))
    files.remove(files.src_uris["tutorial.ipynb"])
    files.append(File.generated(config, "tutorial.md", content=text))
    for name, content in pictures.items():
        files.append(File.generated(config, f"pictures/{name}", content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links as they are right in the repository, made right for the site."""
    markdown = markdown.replace("tutorial.ipynb)", "tutorial.md)")
    return re.sub(rf"\]\((?:\.\./)?(\.\./|){RESULTS}", r"](\1results/", markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Refuse whatever a page would fetch from elsewhere while it is read."""
    depth = page.url.count("/")
    output = output.replace(SHIM, "../" * depth + OWN_SHIM)
    if found := REMOTE.search(output):
        raise PluginError(f"{page.url} would load something from the network: {found[0]}")
    return output


def notebook_page(notebook: dict[str, Any]) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown: its texts, its code, below it what the code printed and drew.

    Args:
      notebook: the parsed .ipynb file.

    Returns:
      The text, and the pictures by their file names.
    """
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            if "text" in output:
                parts.append("```text\n" + "".join(output["text"]).rstrip() + "\n```")
            if "image/png" in output.get("data", {}):
                name = f"tutorial_{len(pictures) + 1}.png"
                pictures[name] = base64.b64decode(output["data"]["image/png"])
                parts.append(f"![what the code above draws](pictures/{name})")
    return "\n\n".join(parts) + "\n", pictures


def _results(markdown: str) -> list[str]:
    return re.findall(rf"\]\([./]*{RESULTS}([^)]+)\)", markdown)
