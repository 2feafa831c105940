"""What a compiler made of a program, read from its memory analysis and its text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from hlo import COLLECTIVES, Computations, Instruction, parse

LAUNCHED = {"fusion", "custom-call", "convolution", "dot", "copy", "sort", "scatter", "reduce", "transpose", "convert"}
LAUNCHED |= {"dynamic-update-slice", "dynamic-slice", "concatenate", "pad", "broadcast", "iota", "rng-bit-generator"}
FREE_CALLS = ("AllocateBuffer", "Sharding", "ConcatBitcast", "AssumeGatherIndicesInBound")


class Loop(NamedTuple):
    """A while loop, or with no turns and depth 0 the program around all loops.

    Attributes:
      depth: of loops that it is in, and itself.
      turns: how many it is known to make; None where that depends on the data.
      kernels: launched in a turn, outside the loops in it.
      collectives: of a turn, the entries that each sums: kind and elements.
      inner: the loops in it.
    """

    depth: int
    turns: int | None
    kernels: int
    collectives: list[tuple[str, int]]
    inner: list[Any]


class Report(NamedTuple):
    """A program as compiled for one device of a target; sizes in GiB."""

    arguments: float
    temporary: float
    float64: int  # instructions whose result is
    program: Loop

    @property
    def memory(self) -> float:
        """That of arguments and temporaries; results are in the place of donated arguments, or small."""
        return self.arguments + self.temporary


def loops(loop: Loop) -> Iterator[Loop]:
    """The loops in a loop, at any depth."""
    for inner in loop.inner:
        yield inner
        yield from loops(inner)


def report(compiled: Any) -> Report:
    """The report on what `jax.jit(...).lower(...).compile()` gave."""
    text, memory = compiled.as_text(), compiled.memory_analysis()
    entry, computations = parse(text)
    wide = sum("f64[" in i.type for lines in computations.values() for i in lines)
    gib = 2.0**30
    program = _loop(computations, entry, 0, None)
    return Report(memory.argument_size_in_bytes / gib, memory.temp_size_in_bytes / gib, wide, program)


def _loop(computations: Computations, name: str, depth: int, turns: int | None) -> Loop:
    found = Loop(depth, turns, 0, [], [])
    for i in _reached(computations, name):
        if i.opcode == "while":
            found.inner.append(_loop(computations, i.called["body"], depth + 1, i.noted_turns))
        elif i.opcode.removesuffix("-start") in COLLECTIVES:
            found.collectives.append((i.opcode.removesuffix("-start"), _elements(i.type)))
    return found._replace(kernels=sum(_is_launched(i) for i in _reached(computations, name)))


def _reached(computations: Computations, name: str) -> Iterator[Instruction]:
    """The instructions of a computation, and of those that it calls otherwise than in a loop or a kernel."""
    for i in computations[name]:
        yield i
        if i.opcode in ("call", "conditional", "async-start"):
            for inner in i.called.values():
                yield from _reached(computations, inner)


def _is_launched(i: Instruction) -> bool:
    return i.opcode.removesuffix("-start") in LAUNCHED and not any(f'"{free}"' in i.attributes for free in FREE_CALLS)


def _elements(kind: str) -> int:
    """Of the largest array in a type."""
    sizes = ([int(d) for d in dims.split(",") if d] for dims in re.findall(r"\w+\[([\d,]*)\]", kind))
    return max([1, *map(math.prod, sizes)])


def kinds(loop: Loop) -> Counter[str]:
    """How many collectives of each kind are in a turn, outside the loops in it."""
    return Counter(kind for kind, _ in loop.collectives)
