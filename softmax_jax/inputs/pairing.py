"""Where two tables meet, their columns are paired by name, never by their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from softmax_jax.display.user_warnings import warn_user
from softmax_jax.inputs.conversion import column_names

_SHOWN = 8  # names in a message


def table_names(X: Any) -> list[Any]:
    """Names of the columns of a frame, or of a source of rows that has them; empty for anything else."""
    if not callable(getattr(X, "reader", None)):
        return column_names(X)
    columns = getattr(getattr(X, "parts", (X,))[0], "columns", None) or ()
    return list(columns) if len(columns) == X.shape[1] else []


def paired(array: Any, source: Any, names: Sequence[Any], name: str, of: str = "X") -> Any:
    """`array` with its columns in the order of `names`; see `order`.

    Args:
      array: (n, m), made from `source`.
      source: that has names of columns, or none.
      names: of the other table.
      name: what error messages call the source.
      of: what they call the other table.
    """
    columns = order(column_names(source), names, name, of)
    return array if columns is None else array[:, columns]


def order(theirs: Sequence[Any], names: Sequence[Any], name: str, of: str) -> list[int] | None:
    """The place among `theirs` of each of `names`; None where the columns are in that order already.

    Names on one side only are warned of, and the columns are taken in their order, as in scikit-learn. Columns that are
    only numbered, 0 to m - 1, have no names, unless the other side has the same numbers in another order.

    Args:
      theirs: names of the columns of the table `name`; empty where it has none.
      names: of the other table, `of`.
      name: what error messages call the first table.
      of: what they call the other one.

    Raises:
      ValueError: the names differ, and not only in their order.
    """
    if list(theirs) == list(names):
        return None
    if set(theirs) == set(names):
        place = {each: j for j, each in enumerate(theirs)}
        return [place[each] for each in names]
    if not (_numbered(theirs) or _numbered(names)):
        raise ValueError(
            f"{name} must have the columns of {of}, in any order; {of} alone has {_words(names, theirs)}, {name} alone "
            f"{_words(theirs, names)}."
        )
    if any(isinstance(each, str) for each in (*theirs, *names)):
        named, nameless = (name, of) if _numbered(names) else (of, name)
        warn_user(f"{named} has column names, but {nameless} has none: columns are taken in their order.")
    return None


def _numbered(names: Sequence[Any]) -> bool:
    """Whether names are none, or say no more than positions."""
    return list(names) == list(range(len(names)))


def _words(names: Sequence[Any], others: Sequence[Any]) -> str:
    """Those of `names` that are not in `others`."""
    there = set(others)
    alone = [str(each) for each in names if each not in there]
    return (", ".join(alone[:_SHOWN]) + (f" and {len(alone) - _SHOWN} more" if len(alone) > _SHOWN else "")) or "none"
