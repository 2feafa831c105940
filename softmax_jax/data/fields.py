"""How many fields the lines of a text file have, as fast as its bytes can be looked at.

NumPy finds the separators. What is not plain (quotes within a field, old Mac line ends, delimiters beyond ASCII) is
left to a slow reader, which also names the line that is wrong.
"""

from __future__ import annotations

import codecs
import re
from typing import IO

import numpy as np

_BLOCK = 1 << 18
_LONGEST = 1 << 22  # bytes between two quotes
_BLANK = re.compile(rb"\n\n+")
_NEWLINE, _QUOTE = ord("\n"), ord('"')


def all_lines_have(file: IO[bytes], fields: int, delimiter: str) -> bool:
    """Whether every line that is not blank has so many fields; False also where only a slow reader can tell.

    Args:
      file: the bytes of UTF-8 text, at its start.
      fields: two or more.
      delimiter: between the fields.

    Raises:
      UnicodeDecodeError: it is not UTF-8.
    """
    if not delimiter.isascii():
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest, block = b"", file.read(_BLOCK).removeprefix(codecs.BOM_UTF8)
    while block:
        if not block.isascii() or decoder.getstate()[0]:
            decoder.decode(block)
        after = file.read(_BLOCK)
        rest += block if after or block.endswith(b"\n") else block + b"\n"
        lines, block = rest[: rest.rfind(b"\n") + 1], after
        if lines.count(b'"') % 2 == 0:  # else the last line break is within quotes
            if not _have(lines, fields, ord(delimiter)):
                return False
            rest = rest[len(lines) :]
        elif len(rest) > _LONGEST:
            return False
    decoder.decode(b"", final=True)
    return not rest


def _have(lines: bytes, fields: int, delimiter: int) -> bool:
    if b"\r" in lines:
        lines = lines.replace(b"\r\n", b"\n")
        if b"\r" in lines:
            return False
    return _count_is(lines, fields, delimiter) or _count_is(_BLANK.sub(b"\n", b"\n" + lines)[1:], fields, delimiter)


def _count_is(lines: bytes, fields: int, delimiter: int) -> bool:
    """Whether each line has so many fields; a blank one has one."""
    signs = np.frombuffer(lines, np.uint8)
    at = np.flatnonzero((signs == _NEWLINE) | (signs == delimiter))
    if b'"' in lines:
        quotes = np.flatnonzero(signs == _QUOTE)
        if not _plain(signs, quotes, delimiter):
            return False
        at = _outside(at, quotes)
    if len(at) % fields:
        return False
    ends = (signs[at] == _NEWLINE).reshape(-1, fields)
    return bool(ends[:, -1].all()) and np.count_nonzero(ends) == len(ends)


def _plain(signs: np.ndarray, quotes: np.ndarray, delimiter: int) -> bool:
    """Whether quotes stand around whole fields, and are doubled within them."""
    beside = np.zeros(256, bool)
    beside[[_NEWLINE, delimiter, _QUOTE]] = True
    opening, closing = quotes[::2], quotes[1::2]  # as many: their number is even, and the last sign is a line break
    return bool(beside[signs[opening[opening > 0] - 1]].all() and beside[signs[closing + 1]].all())


def _outside(at: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Those of the positions `at` that are not between an opening quote and the next, closing one."""
    first, last = np.searchsorted(at, quotes[::2]), np.searchsorted(at, quotes[1::2])
    spans = last > first
    if not spans.any():
        return at
    changes = np.bincount(first[spans], minlength=len(at) + 1) - np.bincount(last[spans], minlength=len(at) + 1)
    return at[np.cumsum(changes[:-1]) == 0]
