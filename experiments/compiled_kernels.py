"""What a compiled program launches, read from its HLO text: products, bytes, kernels, collectives, loops unrolled.

A kernel is every instruction that is not bookkeeping. It reads its operands and writes its results once; of an operand
that it only slices it reads the slice, of a result that it updates in place it writes the update. FLOP are 2 times the
output's entries times the contracted length, of each product in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from device_model import Kernel
from hlo import COLLECTIVES, Computations, Instruction, parse

FREE = {
    *("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "iota", "partition-id"),
    *("replica-id", "opt-barrier", "copy-done", "slice-done", "async-done", "async-update", "domain"),
}
ITEMSIZE = {"pred": 1, "s8": 1, "u8": 1, "f16": 2, "bf16": 2, "s16": 2, "u16": 2, "f64": 8, "s64": 8, "u64": 8}
USUAL_ITEMSIZE = 4
SLICES = ("dynamic-slice", "slice", "gather")
UPDATE = "dynamic-update-slice"
ARRAY = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\]")


Turns = Callable[[int], float]


def kernels(text: str, turns: Turns) -> list[Kernel]:
    """The kernels of a program, each as often as it runs.

    Args:
      text: of the compiled module.
      turns: from the depth of a loop without a known number of turns, 0 outermost, to how many to count.
    """
    entry, computations = parse(text)
    return _of(computations, entry, turns, 0)


def _of(computations: Computations, name: str, turns: Turns, depth: int) -> list[Kernel]:
    """The kernels of one computation and of what it calls."""
    found = []
    for each in computations[name]:
        if each.opcode == "while":
            known = _known_turns(computations, each)
            count = turns(depth) if known is None else known
            inner = depth + (known is None)
            for part in ("condition", "body"):
                found += [k.repeated(count) for k in _of(computations, each.called[part], turns, inner)]
        elif each.opcode in ("call", "conditional"):
            for callee in each.called.values():
                found += _of(computations, callee, turns, depth)
        elif each.opcode not in FREE and not each.opcode.endswith("-done"):
            found.append(_kernel(computations, name, each))
    return found


def _known_turns(computations: Computations, each: Instruction) -> float | None:
    """Of a loop: what the compiler notes, or the constant that its counter is compared with; None without them."""
    if each.noted_turns is not None:
        return each.noted_turns
    condition = {i.name: i for i in computations[each.called["condition"]]}
    root = next(i for i in condition.values() if i.is_root)
    if root.opcode != "compare" or "direction=LT" not in root.attributes:
        return None
    limit = re.match(r"\((\d+)\)", condition[root.operands[1]].attributes)
    return float(limit[1]) if limit and condition[root.operands[1]].opcode == "constant" else None


def _kernel(computations: Computations, caller: str, each: Instruction) -> Kernel:
    types = {i.name: i.type for i in computations[caller]}
    if each.opcode.startswith(COLLECTIVES):
        return Kernel(each.name, 0, sum(_bytes(types[o]) for o in each.operands), is_collective=True)
    if each.opcode == "fusion":
        body = computations[each.called["calls"]]
    else:
        read = [Instruction(o, types[o], "parameter", [], "", False) for o in dict.fromkeys(each.operands)]
        body = [*read, each._replace(is_root=True)]
    inner = {i.name: i for i in body}
    flops = sum(_flops(i, inner) for i in body)
    return Kernel(each.name, flops, _read(body) + _written(inner, next(i for i in body if i.is_root)))


def _read(body: list[Instruction]) -> float:
    """Bytes of the parameters, or of the slices of them that are used."""
    total = 0.0
    for parameter in (i for i in body if i.opcode == "parameter"):
        users = [i for i in body if parameter.name in i.operands]
        if users and all(u.opcode in (*SLICES, UPDATE) and u.operands[0] == parameter.name for u in users):
            total += sum(_bytes(u.type) for u in users if u.opcode != UPDATE)
        else:
            total += _bytes(parameter.type)
    return total


def _written(inner: dict[str, Instruction], root: Instruction) -> float:
    """Bytes of the results, or of the updates of them that are made in place."""
    if root.opcode in ("tuple", "bitcast"):
        return sum(_written(inner, inner[o]) for o in root.operands)
    if root.opcode == UPDATE:
        return _bytes(inner[root.operands[1]].type)
    return _bytes(root.type)


def _bytes(type_: str) -> float:
    return sum(_entries(dims) * ITEMSIZE.get(kind, USUAL_ITEMSIZE) for kind, dims in ARRAY.findall(type_))


def _entries(dims: str) -> int:
    return math.prod(int(d) for d in dims.split(",") if d)


def _flops(each: Instruction, inner: dict[str, Instruction]) -> float:
    """Of one product: `dot`, or the convolution that it becomes on a TPU."""
    if each.opcode == "dot":
        sizes = _dims(inner[each.operands[0]].type)
        contracted = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", each.attributes)
        length = math.prod(sizes[int(i)] for i in (contracted[1] if contracted else "").split(",") if i)
    elif each.opcode == "convolution":
        labels = re.search(r"dim_labels=\w+_(\w+)->", each.attributes)
        length = _dims(inner[each.operands[1]].type)[labels[1].index("i")] if labels else 1
    else:
        return 0.0
    return 2.0 * math.prod(_dims(each.type)) * length


def _dims(type_: str) -> list[int]:
    return [int(d) for d in ARRAY.findall(type_)[0][1].split(",") if d]
