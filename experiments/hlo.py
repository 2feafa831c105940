"""HLO text, as a compiled program gives it: its computations, instruction by instruction."""

from __future__ import annotations

import re
from typing import NamedTuple

_CALLED = re.compile(r"\b(body|condition|to_apply|calls|true_computation|false_computation)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{(.*?)\}")

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")


class Instruction(NamedTuple):
    """One line of HLO."""

    name: str
    type: str
    opcode: str
    operands: list[str]
    attributes: str
    is_root: bool

    @property
    def called(self) -> dict[str, str]:
        """Computations that it calls, by the role that they have."""
        found = dict(_CALLED.findall(self.attributes))
        branches = _BRANCHES.search(self.attributes)
        names = branches[1].replace("%", "").split(", ") if branches else []
        return found | {f"branch {i}": name for i, name in enumerate(names)}

    @property
    def noted_turns(self) -> int | None:
        """Of a loop, where the compiler notes them."""
        noted = re.search(r"known_trip_count\D+(\d+)", self.attributes)
        return int(noted[1]) if noted else None


Computations = dict[str, list[Instruction]]


def parse(text: str) -> tuple[str, Computations]:
    """The name of the entry, and all computations."""
    entry, current, computations = "", [], {}
    for line in re.sub(r"/\*.*?\*/", "", text).splitlines():
        head = re.match(r"(ENTRY )?%?([\w.\-]+) \(.*\{\s*$", line)
        if head:
            current = computations.setdefault(head[2], [])
            entry = head[2] if head[1] else entry
        elif " = " in line and line.startswith(" "):
            current.append(_instruction(line))
    return entry, computations


def _instruction(line: str) -> Instruction:
    name, _, rest = line.strip().partition(" = ")
    end = _closing(rest, 0) + 1 if rest.startswith("(") else rest.index(" ")
    kind, rest = rest[:end], rest[end:].lstrip()
    opening = rest.index("(")
    closing = _closing(rest, opening)
    operands = re.findall(r"%([\w.\-]+)", rest[opening:closing])
    attributes = rest[opening:] if rest[:opening] == "constant" else rest[closing:]
    is_root = name.startswith("ROOT ")
    return Instruction(name.removeprefix("ROOT ").lstrip("%"), kind, rest[:opening], operands, attributes, is_root)


def _closing(text: str, opening: int) -> int:
    """The index of the bracket that closes the one at `opening`."""
    depth = 0
    for i in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    raise ValueError(f"Brackets do not close: {text[:80]}")
