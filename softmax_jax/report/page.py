"""One HTML page that needs nothing else: its style inline, its figures as data, no script, no network.

The HTML is in the templates beside, which escape every word that is not HTML itself.
"""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import matplotlib
from jinja2 import Environment, PackageLoader
from matplotlib.axes import Axes

from softmax_jax.display import html
from softmax_jax.plots.style import figure_of

_SMALL = re.compile(r"\d[\d.]*e-\d+")
_templates = Environment(loader=PackageLoader("softmax_jax.report", "."), autoescape=True, trim_blocks=True)
_templates.filters["anchor"] = lambda name: re.sub("[^a-z0-9]", "-", name.lower())
_templates.filters["unbroken"] = lambda text: _SMALL.sub(r'<span class="number">\g<0></span>', str(text))
_templates.globals["html"] = html
parts: Any = _templates.get_template("parts.html.j2").module  # text(*words), facts(rows), grid(header, rows, title)


def page(**content: Any) -> str:
    """A whole document, to be written as UTF-8.

    Args:
      **content: what the template names: name, size, good, verdict, cards (words -> number), sections (heading ->
        columns of HTML, side by side where there is room), footer.
    """
    return _templates.get_template("page.html.j2").render(content)


def figure(ax: Axes, alternative: str, caption: str = "") -> str:
    """The figure of some axes as an image within the page.

    Args:
      ax: on which it is drawn.
      alternative: what it shows, for readers who do not see it.
      caption: a line below it.

    Returns:
      HTML of a figure.
    """
    file, drawn = io.BytesIO(), figure_of(ax)
    with matplotlib.rc_context({"svg.hashsalt": "softmax_jax"}):  # the same figure gives the same bytes
        drawn.savefig(file, format="svg", metadata={"Date": None})
    source = base64.b64encode(file.getvalue()).decode("ascii")
    return parts.figure(source, round(96 * drawn.get_figwidth()), alternative, caption)
