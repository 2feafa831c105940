"""A table with named columns: which of them are features, which the labels, which the weights.

CSV and Parquet files are such tables; what is said about their columns is said here once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from softmax_jax.data.dataset import Dataset, Features

_SHOWN = 12  # names in an error message


class Table(Protocol):
    """Columns that are read when asked for."""

    path: Path
    names: list[str]

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """The columns `names` (n, len(names)): finite floating numbers, or a ValueError with the place."""
        ...

    def labels(self, name: str) -> np.ndarray:
        """The column `name` (n,) as labels: integers, bool or text, none missing."""
        ...


def labelled(table: Table, target: str | None, *, weights: str | None = None, drop: Iterable[str] = ()) -> Dataset:
    """Labels from one column, sample weights from another, and features from all that are left.

    Args:
      table: the columns.
      target: the column of labels.
      weights: the column of sample weights, or None.
      drop: columns to leave out.

    Returns:
      Dataset, named like the file.

    Raises:
      ValueError: no such column, none left for features, or a cell that is not what its column should hold.
    """
    if target is None:
        raise ValueError(f"target must name the column of labels in {table.path}; columns: {shown(table.names)}.")
    _check_column(table, target, "target")
    taken = {target}
    for name in (*drop, *([] if weights is None else [weights])):
        _check_column(table, name, "weights" if name == weights else "drop")
        taken.add(name)
    if weights == target:
        raise ValueError(f"weights must be another column than target, got {target!r} for both.")
    features = [name for name in table.names if name not in taken]
    if not features:
        raise ValueError(f"{table.path}: no column is left for features; columns: {shown(table.names)}.")
    w = None if weights is None else _weights(table, weights)
    X = table.numbers(features)
    return Dataset(table.path.name.split(".")[0], X, table.labels(target), tuple(features), weights=w)


def features_by_name(table: Table, names: Sequence[str]) -> Features:
    """The columns of a table that a model asks for, in the model's order.

    Args:
      table: the columns.
      names: the model's feature names, or "0", "1", ... where it has none.

    Raises:
      ValueError: a column is missing, or a cell is not a number.
    """
    found = matched(names, table.names, str(table.path))
    used = set(found)
    ignored = tuple(name for name in table.names if name not in used)
    return Features(table.numbers(found), ignored, by_position=found != list(names))


def matched(names: Sequence[str], available: Sequence[str], where: str) -> list[str]:
    """Those of `available` that a model with feature names `names` takes, in its order.

    Where the names of either are only positions, they are taken by position, if they are equally many.

    Raises:
      ValueError: one is missing; the message names it and `where`.
    """
    there = set(available)
    missing = [name for name in names if name not in there]
    if not missing:
        return list(names)
    if is_positions(names) or is_positions(available):
        if len(available) == len(names):
            return list(available)
        raise ValueError(f"{where} has {len(available)} columns, but the model takes {len(names)}: {shown(names)}.")
    close = difflib.get_close_matches(missing[0], available, 1)
    hint = f" Did you rename {missing[0]!r} to {close[0]!r}?" if close else ""
    raise ValueError(
        f"{where} lacks {len(missing)} of the {len(names)} columns of the model: {shown(missing)}; it has "
        f"{shown(available)}.{hint}"
    )


def positions(m: int) -> tuple[str, ...]:
    """The names "0", "1", ... of m columns without names."""
    return tuple(str(j) for j in range(m))


def is_positions(names: Sequence[str]) -> bool:
    """Whether names say no more than positions."""
    return tuple(names) == positions(len(names))


def shown(names: Sequence[str]) -> str:
    """A few names as words."""
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def whole_labels(values: np.ndarray, where: str) -> np.ndarray:
    """Floating labels as the integers they are.

    Raises:
      ValueError: one is missing or has a fraction.
    """
    if not np.isfinite(values).all():
        raise ValueError(f"{where}: the label is missing in row {int(np.argmin(np.isfinite(values)))}.")
    if (values % 1 != 0).any() or np.abs(values).max(initial=0) > 2**53:
        raise ValueError(f"{where} must hold classes, got {values[values % 1 != 0][:1]}: continuous numbers.")
    return values.astype(np.int64)


def _check_column(table: Table, name: str, argument: str) -> None:
    if name not in table.names:
        close = difflib.get_close_matches(name, table.names, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"{argument} must be a column of {table.path}, got {name!r}; columns: {shown(table.names)}.{hint}"
        )


def _weights(table: Table, name: str) -> np.ndarray:
    """The column of sample weights (n,), of which none is negative and one is positive."""
    weights = table.numbers([name])[:, 0].astype(np.float64)
    check_weights(weights, f"{table.path}, column {name!r}")
    return weights


def check_weights(weights: np.ndarray, where: str) -> None:
    """Raise ValueError if a weight is negative or not finite, or all are zero."""
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"{where}: a sample weight must be finite and not negative, got {weights[i]:g} in row {i}.")
    if not (weights > 0).any():
        raise ValueError(f"{where}: at least one sample weight must be positive, got all zero.")
