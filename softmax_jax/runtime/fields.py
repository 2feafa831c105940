"""Records whose fields say what they are: each field's docstring is its entry in the class's own Attributes section."""

from __future__ import annotations

import inspect
import re
from typing import Any, TypeVar

_Record = TypeVar("_Record", bound=type[Any])
_ENTRY = re.compile(r"^  (?P<names>\w+(?:, \w+)*): (?P<words>.*(?:\n {4}.*)*)", re.M)


def with_documented_fields(cls: _Record) -> _Record:
    """Give each field of a NamedTuple its words from the docstring, in place of "Alias for field number 0".

    Args:
      cls: a NamedTuple with an Attributes section that names its fields; without docstrings (python -OO) it is left.

    Returns:
      cls, for use as a decorator.

    Raises:
      TypeError: a field has no entry.
    """
    if cls.__doc__ is None:
        return cls
    entries = _ENTRY.finditer(inspect.cleandoc(cls.__doc__).partition("Attributes:")[2])
    words = {name: re.sub(r"\s+", " ", e["words"]) for e in entries for name in e["names"].split(", ")}
    if missing := [name for name in cls._fields if name not in words]:
        raise TypeError(f"the docstring of {cls.__name__} must have an Attributes section that names {missing}.")
    for name in cls._fields:
        getattr(cls, name).__doc__ = words[name]
    return cls
