"""Small tables in HTML, for notebooks and for the report; every word that comes from outside is escaped.

A table says nothing about colours, so that it looks right in light and dark notebooks.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_CELL = "padding:0.15em 1em 0.15em 0;border:none;text-align:{align};vertical-align:top"


def escape(words: Any) -> str:
    """`words` as text of HTML, also within attributes."""
    return html.escape(str(words), quote=True)


def figure_text(value: Any) -> str:
    """A value as people read it: floats with six digits, None as a dash, True as yes.

    >>> figure_text(0.123456789), figure_text(1e-12), figure_text(12345), figure_text(None)
    ('0.123457', '1e-12', '12345', '–')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def bound_text(gap: float) -> str:
    """A duality gap in two digits, or why there is none.

    >>> bound_text(1.234e-7), bound_text(float("inf"))
    ('1.2e-07', 'none: l2 = 0 has no certificate')
    """
    return f"{gap:.1e}" if math.isfinite(gap) else "none: l2 = 0 has no certificate"


def facts(rows: Mapping[str, Any], *, title: str = "") -> str:
    """A table of two columns, name and value.

    Args:
      rows: name -> value; floats are shortened.
      title: a line above it.

    Returns:
      HTML of a table.
    """
    body = "".join(
        f'<tr><th scope="row" style="{_CELL.format(align="left")};font-weight:600">{escape(name)}</th>'
        f'<td style="{_CELL.format(align="left")}">{escape(figure_text(value))}</td></tr>'
        for name, value in rows.items()
    )
    return f"<table>{_caption(title)}<tbody>{body}</tbody></table>"


def grid(header: Sequence[Any], rows: Iterable[Sequence[Any]], *, title: str = "") -> str:
    """A table with a header; the first column is left-aligned, the others to the right.

    Args:
      header: names of the columns.
      rows: a sequence of cells each; floats are shortened.
      title: a line above it.

    Returns:
      HTML of a table.
    """
    head = "".join(_cell("th", 'scope="col" ', i, name) for i, name in enumerate(header))
    body = "".join("<tr>" + "".join(_cell("td", "", i, value) for i, value in enumerate(row)) + "</tr>" for row in rows)
    return f"<table>{_caption(title)}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def result_html(title: str, result: Any, **more: Any) -> str:
    """What a notebook shows of a fit: status, J, gap, iterations and passes.

    Args:
      title: the kind of result.
      result: anything with status, objective, duality_gap, n_iter and n_passes.
      **more: further rows, name -> value.
    """
    rows = {
        "status": result.status,
        "objective": f"{result.objective:.8g} nats per sample",
        "duality gap": bound_text(result.duality_gap),
        "iterations": result.n_iter,
        "passes over the data": result.n_passes,
    }
    return facts(rows | more, title=title)


def path_html(title: str, path: Any) -> str:
    """What a notebook shows of a path: a row for each strength.

    Args:
      title: the kind of result.
      path: anything with l2_values, status, objective, duality_gap, n_iter, n_passes, val_loss, val_accuracy and
        dropped, each of length L, and along l1 l1_values and n_features; columns that hold nothing are left out.
    """
    sparse = getattr(path, "l1_values", None) is not None and path.l1_values.any()
    of_l1 = {"l1": [f"{v:.3g}" for v in path.l1_values], "features": list(path.n_features)} if sparse else {}
    columns = of_l1 | {
        "l2": [f"{v:.3g}" for v in path.l2_values],
        "status": list(path.status),
        "objective": [float(v) for v in path.objective],
        "duality gap": [bound_text(v) for v in path.duality_gap],
        "iterations": list(path.n_iter),
        "passes over the data": list(path.n_passes),
        "validation loss": [float(v) for v in path.val_loss],
        "validation accuracy": [float(v) for v in path.val_accuracy],
        "dropped": list(path.dropped),
    }
    shown = {name: cells for name, cells in columns.items() if any(figure_text(c) not in ("", "–") for c in cells)}
    return grid(list(shown), zip(*shown.values(), strict=True), title=title)


def _caption(title: str) -> str:
    style = "caption-side:top;text-align:left;font-weight:600;padding:0.2em 0"
    return f'<caption style="{style}">{escape(title)}</caption>' if title else ""


def _cell(tag: str, attributes: str, column: int, value: Any) -> str:
    words, align = figure_text(value), "left" if column == 0 else "right"
    style = _CELL.format(align=align) + ("" if " " in words else ";white-space:nowrap")  # or 1e-12 breaks at its minus
    return f'<{tag} {attributes}style="{style}">{escape(words)}</{tag}>'
