"""What a verb says: tables on stdout for people; on stderr one line each, with the exit code that belongs to it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

NOT_CONVERGED, BAD_INPUT, INTERRUPTED = 1, 2, 130
INTERRUPTED_BUT_SAVED = -INTERRUPTED  # what a verb returns that has told of the interruption itself
_WIDEST = 10_000  # columns: a table is never cut or wrapped, so that it can be copied and searched


def say(kind: str, message: object) -> None:
    """Print a message in one line, whatever line breaks it has.

    Args:
      kind: what it is, such as error or note.
      message: its words, or an object that has them as its text.
    """
    print(f"softmax-jax: {kind}: {' '.join(str(message).split())}", file=sys.stderr)


def verdict(status: str, words: str, *, aloud: bool = True) -> int:
    """The exit code of a run that is written; what is not plain success is said in a line.

    Args:
      status: how its fit ended.
      words: what that means and what to do.
      aloud: whether to say it; of several processes only one does.
    """
    if status == "converged":
        return 0
    kind, code = "not converged", NOT_CONVERGED
    if status == "interrupted":
        kind, code = status, INTERRUPTED_BUT_SAVED
    if aloud:
        say(kind, words)
    return code


def print_table(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> None:
    """Print rows of cells; bold are the heads, or the first column where there are none.

    Args:
      rows: as many cells each; a cell of several lines makes its row as high.
      heads: names of the columns, of which all but the first are set to the right; none where the first column
        has the names.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=bool(heads), header_style="bold")
    for i, head in enumerate(heads or [""] * len(rows[0])):
        names = not heads and i == 0
        table.add_column(Text(head), justify="right" if heads and i else "left", style="bold" if names else "")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=_WIDEST)
    with console.capture() as shown:
        console.print(table)
    print("\n".join(line.rstrip() for line in shown.get().splitlines()))
