"""Tables on stdout for people: aligned, never cut or wrapped, so that they can be copied and searched."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text


def print_table(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> None:
    """Print rows of cells; bold are the heads, or the first column where there are none.

    Args:
      rows: as many cells each; a cell of several lines makes its row as high.
      heads: names of the columns, of which all but the first are set to the right; none where the first column
        has the names.
    """
    console = Console(soft_wrap=True, highlight=False)
    table = [heads, *rows] if heads else list(rows)
    widths = [max(len(line) for row in table for line in row[j].split("\n")) for j in range(len(table[0]))]
    for i, row in enumerate(table):
        for line in _lines(row):
            cells = [
                _padded(cell, width, bool(heads) and j > 0)
                for j, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            text = Text("   ".join(cells).rstrip(), style="bold" if heads and i == 0 else "")
            if not heads:
                text.stylize("bold", 0, widths[0])
            console.print(text)


def _lines(row: Sequence[str]) -> list[list[str]]:
    """A row with cells of several lines as rows of one line each."""
    split = [cell.split("\n") for cell in row]
    height = max(map(len, split))
    return [[lines[i] if i < len(lines) else "" for lines in split] for i in range(height)]


def _padded(cell: str, width: int, right: bool) -> str:
    return cell.rjust(width) if right else cell.ljust(width)
