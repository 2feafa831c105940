"""What a directory of checkpoints tells of the runs before: how far they came, and how long they took.

Only the texts at the start of the newest files are read. Whether a computation may go on from them is decided by
`checkpoints.CheckpointStore.load`, which reads and proves them whole.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from softmax_jax.storage.checkpoints import checkpoint_files
from softmax_jax.storage.container import ModelFileError, read_texts


class Before(NamedTuple):
    """Where a computation goes on from.

    Attributes:
      checkpoint: path of the newest file; of a search the directory.
      n_done: iterations, or epochs of gradient descent; of a search the strengths.
      n_passes: over the data until then; 0 of a search.
      wall_s: seconds that the runs before took until they wrote it, with those before them.
      unit: what n_done counts.
    """

    checkpoint: str
    n_done: int
    n_passes: int
    wall_s: float
    unit: str

    def __str__(self) -> str:
        """In a sentence."""
        passes = f", {self.n_passes} passes" if self.n_passes else ""
        return f"Going on from {self.checkpoint}: {self.n_done} {self.unit}{passes}, {self.wall_s:.1f} s so far."


def fit_before(directory: str | os.PathLike[str] | None) -> Before | None:
    """Where a fit with this checkpoint directory goes on from; None where it starts anew.

    Args:
      directory: as `checkpoint` of `fit`; None for none.
    """
    found = _newest(directory)
    if found is None:
        return None
    path, texts = found
    state = json.loads(json.loads(texts["texts"]).get("host_state", "{}"))
    n_iter, unit = state.get("n_iter"), "iterations"
    if n_iter is None:
        n_iter, unit = state.get("n_epochs", 0), "epochs"
    return Before(path, n_iter, state.get("n_passes", 0), _seconds(texts), unit)


def search_before(directory: str | os.PathLike[str] | None) -> Before | None:
    """The same of a search, whose fits have directories of their own below this one.

    Args:
      directory: as `checkpoint` of `linear_probe`; None for none.
    """
    if directory is None:
        return None
    folders = [path.parent for path in Path(directory).glob("**/lock")]
    found = [texts for _, texts in filter(None, map(_newest, sorted(folders)))]
    if not found:
        return None
    done = sum(int(json.loads(texts["texts"]).get("done", 0)) for texts in found)
    return Before(os.fspath(directory), done, 0, sum(map(_seconds, found)), "strengths")


def _newest(directory: str | os.PathLike[str] | None) -> tuple[str, dict[str, str]] | None:
    """The newest file that has the texts of a checkpoint, and these."""
    if directory is None or not os.path.isdir(directory):
        return None
    for path in reversed(checkpoint_files(os.fspath(directory))):
        try:
            texts = read_texts(path)
        except (ModelFileError, OSError):
            continue
        if texts.get("kind") == "checkpoint" and "texts" in texts:
            return path, texts
    return None


def _seconds(texts: dict[str, str]) -> float:
    return float(texts.get("wall_s", 0.0))
