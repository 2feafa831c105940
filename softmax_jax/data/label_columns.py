"""Columns of Parquet files that may be labels: whole numbers of which each occurs again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.data.columns import shown
from softmax_jax.data.parquet_schema import is_number, opened, plain_numbers, spelled

_FEW = 20  # values that may be classes however few the rows are
_MOST = 1 << 16  # classes
_FIRST = 4096  # rows by which most columns are told to be none


def refuse_label_columns(paths: Sequence[Path], names: Sequence[str]) -> None:
    """Raise ValueError where one of the columns `names`, in NFC, may be the target of the rows of all files together.

    It may be where it holds two or more different whole numbers, each of which occurs twice on average.

    Args:
      paths: the files, in order.
      names: columns of numbers in all of them.
    """
    found: dict[str, np.ndarray] = {name: np.empty(0) for name in names}
    n = sum(_add_values(path, found) for path in paths)
    few = min(max(_FEW, n // 2), _MOST)
    suspects = {name: values for name, values in found.items() if 2 <= len(values) <= few}
    if suspects:
        name, values = next(iter(suspects.items()))
        others = "" if len(suspects) == 1 else f" (and so does {shown(list(suspects)[1:])})"
        raise ValueError(
            f"{paths[0]}: column {name!r} holds {len(values)} different whole numbers, as labels do{others}; say "
            f"target={name!r} to leave it out, or columns=[...] to choose the features."
        )


def _add_values(path: Path, found: dict[str, np.ndarray]) -> int:
    """Add the values of a file to those `found`, and strike out the columns that are no labels; its number of rows."""
    with opened(path) as file:
        own = spelled(file.schema_arrow, path)
        for name in list(found):
            if not is_number(file.schema_arrow.field(own[name]).type):
                del found[name]
        for rows in (_FIRST, 1 << 16):  # a few rows of all columns first, then all rows of the few that are left
            for batch in file.iter_batches(batch_size=rows, columns=[own[name] for name in found]) if found else ():
                for name in list(found):
                    _add(found, name, batch.column(own[name]))
                if rows == _FIRST or not found:
                    break
        return file.metadata.num_rows


def _add(found: dict[str, np.ndarray], name: str, column: Any) -> None:
    values = plain_numbers(column.drop_null())
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values % 1 == 0).all()):
        del found[name]
        return
    found[name] = np.union1d(found[name], values) if len(found[name]) else np.unique(values)
    if len(found[name]) > _MOST:
        del found[name]


def refuse_copies(paths: Sequence[Path], names: Sequence[str], codes: np.ndarray) -> None:
    """Raise ValueError where one of the columns `names`, in NFC, tells the class of each row.

    Args:
      paths: the files, in order.
      names: columns of numbers in all of them.
      codes: (n,) the class of each row of all files together.
    """
    k = int(codes.max()) + 1
    if k < 2:
        return
    known = {name: np.full(k, np.nan) for name in names}
    _compare(paths[:1], known, codes, rows=_FIRST)  # by which most columns are told to be none
    for name in _compare(paths, known, codes):
        if len(np.unique(known[name])) == k:
            raise ValueError(
                f"{paths[0]}: column {name!r} is y itself, in other values or the same; say target={name!r} to leave "
                "it out, or columns=[...] to choose the features."
            )


def _compare(
    paths: Sequence[Path], known: dict[str, np.ndarray], codes: np.ndarray, rows: int | None = None
) -> Sequence[str]:
    """Note the one value that each class has in a column, and strike out the columns where it has several."""
    start = 0
    for path in paths:
        with opened(path) as file:
            own = spelled(file.schema_arrow, path)
            for batch in file.iter_batches(batch_size=rows or 1 << 16, columns=[own[name] for name in known]):
                labels = codes[start : start + batch.num_rows]
                for name in [name for name in known if not _tells(batch.column(own[name]), labels, known[name])]:
                    del known[name]
                start += batch.num_rows
                if rows is not None or not known:
                    return list(known)
    return list(known)


def _tells(column: Any, labels: np.ndarray, known: np.ndarray) -> bool:
    """Whether each class has one value in `column`, that of `known`, where it is noted."""
    if column.null_count:
        return False
    values = plain_numbers(column).astype(np.float64)
    there, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    value = values[first]
    if not np.array_equal(value[inverse], values):
        return False
    before = known[there]
    known[there] = value
    return bool(((before == value) | np.isnan(before)).all())
