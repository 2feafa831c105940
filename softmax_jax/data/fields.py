"""How many fields the lines of a text file have, as fast as its bytes can be looked at.

All bytes but the separators are struck out. What is not plain (quotes within a field, old Mac line ends, delimiters
beyond ASCII) is left to a slow reader, which also names the line that is wrong.
"""

from __future__ import annotations

import codecs
import re
from typing import IO

import numpy as np

_BLOCK = 1 << 17
_LONGEST = 1 << 22  # bytes of a line
_BLANK = re.compile(rb"\n\n+")
_QUOTATION = re.compile(rb'"[^"]*"')


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
        regular = _have(lines, fields, delimiter)
        if regular:  # None where the last line break is within quotes
            rest = rest[len(lines) :]
        if regular is False or len(rest) > _LONGEST:
            return False
    decoder.decode(b"", final=True)
    return not rest


def _have(lines: bytes, fields: int, delimiter: str) -> bool | None:
    """Whether all lines have so many fields; None where a quotation is open at their end."""
    if b"\r" in lines:
        lines = lines.replace(b"\r\n", b"\n")
        if b"\r" in lines:
            return False
    regular = _count_is(lines, fields, delimiter)
    return regular if regular is not False else _count_is(_BLANK.sub(b"\n", b"\n" + lines)[1:], fields, delimiter)


def _count_is(lines: bytes, fields: int, delimiter: str) -> bool | None:
    """As `_have`, where a blank line has one field."""
    sign = delimiter.encode()
    separators = lines.translate(None, bytes(set(range(256)) - {*sign, *b'\n"'}))
    if b'"' in separators:
        signs = np.frombuffer(lines, np.uint8)
        quotes = np.flatnonzero(signs == ord('"'))
        if len(quotes) % 2:
            return None
        if not _plain(signs, quotes, sign):
            return False
        separators = _QUOTATION.sub(b"", separators)
    return separators == (sign * (fields - 1) + b"\n") * separators.count(b"\n")


def _plain(signs: np.ndarray, quotes: np.ndarray, delimiter: bytes) -> bool:
    """Whether quotes stand around whole fields, and are doubled within them."""
    beside = np.zeros(256, bool)
    beside[[*delimiter, *b'\n"']] = True
    opening, closing = quotes[::2], quotes[1::2]  # as many: their number is even, and the last sign is a line break
    return bool(beside[signs[opening[opening > 0] - 1]].all() and beside[signs[closing + 1]].all())
