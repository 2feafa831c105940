"""How time and memory grow with n, m, k and devices: python experiments/scaling.py [--full | --redraw].

From one base size each axis is varied alone. Each point is a fresh process: a first fit, which compiles, then a warm
one, whose time and peak memory beyond what the process held before (its own X among that) are reported, and a third, in
which the passes of L-BFGS (its direction and line search included) are timed between chunks. Both contestants end
within `TOL` of the optimum: ours by its certificate, scikit-learn's lbfgs by the loosest of its tolerances that gets
there, until it runs out of time, on one BLAS thread or on all, whichever is faster; its time per pass is that of an
iteration. The load of the machine is recorded with each point (`timing`). A slope is that of a straight line through
the last three points in log-log scale: 1 is linear.

`--full` takes sizes for an accelerator with 40 GiB and more. Several devices on a CPU are fake: they share its cores,
so that their line shows what sharing costs, not what it gains. Memory is read from /proc (Linux), or from the device.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import itertools
import json
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from recording import RESULTS, record, recorded
from timing import watched

L2, TOL = 1e-4, 1e-5
SIZES = {
    "base": {"n": 8000, "m": 64, "k": 10, "devices": 1},
    "n": [2000, 8000, 32_000, 128_000],
    "m": [16, 64, 256, 1024],
    "k": [3, 10, 30, 100],
    "devices": [1, 2, 4, 8],
    "limit_s": 15,
}
FULL = {
    "base": {"n": 200_000, "m": 512, "k": 100, "devices": 1},
    "n": [50_000, 200_000, 800_000, 3_200_000],
    "m": [128, 512, 1024, 4096],
    "k": [10, 100, 1000, 4000],
    "devices": [1, 2, 4, 8],
    "limit_s": 300,
}
AXES = ("n", "m", "k", "devices")
METRICS = {
    "pass_s": "seconds per pass",
    "fit_s": f"seconds per fit to {TOL:g}",
    "peak_mib": "peak MiB of a fit, beyond X",
}


def data(n: int, m: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, m) float32 whose j-th deviation is proportional to j^-1/2, and labels (n,) drawn from softmax."""
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, m + 1, dtype=np.float32) ** -0.5
    X = rng.standard_normal((n, m), np.float32)
    X *= spectrum / np.sqrt(np.mean(spectrum**2))
    W = rng.standard_normal((m, k), np.float32) * np.float32(3 / np.sqrt(m))
    y = np.empty(n, np.int64)
    for start in range(0, n, 4096):
        Z = X[start : start + 4096] @ W
        y[start : start + 4096] = np.argmax(Z + rng.gumbel(size=Z.shape), axis=1)
    y[:k] = np.arange(k)
    return X, y


def ours(X: np.ndarray, y: np.ndarray, devices: int) -> dict[str, Any]:
    """Three fits: one that compiles, one whose time and memory count, one whose passes are timed."""
    import jax

    import softmax_jax as sj

    where = {"devices": jax.devices()[:devices]} if devices > 1 else {}
    arguments: dict[str, Any] = {"l2": L2, "solver": sj.LBFGS(), **where}
    start = time.perf_counter()
    sj.fit(X, y, tol=TOL, **arguments)
    first_s, before = time.perf_counter() - start, _memory_before()
    start = time.perf_counter()
    result = sj.fit(X, y, tol=TOL, **arguments)
    row = {"first_s": first_s, "fit_s": time.perf_counter() - start, "peak_mib": _peak_mib() - before}
    row["pass_s"] = min(_pass_s(X, y, arguments) for _ in range(2))  # the first may compile a change to float64
    found = {"passes": result.n_passes, "gap": result.duality_gap, "J": result.objective, "status": result.status}
    platform = jax.devices()[0].device_kind
    return {**row, **found, "device": platform, "devices": devices}


def _pass_s(X: np.ndarray, y: np.ndarray, arguments: dict[str, Any]) -> float:
    """Seconds of a pass in the fastest chunk of a fit: not the last, after which there is a certificate, too."""
    import softmax_jax as sj

    seen: list[tuple[float, int]] = []
    sj.fit(X, y, tol=1e-14, max_iter=28, callback=lambda p: seen.append((time.perf_counter(), p.n_passes)), **arguments)
    seen = seen[:-1] if len(seen) > 2 else seen
    return min((b[0] - a[0]) / max(b[1] - a[1], 1) for a, b in itertools.pairwise(seen))


def theirs(X: np.ndarray, y: np.ndarray, best: float) -> dict[str, Any]:
    """The fit of scikit-learn's lbfgs with the loosest tol that ends within TOL of `best`."""
    from sklearn.linear_model import LogisticRegression

    row: dict[str, Any] = {}
    for tol in (1e-4, 1e-5, 1e-6):
        before, start = _memory_before(), time.perf_counter()
        model = LogisticRegression(C=1 / (L2 * len(y)), tol=tol, max_iter=10_000).fit(X, y)
        row = {"fit_s": time.perf_counter() - start, "peak_mib": _peak_mib() - before, "tol": tol}
        row["pass_s"], row["passes"] = row["fit_s"] / int(model.n_iter_[0]), int(model.n_iter_[0])
        row["excess"] = _objective(model.coef_.T, model.intercept_, X, y) - best
        if row["excess"] <= TOL:
            break
    return row


def _objective(W: np.ndarray, b: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
    """J in float64, by NumPy alone, in blocks of rows."""
    W, total = W.astype(np.float64), 0.0
    for start in range(0, len(y), 4096):
        Z = X[start : start + 4096].astype(np.float64) @ W + b
        Z -= Z.max(axis=1, keepdims=True)
        labels = y[start : start + 4096]
        total += float(np.sum(np.log(np.exp(Z).sum(axis=1)) - Z[np.arange(len(labels)), labels]))
    return total / len(y) + L2 / 2 * float(np.sum(W**2))


def _on_accelerator() -> bool:
    return "jax" in sys.modules and sys.modules["jax"].default_backend() != "cpu"


def _memory_before() -> float:
    """MiB of this process now, its peak forgotten; on an accelerator 0: its peak is that of the whole process."""
    gc.collect()
    if _on_accelerator():
        return 0.0
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return _status_mib("VmRSS")


def _peak_mib() -> float:
    if _on_accelerator():
        return sys.modules["jax"].devices()[0].memory_stats()["peak_bytes_in_use"] / 2**20
    return _status_mib("VmHWM")


def _status_mib(field: str) -> float:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field)) / 1024


def fresh(contestant: str, size: dict[str, int], limit_s: float, best: float = 0.0) -> dict[str, Any] | None:
    """What one contestant measures in a process of its own; None where it runs out of time."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={size['devices']}"
    command = [sys.executable, __file__, "child", contestant, json.dumps(size), repr(best)]
    try:
        with watched() as load:
            done = subprocess.run(
                command, env=os.environ | {"XLA_FLAGS": flags}, stdout=subprocess.PIPE, timeout=limit_s, check=True
            )
    except subprocess.TimeoutExpired:
        return None
    return {**json.loads(done.stdout), "load": load}


def faster(size: dict[str, int], limit_s: float, best: float) -> dict[str, Any] | None:
    """What scikit-learn measures on one BLAS thread or on all, where it is faster; None where both run out of time."""
    found = {way: fresh(f"scikit-learn {way}", size, limit_s, best) for way in ("one", "all")}
    there = [row | {"BLAS threads": way} for way, row in found.items() if row]
    return min(there, key=lambda row: row["fit_s"], default=None)


def child(contestant: str, size: dict[str, int], best: float) -> dict[str, Any]:
    """Measure one contestant in this process."""
    from softmax_jax.runs import blas_threads

    X, y = data(size["n"], size["m"], size["k"])
    if contestant == "softmax_jax":
        return ours(X, y, size["devices"])
    with blas_threads.limited(1 if contestant.endswith("one") else None):
        return theirs(X, y, best)


def sweep(axis: str, sizes: dict[str, Any], known: dict[str, Any]) -> list[dict[str, Any]]:
    """Both contestants along one axis; `known` holds what was measured at the base."""
    rows, in_time = [], axis != "devices"
    for value in sizes[axis]:
        size = sizes["base"] | {axis: value}
        key = json.dumps(size)
        if key not in known:
            mine = fresh("softmax_jax", size, 10 * sizes["limit_s"])
            known[key] = [mine, None]
        mine, other = known[key]
        if mine and other is None and in_time:
            other = known[key][1] = faster(size, sizes["limit_s"], mine["J"])
            in_time = other is not None  # a larger one would take longer still
        row = {"axis": axis, "value": value, "softmax_jax": mine, "scikit-learn": other}
        row["ran out of time"] = other is None and axis != "devices"
        rows.append(row)
        words = " ".join(f"{name} {row[name]['fit_s']:.3f} s" for name in ("softmax_jax", "scikit-learn") if row[name])
        print(f"{axis} = {value}: {words}{', scikit-learn ran out of time' * row['ran out of time']}", flush=True)
    return rows


def points(rows: list[dict[str, Any]], axis: str, name: str, metric: str) -> np.ndarray:
    """The (value, metric) pairs (p, 2) of a contestant along an axis."""
    found = [(r["value"], r[name][metric]) for r in rows if r["axis"] == axis and r[name]]
    return np.array([(x, y) for x, y in found if y > 0]).reshape(-1, 2)


def slope(line: np.ndarray) -> float | None:
    """The slope of the last three points in log-log scale."""
    return float(np.polyfit(*np.log(line[-3:]).T, 1)[0]) if len(line) >= 3 else None


def slopes(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """By contestant, metric and axis."""
    return {
        name: {
            metric: {axis: slope(points(rows, axis, name, metric)) for axis in AXES if axis != "devices"}
            for metric in METRICS
        }
        for name in ("softmax_jax", "scikit-learn")
    }


def memory_ratios(rows: list[dict[str, Any]], axis: str) -> tuple[float, float]:
    """The least and the largest of our peak memory over scikit-learn's, along an axis; NaN where it has none."""
    both = [r for r in rows if r["axis"] == axis and r["softmax_jax"] and r["scikit-learn"]]
    found = [r["softmax_jax"]["peak_mib"] / r["scikit-learn"]["peak_mib"] for r in both]
    return min(found, default=float("nan")), max(found, default=float("nan"))


def draw(rows: list[dict[str, Any]], sizes: dict[str, Any]) -> None:
    """A column for each axis, a row for each metric."""
    axes = [axis for axis in AXES if any(r["axis"] == axis for r in rows)]
    base = sizes["base"]
    figure = Figure((3.3 * len(axes), 8.6), layout="constrained", dpi=110)
    grid = figure.subplots(3, len(axes), sharey="row", squeeze=False)
    for line, (metric, label) in zip(grid, METRICS.items(), strict=True):
        for ax, axis in zip(line, axes, strict=True):
            for name, colour, marker in (("softmax_jax", "#1f5f99", "o"), ("scikit-learn", "#d9730d", "s")):
                _line(ax, points(rows, axis, name, metric), name, colour, marker)
            late = [r["value"] for r in rows if r["axis"] == axis and r["ran out of time"]]
            if late and metric == "fit_s":
                ax.plot(late, [sizes["limit_s"]] * len(late), "s", mfc="none", color="#d9730d", label="out of time")
            fixed = ", ".join(f"{other} = {base[other]}" for other in ("n", "m", "k") if other != axis)
            ax.set(xscale="log", yscale="log", xlabel=axis)
            ax.set_title(fixed if metric == "pass_s" else "", fontsize=9)
            if metric == "peak_mib" and axis != "devices":
                words = "ours: {:.1f} to {:.1f} times scikit-learn's"
                ax.set_title(words.format(*memory_ratios(rows, axis)), fontsize=9)
            ax.set_xticks(sizes[axis], [f"{v:,}" for v in sizes[axis]])
            ax.minorticks_off()
            ax.grid(color="#e8e8e8", lw=0.6)
            ax.spines[["top", "right"]].set_visible(False)
            ax.legend(frameon=False, fontsize=7.5)
        line[0].set_ylabel(label)
    figure.savefig(RESULTS / "scaling.png")


def _line(ax: Any, line: np.ndarray, name: str, colour: str, marker: str) -> None:
    """One contestant's points, and the straight line whose slope is stated."""
    if not len(line):
        return
    steepness = slope(line)
    label = name if steepness is None or ax.get_xlabel() == "devices" else f"{name}, slope {steepness:.2f}"
    ax.plot(*line.T, marker, color=colour, ms=4, label=label)
    ax.plot(*line.T, color=colour, lw=1, alpha=0.35)
    if steepness is not None:
        x = line[-3:, 0]
        middle = np.exp(np.log(line[-3:]).mean(axis=0))
        ax.plot(x, middle[1] * (x / middle[0]) ** steepness, color=colour, lw=1.6)


def main() -> None:
    """Measure along all axes, print, draw and record."""
    if sys.argv[1:2] == ["child"]:
        print(json.dumps(child(sys.argv[2], json.loads(sys.argv[3]), float(sys.argv[4]))))
        return
    sizes = FULL if "--full" in sys.argv[1:] else SIZES
    can_share = importlib.util.find_spec("softmax_jax.placement.devices") is not None
    axes = AXES if can_share else AXES[:-1]
    if not can_share:
        print("devices: skipped, this version computes on one device")
    known: dict[str, Any] = {}
    rows = [row for axis in axes for row in sweep(axis, sizes, known)]
    for row in rows:
        assert row["softmax_jax"] and row["softmax_jax"]["gap"] <= TOL, row
    draw(rows, sizes)
    found = slopes(rows)
    for name, by_metric in found.items():
        for metric, by_axis in by_metric.items():
            words = ", ".join(f"{axis} {value:.2f}" for axis, value in by_axis.items() if value is not None)
            print(f"{name}: slopes of {METRICS[metric]}: {words}")
    for axis in AXES[:-1]:
        print("memory along {}: {:.1f} to {:.1f} times scikit-learn's".format(axis, *memory_ratios(rows, axis)))
    print(f"written: {record('scaling', {'l2': L2, 'tol': TOL, 'sizes': sizes, 'slopes': found, 'rows': rows})}")


def redraw() -> None:
    """Draw what was recorded."""
    result = recorded("scaling")
    draw(result["rows"], result["sizes"])


if __name__ == "__main__":
    redraw() if sys.argv[1:] == ["--redraw"] else main()
