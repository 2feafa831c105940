"""Columns of Parquet files that may be labels: whole numbers of which each occurs again, or the classes themselves.

A few rows tell most columns to be none; all rows are read of the others alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from softmax_jax.data.columns import normalised, shown
from softmax_jax.data.parquet_schema import Column, numbers, opened

if TYPE_CHECKING:
    import pyarrow as pa

_FEW = 20  # values that may be classes however few the rows are
_MOST = 1 << 16  # classes
_FIRST = 4096  # rows by which most columns are told to be none


class Part(NamedTuple):
    """Rows of a Parquet file: where it is, (n, m), and the columns that are taken."""

    path: Path
    shape: tuple[int, int]
    taken: tuple[Column, ...]


def refuse_label_columns(parts: Sequence[Part]) -> None:
    """Raise ValueError where a column of numbers may be the target of the rows of all files together.

    It may be where it holds two or more different whole numbers, each of which occurs twice on average.
    """
    found: dict[int, np.ndarray] = {}

    def few_and_whole(j: int, column: pa.Array, start: int) -> bool:
        values = np.unique(numbers(column.drop_null()))
        if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values % 1 == 0).all()):
            return False
        found[j] = np.union1d(found[j], values) if j in found and len(found[j]) else values
        return len(found[j]) <= _MOST

    few = min(max(_FEW, sum(part.shape[0] for part in parts) // 2), _MOST)
    suspects = [j for j in _left(parts, few_and_whole) if 2 <= len(found[j]) <= few]
    if suspects:
        name, *others = (normalised(parts[0].taken[j].name) for j in suspects)
        so_do = f" (and so does {shown(others)})" if others else ""
        raise ValueError(
            f"{parts[0].path}: column {name!r} holds {len(found[suspects[0]])} different whole numbers, as labels "
            f"do{so_do}; say target={name!r} to leave it out, or columns=[...] to choose the features."
        )


def refuse_copies(parts: Sequence[Part], codes: np.ndarray) -> None:
    """Raise ValueError where a column of numbers tells the class of each row.

    Args:
      parts: the files, in order.
      codes: (n,) the class of each row of all files together.
    """
    k = int(codes.max()) + 1
    if k < 2:
        return
    known = np.full((len(parts[0].taken), k), np.nan)  # the one value that each class has in a column

    def tells(j: int, column: pa.Array, start: int) -> bool:
        if column.null_count:
            return False
        values = numbers(column).astype(np.float64)
        there, first, inverse = np.unique(codes[start : start + len(values)], return_index=True, return_inverse=True)
        before, value = known[j, there], values[first]
        known[j, there] = value
        return np.array_equal(value[inverse], values) and bool(((before == value) | np.isnan(before)).all())

    for j in _left(parts, tells):
        if len(np.unique(known[j])) == k:
            name = normalised(parts[0].taken[j].name)
            raise ValueError(
                f"{parts[0].path}: column {name!r} is y itself, in other values or the same; say target={name!r} to "
                "leave it out, or columns=[...] to choose the features."
            )


def _left(parts: Sequence[Part], keep: Callable[[int, pa.Array, int], bool]) -> list[int]:
    """The columns of numbers, by place, for which `keep(place, values, first row)` is true throughout."""
    left = [j for j, column in enumerate(parts[0].taken) if column.width is None]
    for some, rows, most in ((parts[:1], _FIRST, 1), (parts, 1 << 16, None)):
        start = 0
        for part in some:
            names = {j: part.taken[j].name for j in left}
            with opened(part.path) as file:
                for batch in itertools.islice(file.iter_batches(rows, columns=list(names.values())), most):
                    left = [j for j in left if keep(j, batch.column(names[j]), start)]
                    start += batch.num_rows
                    if not left:
                        return left
    return left
