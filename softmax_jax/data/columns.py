"""A table with named columns: which of them are features, which the labels, which the weights.

CSV and Parquet files are such tables; what is said about their columns is said here once. Names are compared in
Unicode's composed form (NFC), so that it does not matter on which machine a header was typed.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from softmax_jax.data.dataset import Dataset, Features
from softmax_jax.data.rows.reading import in_memory

NAMELESS = re.compile(r"Unnamed: \d+|__index_level_\d+__")  # what pandas calls the index of a frame in a file
Value = TypeVar("Value")


class Table(Protocol):
    """Columns that are read when asked for."""

    path: Path
    names: dict[str, str]  # of features, in NFC, and of the column that each is an entry of, or is itself
    index: tuple[str, ...]  # those of them that number the rows of a data frame
    notes: tuple[str, ...]  # what was decided in reading, in words

    def numbers(self, names: Sequence[str]) -> Any:
        """The columns `names` (n, len(names)): finite floating numbers, or a ValueError with the place.

        A table that leaves its rows where they are gives a source of them.
        """
        ...

    def labels(self, name: str, beside: Sequence[str] = ()) -> np.ndarray:
        """The column `name` (n,) as labels, none missing.

        Args:
          name: of a column of integers, bool or text.
          beside: columns whose numbers are asked for next, where one pass over the file is less work than two.
        """
        ...


def labelled(table: Table, target: str | None, *, weights: str | None = None, drop: Iterable[str] = ()) -> Dataset:
    """Labels from one column, sample weights from another, and features from all that are left but the index.

    Args:
      table: the columns.
      target: the column of labels.
      weights: the column of sample weights, or None.
      drop: columns to leave out, of lists as a whole or by entry.

    Returns:
      Dataset, named like the file.

    Raises:
      ValueError: no such column, none left for features, or a cell that is not what its column should hold.
    """
    path, names = table.path, list(table.names)
    if target is None:
        raise ValueError(f"target must name the column of labels in {path}; columns: {shown(names)}.")
    target = column_of(names, target, "target", str(path))
    dropped = dropped_columns(table, drop)
    weighed = [] if weights is None else [column_of(names, weights, "weights", str(path))]
    if target in weighed:
        raise ValueError(f"weights must be another column than target, got {target!r} for both.")
    out = {target, *weighed, *dropped}
    index = [name for name in table.index if name not in out]
    features = [name for name in names if name not in {*out, *index}]
    notes = (*table.notes, *index_notes(index))
    if not features:
        left = "".join(f" ({note})" for note in notes)
        raise ValueError(f"{path}: no column is left for features{left}; columns: {shown(names)}.")
    y, w = table.labels(target, beside=[*features, *weighed]), None
    for name in weighed:
        w = checked_weights(in_memory(table.numbers([name]))[:, 0], len(y), f"{path}, column {name!r}")
    return Dataset(path.name.split(".")[0], table.numbers(features), y, tuple(features), weights=w, notes=notes)


def index_notes(index: Sequence[str]) -> tuple[str, ...]:
    """What to say of columns that are left out because they number the rows."""
    return (f"left out as the index of a data frame: {shown(index)}",) if index else ()


def features_by_name(table: Table, names: Sequence[str], drop: Iterable[str] = ()) -> Features:
    """The columns of a table that a model asks for, in the model's order.

    Where they are taken by position, one column of text more than the model takes, at either end, is left out: labels.

    Args:
      table: the columns.
      names: the model's feature names, or "0", "1", ... where it has none.
      drop: columns to leave out, of lists as a whole or by entry.

    Raises:
      ValueError: a column is missing, or a cell is not a number.
    """
    asked, out = set(map(normalised, names)), set(dropped_columns(table, drop))
    there = [name for name in table.names if (name in asked or name not in table.index) and name not in out]
    label = _label_column(table, names, there)
    found = matched(names, [name for name in there if name != label], str(table.path))
    ignored = tuple(name for name in table.names if name not in set(found))
    by_position = list(map(normalised, found)) != list(map(normalised, names))
    notes = (*table.notes, *((f"left out as labels, because it holds text: {label}",) if label else ()))
    return Features(table.numbers(found), ignored, by_position, notes)


def dropped_columns(table: Table, drop: Iterable[str]) -> list[str]:
    """The columns that `drop` names, of lists as a whole or by entry.

    Args:
      table: the columns.
      drop: names.

    Raises:
      ValueError: there is no such column.
    """
    names, found = list(table.names), []
    for name in drop:
        entries = [entry for entry, column in table.names.items() if column == normalised(name) != entry]
        found += entries or [column_of(names, name, "drop", str(table.path))]
    return found


def _label_column(table: Table, names: Sequence[str], there: Sequence[str]) -> str | None:
    """The one column too many, at either end, where columns are taken by position and it holds text; else None."""
    nameless = is_positions(names) and is_positions(there)
    by_name = not nameless and set(map(normalised, names)) <= set(map(normalised, there))
    if by_name or len(there) != len(names) + 1 or not (is_positions(names) or is_positions(there)):
        return None
    return next((name for name in (there[-1], there[0]) if not _holds_numbers(table, name)), None)


def _holds_numbers(table: Table, name: str) -> bool:
    try:
        table.numbers([name])
    except ValueError:
        return False
    return True


def matched(names: Sequence[str], available: Sequence[str], where: str) -> list[str]:
    """Those of `available` that a model with feature names `names` takes, in its order.

    Where the names of either are only positions, they are taken by position, if they are equally many.

    Args:
      names: of the model's features.
      available: names of columns.
      where: words for where they are, for the error.

    Raises:
      ValueError: one is missing; the message names it and `where`.
    """
    plain = all(len(set(map(normalised, each))) == len(each) for each in (names, available))
    form = normalised if plain else str  # both spellings of one name are two columns
    there = {form(name): name for name in available}
    missing = [name for name in names if form(name) not in there]
    nameless = is_positions(names) and is_positions(available)
    if not missing and not (nameless and len(names) != len(available)):
        return [there[form(name)] for name in names]
    if is_positions(names) or is_positions(available):
        if len(available) == len(names):
            return list(available)
        more = " Leave out the others of a table by drop (--drop)." if len(available) > len(names) else ""
        words = f"{where} has {len(available)} columns, but the model takes {len(names)}: {shown(names)}."
        raise ValueError(f"{words}{more}")
    close = difflib.get_close_matches(missing[0], available, 1)
    hint = f" Did you rename {missing[0]!r} to {close[0]!r}?" if close else ""
    raise ValueError(
        f"{where} lacks {len(missing)} of the {len(names)} columns of the model: {shown(missing)}; it has "
        f"{shown(available)}.{hint}"
    )


def column_of(names: Sequence[str], name: str, argument: str, where: str) -> str:
    """`name` as it stands among `names`.

    Args:
      names: in NFC.
      name: in any form.
      argument: what gave it, for the error.
      where: words for where the columns are.

    Raises:
      ValueError: there is no such name.
    """
    found = normalised(name)
    if found not in names:
        close = difflib.get_close_matches(found, names, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{argument} must be a column of {where}, got {name!r}; columns: {shown(names)}.{hint}")
    return found


def distinct(named: Sequence[tuple[str, Value]], path: Path) -> dict[str, Value]:
    """Pairs of a name and what it stands for as a dict.

    Args:
      named: the pairs.
      path: of the file, for the error.

    Raises:
      ValueError: a name occurs more than once.
    """
    found: dict[str, Value] = {}
    for name, value in named:
        if name in found:
            raise ValueError(f"{path}: column names must differ, {name!r} occurs more than once.")
        found[name] = value
    return found


def normalised(name: str) -> str:
    """A name in Unicode's composed form."""
    return unicodedata.normalize("NFC", name)


def positions(m: int) -> tuple[str, ...]:
    """The names "0", "1", ... of m columns without names."""
    return tuple(str(j) for j in range(m))


def is_positions(names: Sequence[str]) -> bool:
    """Whether names say no more than positions."""
    return tuple(names) == positions(len(names))


def shown(names: Sequence[str]) -> str:
    """A few names as words."""
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def checked_weights(weights: np.ndarray, n: int, where: str) -> np.ndarray:
    """Sample weights (n,) in float64.

    Args:
      weights: as a file holds them.
      n: rows of X.
      where: words for their place, for the error.

    Raises:
      ValueError: they are not n numbers, one is negative or not finite, or all are zero.
    """
    if weights.shape != (n,) or weights.dtype.kind not in "biuf":
        raise ValueError(f"{where} must be {n} numbers, one per row of X, got {weights.dtype} {weights.shape}.")
    weights = weights.astype(np.float64)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"{where}: a sample weight must be finite and not negative, got {weights[i]:g} in row {i}.")
    if not (weights > 0).any():
        raise ValueError(f"{where}: at least one sample weight must be positive, got all zero.")
    return weights
