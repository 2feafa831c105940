"""Where two tables meet, their columns are paired by name, never by their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from softmax_jax.conversion import column_names
from softmax_jax.warned import warn_user

_SHOWN = 8  # names in a message


def table_names(X: Any) -> list[Any]:
    """Names of the columns of a frame, or of a source of rows that has them; empty for anything else."""
    named = getattr(X, "blocks", None) is None and hasattr(X, "reader")
    if not named:
        return column_names(X)
    first = X.parts[0] if hasattr(X, "parts") else X
    return [] if getattr(first, "is_list", True) else list(first.columns)


def paired(array: Any, source: Any, names: Sequence[Any], name: str, of: str = "X") -> Any:
    """The columns of `array` in the order of `names`.

    Names on one side only are warned of and taken by position, as scikit-learn does. So are columns that are only
    numbered, 0 to m - 1, on either side.

    Args:
      array: (n, m) NumPy or JAX array, or SciPy matrix.
      source: what it was made from, which may be a frame.
      names: of the columns of the other table; empty where it has none.
      name: what error messages call `source`.
      of: what they call the other table.

    Raises:
      ValueError: the names differ, and not only in their order.
    """
    theirs = column_names(source)
    if theirs == list(names):
        return array
    if set(theirs) == set(names):
        place = {each: j for j, each in enumerate(theirs)}
        return array[:, [place[each] for each in names]]
    if not (_numbered(theirs) or _numbered(names)):
        raise ValueError(
            f"{name} must have the columns of {of}, in any order; {of} alone has {_words(names, theirs)}, {name} alone "
            f"{_words(theirs, names)}."
        )
    with_names, without = (of, name) if names and not _numbered(names) else (name, of)
    if isinstance((names if with_names == of else theirs)[0], str):
        warn_user(f"{with_names} has column names, but {without} has none: its columns are taken in their order.")
    return array


def _numbered(names: Sequence[Any]) -> bool:
    """Whether names are none, or say no more than positions."""
    return list(names) == list(range(len(names)))


def _words(names: Sequence[Any], others: Sequence[Any]) -> str:
    """Those of `names` that are not in `others`."""
    alone = [str(each) for each in names if each not in set(others)]
    return (", ".join(alone[:_SHOWN]) + (f" and {len(alone) - _SHOWN} more" if len(alone) > _SHOWN else "")) or "none"
