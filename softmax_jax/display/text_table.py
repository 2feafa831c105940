"""A table as plain text, for `print`: a head, and cells aligned below it."""

from __future__ import annotations

from collections.abc import Sequence


def text_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of a table; the first column is set to the left, the others to the right.

    Args:
      heads: names of the columns.
      rows: as many cells each.

    >>> print(text_table(("", "l2"), [("best", "0.1"), ("", "0.01")]))
            l2
    best   0.1
          0.01
    """
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    return "\n".join(aligned(row, widths) for row in (heads, *rows))


def aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of a table.

    Args:
      cells: its words.
      widths: of the columns, in characters; longer words move what follows.
    """
    first, *others = (
        cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()
