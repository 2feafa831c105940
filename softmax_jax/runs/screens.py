"""Where a live line is shown: in a terminal, in the cell of a notebook, or nowhere, as in a log file."""

from __future__ import annotations

import importlib
import sys
import weakref
from typing import IO, Any

_BAR_COLUMNS = 24
_TEXT_COLUMNS = 84  # of a long text
_OTHER_COLUMNS = 12  # spinner, time and the spaces between


def screen(stream: IO[str] | None) -> Screen:
    """Where the line is shown: in a notebook, where IPython runs behind one, else in a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if type(shell).__name__ == "ZMQInteractiveShell":
        return _Notebook()
    place: Any = stream or sys.stderr  # None behind a window without a console
    return _Terminal(place) if place is not None and place.isatty() else Screen()


class Screen:
    """Nowhere; the others are like it.

    Attributes:
      columns: characters that there is room for.
    """

    columns = 200

    def open(self, *, moving: bool) -> None:
        """Show that there is work; a moving line shows by itself that it goes on."""
        self.draw("compiling", 0.0)

    def draw(self, text: str, done: float) -> None:
        """Show a line.

        Args:
          text: its words.
          done: the part of the way that is done, in [0, 1].
        """

    def close(self) -> None:
        """Take the line away."""


class _Terminal(Screen):
    """One line of a terminal, by rich. It is taken away when this object is dropped, at the latest."""

    def __init__(self, stream: Any) -> None:
        try:
            from rich.console import Console
        except ImportError as error:
            raise ImportError("the progress line needs rich: pip install 'softmax_jax[cli]'") from error
        self._console = Console(file=stream, force_jupyter=False)
        self._bar: Any = None
        self.columns = self._console.width - _OTHER_COLUMNS

    def open(self, *, moving: bool) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        room = min(_BAR_COLUMNS, self.columns - _TEXT_COLUMNS)
        bar = [BarColumn(room)] if room >= 8 else []
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), *bar, TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._console, transient=True, auto_refresh=moving)
        self._task = self._bar.add_task("compiling", total=None)
        self._end = weakref.finalize(self, self._bar.stop)  # also when Python exits: a hidden cursor comes back
        self._bar.start()

    def draw(self, text: str, done: float) -> None:
        if self._bar is None:
            self.open(moving=False)
        bar: Any = self._bar
        bar.update(self._task, description=text, completed=min(done, 0.999), total=1, refresh=True)  # 1 stops the clock

    def close(self) -> None:
        if self._bar is not None:
            self._end()
            self._bar = None


class _Notebook(Screen):
    """One line of a cell's output that is rewritten; the last one stays."""

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, text: str, done: float) -> None:
        display = importlib.import_module("IPython.display").display  # is there where a notebook is
        content = {"text/plain": text}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
