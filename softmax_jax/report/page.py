"""One HTML page that needs nothing else: its style inline, its figures as data, no script, no network."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib

from softmax_jax.display.html import escape


class Section(NamedTuple):
    """A part of the page.

    Attributes:
      name: its heading.
      body: HTML.
    """

    name: str
    body: str


_SMALL = re.compile(r"\d[\d.]*e-\d+")
_STYLE = """
:root { --ink: #1b2733; --soft: #56636f; --line: #dfe5ea; --ground: #f4f6f8; --blue: #1f5f99; --orange: #b35a06; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); line-height: 1.55; font-size: 16px;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 2.2rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 0.35rem; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 0.7rem; letter-spacing: -0.005em; }
p { margin: 0 0 0.9rem; max-width: 44rem; }
.number { white-space: nowrap; }
.soft { color: var(--soft); }
.verdict { display: inline-block; padding: 0.3rem 0.8rem; border-radius: 0.4rem; font-weight: 600;
  margin: 0.5rem 0 1rem; }
.good { background: #e3eef8; color: #164a79; }
.bad { background: #fdeede; color: #8a4303; }
nav { margin: 0 0 1.4rem; display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; font-size: 0.92rem; }
a { color: var(--blue); text-decoration: none; }
a:hover, a:focus { text-decoration: underline; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: 0.9rem;
  margin: 0 0 1.2rem; }
.card, section { background: #fff; border: 1px solid var(--line); border-radius: 0.6rem; }
.card { padding: 0.8rem 1rem; }
.card b { display: block; font-size: 1.45rem; line-height: 1.3; font-weight: 650; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: 0.88rem; }
section { padding: 1.3rem 1.5rem; margin: 0 0 1.2rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 1rem 2rem;
  align-items: start; }
.pair > * { min-width: 0; }
.scroll { overflow-x: auto; margin: 0 0 0.9rem; }
table { border-collapse: collapse; font-size: 0.93rem; font-variant-numeric: tabular-nums; }
caption { color: var(--soft); font-size: 0.9rem; font-weight: 400 !important; }
tbody tr { border-top: 1px solid var(--line) !important; }
th, td { padding: 0.32rem 1.2rem 0.32rem 0 !important; }
thead th { color: var(--soft); font-weight: 600; }
th[scope=row] + td { overflow-wrap: anywhere; }
th[scope=row] { white-space: nowrap; }
figure { margin: 0 0 0.9rem; }
figure img { display: block; width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: 0.9rem; max-width: 44rem; margin-top: 0.3rem; }
footer { color: var(--soft); font-size: 0.88rem; }
@media (max-width: 640px) {
  main { padding: 1.3rem 0.8rem 3rem; }
  h1 { font-size: 1.5rem; }
  section { padding: 1rem 0.9rem; }
  .cards { grid-template-columns: 1fr 1fr; gap: 0.6rem; }
  .card { padding: 0.6rem 0.75rem; }
  .card b { font-size: 1.15rem; }
  table { font-size: 0.86rem; }
  th, td { padding-right: 0.7rem !important; }
  th[scope=row] { white-space: normal; }
}
@media print { body { background: #fff; } section, .card { break-inside: avoid; } nav { display: none; } }
"""


def page(title: str, header: str, sections: Sequence[Section], footer: str = "") -> str:
    """A whole document.

    Args:
      title: of the window; escaped here.
      header: HTML above the sections.
      sections: in their order; each gets a link at the top.
      footer: HTML below them.

    Returns:
      HTML, to be written as UTF-8.
    """
    links = "".join(f'<a href="#{_anchor(s.name)}">{escape(s.name)}</a>' for s in sections)
    bodies = "\n".join(
        f'<section id="{_anchor(s.name)}">\n<h2>{escape(s.name)}</h2>\n{s.body}\n</section>' for s in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n<header>\n{header}\n<nav>{links}</nav>\n</header>\n{bodies}\n"
        f"<footer>{footer}</footer>\n</main>\n</body>\n</html>\n"
    )


def cards(values: dict[str, str]) -> str:
    """A row of large numbers with their names."""
    return (
        '<div class="cards">'
        + "".join(f'<div class="card"><b>{escape(v)}</b><span>{escape(k)}</span></div>' for k, v in values.items())
        + "</div>"
    )


def paragraph(words: str) -> str:
    """A paragraph of text; numbers such as 1e-12 stay on one line."""
    text = _SMALL.sub(r'<span class="number">\g<0></span>', escape(words))
    return f"<p>{text}</p>"


def scrolled(table: str) -> str:
    """A table that scrolls sideways by itself where the screen is narrow."""
    return f'<div class="scroll" tabindex="0">{table}</div>'


def pair(*parts: str) -> str:
    """Parts side by side on a wide screen, one below the other on a narrow one."""
    return '<div class="pair">' + "".join(f"<div>{part}</div>" for part in parts) + "</div>"


def figure(ax: Any, alternative: str, caption: str = "") -> str:
    """The figure of `ax` as an image within the page.

    Args:
      ax: matplotlib Axes.
      alternative: what it shows, for readers who do not see it.
      caption: a line below it.

    Returns:
      HTML of a figure.
    """
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "softmax_jax"}):  # the same figure gives the same bytes
        ax.figure.savefig(file, format="svg", metadata={"Date": None})
    data = base64.b64encode(file.getvalue()).decode("ascii")
    width = round(96 * ax.figure.get_figwidth())
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    source = f'src="data:image/svg+xml;base64,{data}"'
    return f'<figure><img style="max-width:{width}px" alt="{escape(alternative)}" {source}>{below}</figure>'


def _anchor(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
