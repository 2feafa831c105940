"""Tables on stdout for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(rows: Iterable[Sequence[str]], heads: Sequence[str] = ()) -> None:
    """Print rows of cells as plain text; the first column, or the line of heads, is bold.

    Args:
      rows: as many cells each.
      heads: names of the columns, all but the first of them of numbers; none where the first column has the names.
    """
    table = Table.grid(padding=(0, 3))
    for head in heads:
        table.add_column(justify="left" if head == heads[0] else "right")
    if heads:
        table.add_row(*(Text(head, style="bold") for head in heads))
    for first, *others in rows:
        table.add_row(Text(first, style="" if heads else "bold"), *map(Text, others))
    Console(soft_wrap=True).print(table)
