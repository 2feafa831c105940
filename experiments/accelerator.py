"""How fast an accelerator makes passes and proofs: python experiments/accelerator.py [--full | --plan | --race].

On whatever `jax.devices()` offers, for a problem like linear probes on ImageNet: features of 1000 classes around their
means. By storage dtype: passes (value and gradient) per second, FLOP/s and bytes/s as shares of the device's peak where
it is known, and time to a certified gap with the gap that was reached, first with and then without compilation. n is
chosen by the free memory; `--full` is 1,281,167 x 1024 x 1000, which a device of 80 GB holds. A CPU gets a small size.

A pass is 4 n m k FLOP and at most two reads of X. Products run at full float32 precision, which a GPU computes without
or with several products of its tensor cores: the share is of the float32 peak without them.

`--plan` needs no accelerator: what a fit of any size costs on devices whose figures are in `device_model`, and how many
passes it takes (`plan`). A measurement prints the plan of its device beside it. `--race` is against torch and cuML on
the same device (`rivals_on_device`).
"""

from __future__ import annotations

import argparse
import time
from typing import Any, NamedTuple

import jax
import ml_dtypes
import numpy as np
import rivals_on_device
from device_model import DEVICES, device_of
from device_programs import Shape
from plan import PLANNED, plan, planned
from recording import record
from rich.console import Console
from rich.table import Table

import softmax_jax as sj
from softmax_jax.dtypes import scope
from softmax_jax.model import init_params
from softmax_jax.placement.budget import first_rows
from softmax_jax.placement.devices import mesh_of
from softmax_jax.placement.memory import free_bytes
from softmax_jax.placement.place import kind_of, place
from softmax_jax.solvers import driver

IMAGENET = (1_281_167, 1024, 1000)
DTYPES = {"float32": np.float32, "bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
L2, TOL = 1e-5, 1e-4  # nats per squared weight, nats per sample
PASS_WALL_S = 3.0


class Peak(NamedTuple):
    """Of all devices together: float32 FLOP/s without tensor cores, and memory bytes/s."""

    flops: float
    bandwidth: float


def peak_of(devices: list[Any]) -> Peak | None:
    """The peak of all devices together; None where the kind is not in the table, or has no float32 products."""
    name = device_of(devices[0].device_kind)
    if name is None or not DEVICES[name].float32:
        return None
    return Peak(len(devices) * DEVICES[name].float32, len(devices) * DEVICES[name].bandwidth)


def sizes(devices: list[Any], *, full: bool) -> tuple[int, int, int]:
    """ImageNet's n, m, k; n cut to what memory holds, all of it small on a CPU."""
    n, m, k = IMAGENET
    if full:
        return IMAGENET
    if devices[0].platform == "cpu":
        return 8192, 256, 100
    free = len(devices) * free_bytes(devices[0])
    return min(n, int(0.4 * free) // (4 * (m + 2 * k))), m, k


def data(n: int, m: int, k: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows around the mean of their class, made a block at a time."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, k, n).astype(np.int32)
    means = rng.standard_normal((k, m)).astype(np.float32) * (3 / np.sqrt(m))
    X = np.empty((n, m), dtype)
    for start in range(0, n, 65536):
        rows = slice(start, min(n, start + 65536))
        X[rows] = means[y[rows]] + rng.standard_normal((rows.stop - start, m), np.float32)
    return X, y


def passes_per_s(X: np.ndarray, y: np.ndarray, k: int, home: Any, rows: int | None) -> float:
    """Values and gradients per second, compiled and with the data in place."""
    problem = place(X, y, None, L2, True, sj.LBFGS(), home, rows).training
    with scope(problem.dtype):
        params = jax.device_put(init_params(X.shape[1], k, zeros=True, dtype=np.dtype(problem.dtype)))
        jax.block_until_ready(driver.point_at(problem, params))
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < PASS_WALL_S:
            jax.block_until_ready(driver.point_at(problem, params).gradient)
            done += 1
    return done / (time.perf_counter() - start)


def fit_twice(X: np.ndarray, y: np.ndarray, devices: Any) -> dict[str, Any]:
    """Seconds to the certified gap, cold and warm, and what was reached."""
    walls = []
    for _ in range(2):
        start = time.perf_counter()
        result = sj.fit(X, y, l2=L2, tol=TOL, solver=sj.LBFGS(), devices=devices)
        walls.append(time.perf_counter() - start)
    reached = {"status": result.status, "gap": result.duality_gap, "passes": result.n_passes}
    return {"cold_s": walls[0], "warm_s": walls[1], "objective": result.objective, **reached}


def measure(dtype: str, devices: list[Any], shape: tuple[int, int, int]) -> dict[str, Any]:
    """All of one storage dtype."""
    n, m, k = shape
    X, y = data(n, m, k, DTYPES[dtype])
    rows = first_rows(kind_of(X), k, mesh_of(devices))
    rate = passes_per_s(X, y, k, mesh_of(devices), rows)
    peak = peak_of(devices)
    flops, bandwidth = rate * 4 * n * m * k, rate * 2 * n * m * X.dtype.itemsize
    shares = None if peak is None else (flops / peak.flops, bandwidth / peak.bandwidth)
    speed = {"passes_per_s": rate, "flops": flops, "bytes_per_s_of_X": bandwidth, "shares_of_peak": shares}
    return {"dtype": dtype, "n": n, "m": m, "k": k, **speed, **fit_twice(X, y, devices)}


def planned_beside(row: dict[str, Any], devices: list[Any]) -> dict[str, Any] | None:
    """What the plan says of a measurement, and the ratio of the two; None for a device that it does not know."""
    name = device_of(devices[0].device_kind)
    if name is None:
        return None
    shape = Shape(row["n"], row["m"], row["k"], row["dtype"], devices=len(devices))
    found = planned(name, shape, dict.fromkeys((True, False), row["passes"]))["float32"]
    ratio = 1 / row["passes_per_s"] / found["pass_s"]
    return {"pass_s": found["pass_s"], "to_gap_s": found["to_gap_s"], "measured / planned": ratio}


def measured(devices: list[Any], *, full: bool) -> None:
    """Measure, print and record."""
    shape = sizes(devices, full=full)
    rows = [measure(dtype, devices, shape) for dtype in DTYPES]
    rows = [{**row, "plan": planned_beside(row, devices)} for row in rows]
    title = f"{len(devices)} x {devices[0].device_kind}: {shape[0]} x {shape[1]} x {shape[2]}, l2 {L2:g}, tol {TOL:g}"
    names = ("stored", "passes/s", "TFLOP/s", "GB/s of X", "of peak", "a pass / planned", "fit cold, s", "warm, s")
    table = Table(*names, "planned, s", "gap", title=title)
    for r in rows:
        shares = "unknown" if r["shares_of_peak"] is None else " and ".join(f"{s:.0%}" for s in r["shares_of_peak"])
        speed = (f"{r['passes_per_s']:.3g}", f"{r['flops'] / 1e12:.3g}", f"{r['bytes_per_s_of_X'] / 1e9:.3g}", shares)
        beside = r["plan"]
        ratio = "no plan" if beside is None else f"{beside['measured / planned']:.2f}"
        to_gap = "-" if beside is None else f"{beside['to_gap_s']:.2f}"
        walls = (f"{r['cold_s']:.2f}", f"{r['warm_s']:.2f}", to_gap)
        table.add_row(r["dtype"], *speed, ratio, *walls, f"{r['gap']:.2g} {r['status']}")
    Console(width=160).print(table)
    kind = devices[0].platform
    print(f"written: {record(f'accelerator_{kind}', {'devices': len(devices), 'measurements': rows})}")


def main() -> None:
    """Measure, plan or race."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="ImageNet's own size, whatever the memory")
    parser.add_argument("--race", action="store_true", help="against torch and cuML on the same device")
    parser.add_argument("--plan", action="store_true", help="what a fit would cost, by a model")
    parser.add_argument("--device", nargs="+", choices=list(DEVICES), default=list(PLANNED), help="to plan for")
    parser.add_argument("--devices", type=int, default=1, help="of each, that share the rows")
    for name, size in zip("nmk", IMAGENET, strict=True):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--dtype", choices=list(DTYPES), default="float32", help="in which X is stored")
    parser.add_argument("--record", default="accelerator_plan", help="name of the plan's file in results")
    asked = parser.parse_args()
    if asked.plan:
        shape = Shape(asked.n, asked.m, asked.k, asked.dtype, devices=asked.devices)
        print(f"written: {record(asked.record, plan(asked.device, shape, TOL, L2, data))}")
        return
    devices = jax.devices() if jax.default_backend() != "cpu" else jax.devices()[:1]
    if asked.race:
        rivals_on_device.race(devices[0], data, full=asked.full)
    else:
        measured(devices, full=asked.full)


if __name__ == "__main__":
    main()
