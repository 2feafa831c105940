"""Tables in several files, one after the other: columns are found by name in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from softmax_jax.data.columns import Table, shown
from softmax_jax.data.labels import joined_labels


class StackedTable:
    """The rows of several tables.

    Args:
      path: of the folder that they are in.
      parts: the tables, in order.
      notes: what was decided in reading, in words.

    Raises:
      ValueError: they have not the same columns.
    """

    def __init__(self, path: Path, parts: Sequence[Table], notes: tuple[str, ...]) -> None:
        """Compare the names."""
        self.path, self.parts, self.notes = path, tuple(parts), notes
        index = {name for part in parts for name in part.index}
        for part in parts[1:]:
            odd = sorted((set(part.names) ^ set(parts[0].names)) - index)
            if odd:
                raise ValueError(
                    f"{part.path} and {parts[0].path.name} must have the same columns; {shown(odd)} differ."
                )
        self.names = [name for name in parts[0].names if all(name in part.names for part in parts)]
        self.index = tuple(name for name in self.names if name in index)

    def prepare(self, numbers: Sequence[str], labels: str) -> None:
        """Read these columns of each part."""
        for part in self.parts:
            part.prepare(numbers, labels)

    def members(self, name: str) -> list[str]:
        """The names of the entries of a column of lists."""
        return self.parts[0].members(name)

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """The columns `names` (n, len(names)) of all parts."""
        return np.concatenate([part.numbers(names) for part in self.parts])

    def labels(self, name: str) -> np.ndarray:
        """The column `name` (n,) of all parts."""
        return joined_labels([part.labels(name) for part in self.parts], [part.path for part in self.parts])
