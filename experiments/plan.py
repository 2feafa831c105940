"""The plan of a fit on a device: what a pass and a step of L-BFGS launch, how long that takes, how many there are.

Kernels are counted from the program compiled for the target where its compiler is installed, else from formulas. The
passes to the gap are counted on this machine, on a like smaller problem: n, m and k in the same ratio.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from compiled_kernels import kernels
from device_model import DEVICES, Device, Kernel, precision_on, work
from device_programs import Shape, program
from rich.console import Console
from rich.table import Table

import softmax_jax as sj
from softmax_jax.model import init_params
from softmax_jax.placement.place import place
from softmax_jax.problem.blocks import chosen_rows
from softmax_jax.problem.problem import padded_rows
from softmax_jax.problem.tiles import FUSED, block_rows
from softmax_jax.solvers import driver

PLANNED = ("H100", "H200", "A100", "RTX 4090", "TPU v5e", "TPU v6e")
PRECISIONS = ("float32", "3 bf16", "3 TF32")
ALLOCATED = 0.75  # of the memory, which JAX takes
MEMORY_PAIRS = sj.LBFGS().memory
TRIALS = 2.2  # of the line search in a step with stored logits: 58 in 25, 111 in 55, 64 in 33 passes of the race
CERTIFICATES = 2  # of a fit
SMALL = 2.6e9  # n m k of the like problem on which passes are counted
ALLOWED = 0.1  # by which the FLOP of a compiled program may differ from 4 n m k and what belongs to it
ITEMSIZE = {"float32": 4, "bfloat16": 2, "float16": 2, "float64": 8}

Data = Callable[[int, int, int, Any], tuple[np.ndarray, np.ndarray]]


class Counted(NamedTuple):
    """Kernels of a pass, of a step, and of a certificate, and where the first two come from."""

    one_pass: list[Kernel]
    step: list[Kernel]
    proof: list[Kernel]
    sources: tuple[str, str]


def on(device: Device, shape: Shape) -> Shape:
    """The shape with blocks where the package would work by blocks on this device."""
    rows = chosen_rows(FUSED, -(-shape.n // shape.devices), shape.k, 4, int(ALLOCATED * device.memory))
    return shape._replace(rows=rows)


def counted(device: Device, shape: Shape) -> Counted:
    """What the device launches."""

    def turns(depth: int) -> float:
        return TRIALS if depth == 1 and shape.rows is None else 1.0  # the loop over steps; the line search

    texts = [program(device.compiled_for, shape, what) for what in ("pass", "steps")]
    formulas = [pass_kernels(shape), step_kernels(shape)]
    found, of = [], []
    for text, by_hand in zip(texts, formulas, strict=True):
        read = [] if text is None else kernels(text, turns)
        is_whole = abs(_flops(read) / _flops(by_hand) - 1) < ALLOWED  # or a loop's turns were not found
        found.append(read if is_whole else by_hand)
        of.append(f"compiled for {device.compiled_for}" if is_whole else "formulas")
    wide = [each._replace(bytes=2 * each.bytes) for each in pass_kernels(shape)]
    return Counted(found[0], found[1], wide, (of[0], of[1]))


def _flops(found: list[Kernel]) -> float:
    return sum(each.times * each.flops for each in found)


def pass_kernels(shape: Shape) -> list[Kernel]:
    """J and its gradient: the kernels of one device."""
    N, m, k = shape.local_rows, shape.m, shape.k
    rows = N if shape.rows is None else block_rows(N, shape.rows)
    logits, features, params = 4 * rows * k, ITEMSIZE[shape.dtype] * rows * m, 4 * m * k
    block = [
        Kernel("W^T X^T", 2.0 * rows * m * k, features + params + logits),
        Kernel("largest logit", 0, logits),
        Kernel("sums of exponentials", 0, logits),
        Kernel("residual and curvature", 0, 2 * logits),
        Kernel("R X", 2.0 * rows * m * k, features + params + logits),
    ]
    if rows < N:
        block.append(Kernel("compensated sum", 0, 6 * params))
    return [*(each.repeated(N // rows) for each in block), *_ends(shape)]


def step_kernels(shape: Shape) -> list[Kernel]:
    """A step of L-BFGS: direction, line search, pass, memory."""
    N, m, k = shape.local_rows, shape.m, shape.k
    params, logits = 4 * m * k, 4 * N * k
    turn = [Kernel("s . r", 0, 2 * params), Kernel("r - a y", 0, 3 * params), Kernel("scalars", 0, 0, 5)]
    direction = [each.repeated(2 * MEMORY_PAIRS) for each in turn]
    direction += [Kernel("preconditioner", 2.0 * m * m * k, 4 * m * m + 2 * params, 4), Kernel("pair", 0, params, 12)]
    if shape.rows is not None:
        return direction + pass_kernels(shape)
    slope = [Kernel(f"slope, read {i}", 0, reads * logits) for i, reads in enumerate((2, 2, 3, 1))]
    small = Kernel("all-reduce of a trial", 0, 4 * (2 * k + 2), is_collective=True)
    slope += [Kernel("scalars", 0, 0, 12)] + [small] * (shape.devices > 1)
    moved = [Kernel("Z + t D", 0, 3 * logits)]
    return direction + [each.repeated(TRIALS) for each in slope] + moved + pass_kernels(shape)


def _ends(shape: Shape) -> list[Kernel]:
    """Scalars and sums of a pass, and the all-reduce."""
    numbers = shape.m * shape.k + 2 * shape.k + 1
    summed = Kernel("all-reduce of the gradient", 0, 4 * numbers, is_collective=True)
    return [Kernel("scalars", 0, 0, 9)] + [summed] * (shape.devices > 1)


def memory_bytes(shape: Shape) -> float:
    """Of one device: X, the arrays of the size of W that L-BFGS keeps, and logits, four times."""
    rows = shape.local_rows if shape.rows is None else block_rows(shape.local_rows, shape.rows)
    X = ITEMSIZE[shape.dtype] * shape.local_rows * shape.m
    return X + 4 * 48 * shape.m * shape.k + 4 * 4 * rows * shape.k


def passes_to(tol: float, l2: float, shape: Shape, data: Data) -> dict[str, Any]:
    """Passes of L-BFGS to a proven gap on a like smaller problem, stored logits or blocks as in `shape`."""
    scale = max(1.0, (shape.n * shape.m * shape.k / SMALL) ** (1 / 3))
    n, m, k = (max(2, round(size / scale)) for size in (shape.n, shape.m, shape.k))
    X, y = data(n, m, k, np.float32)
    solver, rows = sj.LBFGS(), None if shape.rows is None else block_rows(padded_rows(n), 4096)
    start = time.perf_counter()
    home = jax.devices("cpu")[0]
    held = place(X, y, None, l2, True, solver, home, rows)
    params = init_params(m, k, zeros=True, dtype=np.float32)
    found = driver.optimise(solver, held, params, tol=tol, max_iter=1000)
    wall_s = time.perf_counter() - start
    reached = {"status": found.status, "gap": float(found.duality_gap), "passes": found.n_passes}
    return {"n": n, "m": m, "k": k, "rows": rows, "wall_s": wall_s, **reached}


def planned(name: str, shape: Shape, passes: dict[bool, int]) -> dict[str, Any]:
    """All of one device: counts, and seconds by precision.

    Args:
      name: in DEVICES.
      shape: of the problem.
      passes: to the gap, by whether logits are stored.
    """
    device = DEVICES[name]
    shape = on(device, shape)
    found = counted(device, shape)
    result: dict[str, Any] = {"device": name, **shape._asdict(), "counted": found.sources}
    result |= {"gib": memory_bytes(shape) / 2**30, "fits": memory_bytes(shape) <= 0.9 * device.memory}
    result["passes"] = passes[shape.rows is None]
    in_float64 = precision_on(device, "float64") or precision_on(device, "float32")
    proof = work(found.proof, device, in_float64, shape.devices)  # type: ignore[arg-type] # each device has one of them
    for name in PRECISIONS:
        precision = precision_on(device, name)
        if precision is None:
            continue
        one, step, bound = (
            work(each, device, precision, shape.devices, reached=reached)
            for each, reached in ((found.one_pass, True), (found.step, True), (found.one_pass, False))
        )
        seconds = {"pass_s": one.seconds, "pass_at_peak_s": bound.seconds, "step_s": step.seconds}
        seconds["to_gap_s"] = result["passes"] * step.seconds + CERTIFICATES * proof.seconds
        result[name] = {**seconds, "binds": step.binds, "shares": step.shares, "of_pass": one._asdict()}
        result[name]["of_step"] = step._asdict()
    return {**result, "proof_s": proof.seconds}


def table(plans: list[dict[str, Any]], title: str) -> Table:
    """A line for each device."""
    shown = Table(title=title)
    names = ("device", "logits", "GiB", "a step: TFLOP", "GB", "kernels", "coll.", "counted")
    for name in (*names, "a pass at peak, s", *(f"{p}, s" for p in PRECISIONS), "step, s", "binds", "to the gap"):
        shown.add_column(name, justify="left" if name in ("device", "logits", "counted", "binds") else "right")
    for p in plans:
        step, first = p["float32"]["of_step"], p["float32"]
        logits = "stored" if p["rows"] is None else f"by {block_rows(Shape(*_shape_of(p)).local_rows, p['rows'])} rows"
        counts = (f"{step['flops'] / 1e12:.3g}", f"{step['bytes'] / 1e9:.3g}", f"{step['launches']:.0f}")
        seconds = (f"{p[name]['pass_s']:.3g}" if name in p else "-" for name in PRECISIONS)
        memory = f"{p['gib']:.3g}" if p["fits"] else f"{p['gib']:.3g}: too much"
        source = ", ".join(dict.fromkeys(p["counted"]))
        row = (p["device"], logits, memory, *counts, f"{step['collectives']:.0f}", source)
        share = f"{first['binds']} {first['shares'][first['binds']]:.0%}"
        to_gap = f"{_time(first['to_gap_s'])}"
        shown.add_row(*row, f"{first['pass_at_peak_s']:.3g}", *seconds, f"{first['step_s']:.3g}", share, to_gap)
    return shown


def _shape_of(p: dict[str, Any]) -> tuple:
    return tuple(p[name] for name in Shape._fields)


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.3g} min"


def plan(names: list[str], shape: Shape, tol: float, l2: float, data: Data) -> dict[str, Any]:
    """Count, print and return the plans of devices."""
    stored = {name: on(DEVICES[name], shape).rows is None for name in names}
    counts = {s: passes_to(tol, l2, shape._replace(rows=None if s else 1), data) for s in set(stored.values())}
    plans = [planned(name, shape, {s: c["passes"] for s, c in counts.items()}) for name in names]
    title = f"{shape.devices} of each: {shape.n} x {shape.m} x {shape.k}, X in {shape.dtype}, to a gap of {tol:g}"
    Console(width=200).print(table(plans, title))
    for is_stored, c in counts.items():
        words = "with stored logits" if is_stored else "by blocks"
        small = f"{c['n']} x {c['m']} x {c['k']}"
        print(f"Passes {words}: {c['passes']}, as {small} took here ({c['status']}, {c['gap']:.2g} proven).")
    return {"shape": shape._asdict(), "tol": tol, "l2": l2, "passes": list(counts.values()), "plans": plans}
