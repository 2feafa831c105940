"""How numbers are written in a text file: which sign stands before the decimals, which one between thousands.

"1,234" is 1234 where the comma separates thousands and 1.234 where it is the decimal comma. Nothing is guessed: a
thousands separator counts only between groups of three digits, so that "2,5" is never 25, and what does not fit is
refused with the option that would read the whole column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

_SEPARATORS = ",.' \u00a0\u202f"  # between thousands, somewhere in the world


class TextFormat(NamedTuple):
    """How a CSV file is written.

    Attributes:
      delimiter: one character between the fields; None for the one that goes with the name of the file.
      header: whether the first line names the columns.
      decimal: the character before the decimals.
      thousands: the character between groups of three digits, or None.
    """

    delimiter: str | None = None
    header: bool = True
    decimal: str = "."
    thousands: str | None = None

    def check(self) -> None:
        """Raise ValueError where a character is none, or stands for two things."""
        for name in ("delimiter", "decimal", "thousands"):
            value = getattr(self, name)
            if value is not None and len(value) != 1:
                raise ValueError(f"{name} must be one character, got {value!r}.")
            if value is not None and name != "delimiter" and (value.isalnum() or value in '+-"\n\r\t'):
                raise ValueError(f"{name} must be a sign such as ',' or '.', got {value!r}.")
        if self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands must differ, got {self.decimal!r} for both.")

    def plain(self, cell: str) -> str | None:
        """The cell as Python writes a number; None where it is not a number in this format."""
        if self.thousands is not None and self.thousands in cell:
            if not _grouped(self.decimal, self.thousands).fullmatch(cell):
                return None
            cell = cell.replace(self.thousands, "")
        if self.decimal != ".":
            if "." in cell:
                return None
            cell = cell.replace(self.decimal, ".")
        return cell if is_number(cell) else None


def is_number(cell: str) -> bool:
    """Whether Python reads the cell as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def format_hint(cells: Sequence[str], form: TextFormat, delimiter: str) -> str | None:
    """Which options would read a whole column of numbers, in words; None where there are none.

    Args:
      cells: of the column, none missing.
      form: in which they could not be read.
      delimiter: between the fields of the file.
    """
    readings = [other for other in _readings() if other != form[2:] and _reads(cells, *other)]
    best = min(map(_size, readings), default=0)
    readings = [other for other in readings if _size(other) == best]
    if len(readings) > 1:
        grouped = [other for other in readings if other[1] is not None]
        decimals = [other for other in readings if other[1] is None]
        if delimiter == ";":  # chosen where the comma is the decimal one
            readings = decimals or readings
        elif any(not _separated(cell) for cell in cells):  # "900" beside "1,234"
            readings = grouped or readings
    words = [_options(form, *other) for other in readings[:2]]
    return " for thousands or ".join(words) + " for decimals" if len(words) == 2 else (words or [None])[0]


def _readings() -> list[tuple[str, str | None]]:
    """Pairs of decimal and thousands that are in use."""
    grouped = [(decimal, sign) for decimal in ".," for sign in _SEPARATORS if sign != decimal]
    return [*grouped, (",", None), (".", None)]


def _size(reading: tuple[str, str | None]) -> int:
    """How many options a reading takes."""
    return (reading[0] != ".") + (reading[1] is not None)


def _reads(cells: Sequence[str], decimal: str, thousands: str | None) -> bool:
    """Whether all cells are numbers so, its signs occur, and large numbers are grouped where any is."""
    form = TextFormat(decimal=decimal, thousands=thousands)
    if not all(form.plain(cell) is not None for cell in cells):
        return False
    if thousands is None:
        return decimal == "." or any(decimal in cell for cell in cells)
    return any(thousands in cell for cell in cells) and not any(re.match(r"[+-]?[0-9]{4}", cell) for cell in cells)


def _separated(cell: str) -> bool:
    return any(sign in cell for sign in _SEPARATORS)


def _options(form: TextFormat, decimal: str, thousands: str | None) -> str:
    """The options that lead from a format to a reading."""
    given = [f"--decimal {decimal!r}"] if decimal != form.decimal else []
    if thousands is not None and thousands != form.thousands:
        given.append(f"--thousands {thousands!r}")
    return " ".join(given) + (" without --thousands" if thousands is None and form.thousands is not None else "")


@cache
def _grouped(decimal: str, thousands: str) -> re.Pattern[str]:
    group, point = re.escape(thousands), re.escape(decimal)
    return re.compile(rf"[+-]?[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+(?:{point}[0-9]*)?(?:[eE][+-]?[0-9]+)?")
