"""What a verb says: tables on stdout for people; on stderr one line each, with the exit code that belongs to it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from softmax_jax.cli.words import in_options
from softmax_jax.display.text_table import aligned

NOT_CONVERGED, BAD_INPUT, INTERRUPTED = 1, 2, 130
INTERRUPTED_BUT_SAVED = -INTERRUPTED  # what a verb returns that has told of the interruption itself
_WIDEST = 10_000  # columns: a table is never cut or wrapped, so that it can be copied and searched
_PADDING = (0, 3, 0, 0)  # right of each cell


def say(kind: str, message: object) -> None:
    """Print a message in one line, whatever line breaks it has.

    Args:
      kind: what it is, such as error or note.
      message: its words, or an object that has them as its text.
    """
    print(f"softmax-jax: {kind}: {in_options(' '.join(str(message).split()))}", file=sys.stderr)


def say_before(before: object | None) -> None:
    """Say where a run goes on from, where it does.

    Args:
      before: of `storage.before`; None where it starts anew.
    """
    if before is not None:
        say("note", before)


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


def print_facts(facts: Mapping[str, str | Sequence[object]]) -> None:
    """Print names in bold and what is said of each: words, or a line for each of several things; nothing for none."""
    table = Table.grid(padding=_PADDING, pad_edge=False)
    for name, words in facts.items():
        if words:
            table.add_row(Text(name, "bold"), Text(words if isinstance(words, str) else "\n".join(map(str, words))))
    _print(table)


def print_table(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> None:
    """Print rows of cells below bold heads.

    Args:
      rows: as many cells each.
      heads: names of the columns, of which all but the first are set to the right.
    """
    table = Table(box=None, padding=_PADDING, pad_edge=False, header_style="bold")
    for i, head in enumerate(heads):
        table.add_column(Text(head), justify="right" if i else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    _print(table)


class Rows:
    """A table of which every row is printed as soon as it is known, also where stdout is a file or a pipe."""

    def __init__(self, heads: Sequence[str], widths: Sequence[int]) -> None:
        """The heads are printed above the first row.

        Args:
          heads: names of the columns.
          widths: of these, in characters.
        """
        self._out, self._widths, self._heads = sys.stdout, widths, heads

    def row(self, cells: Sequence[str]) -> None:
        """Print a row; in a terminal above the live line, which stands in for `sys.stdout` there."""
        lines = [aligned(words, self._widths) for words in (self._heads, cells) if words]
        self._heads: Sequence[str] = ()
        print("\n".join(lines), file=None if self._out.isatty() else self._out, flush=True)


def _print(table: Table) -> None:
    console = Console(width=_WIDEST)
    with console.capture() as shown:
        console.print(table)
    print("\n".join(line.rstrip() for line in shown.get().splitlines()))
