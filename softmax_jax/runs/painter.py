"""A process that draws beside the one that fits: importing matplotlib takes as long as fitting a small table.

It is started before the fit, imports what drawing takes, waits for what there is to show, draws it, and ends. Where
there is no second core, or matplotlib is here already, or the process does not come up, the pictures are drawn here.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from softmax_jax.runs.pictures import Shown, draw

_CODE = "import sys; sys.path[:] = {path!r}; from softmax_jax.runs.painter import serve; serve()"


class Painter:
    """Draws the pictures of one run; a context, at the end of which no process is left."""

    def __init__(self, *, beside: bool) -> None:
        """Nothing is started yet.

        Args:
          beside: whether there will be pictures, to be drawn in another process where it pays.
        """
        self._beside = beside and _pays()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the process, where it pays."""
        if self._beside:
            command, pipe = [sys.executable, "-c", _CODE.format(path=sys.path)], subprocess.PIPE
            with contextlib.suppress(OSError):
                self._process = subprocess.Popen(
                    command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True
                )  # a session of its own: Ctrl-C is for the fit
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        """End the process, should it still be there."""
        if self._process is not None:
            with self._process:
                self._process.kill()

    def draw(self, shown: Shown, out: Path) -> list[Path]:
        """As `pictures.draw`."""
        if self._process is not None:
            answer, _ = self._process.communicate(pickle.dumps((shown, out)))
            if answer:
                return pickle.loads(answer)
        return draw(shown, out)


def serve() -> None:
    """Import, wait for what there is to show, draw it, and say where: in the process that `Painter` starts."""
    from softmax_jax.runs.pictures import warm_up

    warm_up()
    warnings.simplefilter("error")  # what would warn is drawn again by the other, where warnings are told
    shown, out = pickle.load(sys.stdin.buffer)
    sys.stdout.buffer.write(pickle.dumps(draw(shown, out)))


def _pays() -> bool:
    """Whether there is a second core, and matplotlib not here already."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores > 1 and bool(sys.executable) and "matplotlib" not in sys.modules
