"""Closed form against autodiff: error and time: python experiments/gradient_comparison.py.

Error: the largest difference from the closed form in float64 over its largest magnitude. Time: the median of
compiled calls after the first, X on the device; the two are timed in turns, so that a busy machine hits both.
"""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from recording import RESULTS, record
from rich.console import Console
from rich.table import Table
from timing import in_words, ratio, watched

import softmax_jax as sj
from softmax_jax.dtypes import scope

SHAPES = [(150, 4, 3), (2000, 64, 10), (10_000, 784, 10), (20_000, 54, 7), (10_000, 256, 100), (4000, 256, 1000)]
DTYPES = ["float32", "float64"]
REPEATS = 15
METHODS = {"closed form": sj.closed_form_gradient, "autodiff": sj.autodiff_gradient}


def compare(n: int, m: int, k: int, dtype: str, device: Any) -> dict[str, Any]:
    """Errors and times of both gradients on one random problem."""
    rng = np.random.default_rng(0)
    X, W, b = rng.standard_normal((n, m)), rng.standard_normal((m, k)) / np.sqrt(m), rng.standard_normal(k)
    T = np.eye(k)[rng.integers(0, k, n)]
    rounded = (sj.Params(W.astype(dtype), b.astype(dtype)), X.astype(dtype), T.astype(dtype))
    truth = sj.closed_form_gradient(*jax.tree.map(lambda a: a.astype(np.float64), rounded), 1e-4)
    row: dict[str, Any] = {"n": n, "m": m, "k": k, "dtype": dtype, "device": device.device_kind}
    with scope(dtype):
        placed = jax.device_put(rounded, device)
        compiled = {name: jax.jit(gradient) for name, gradient in METHODS.items()}
        results = {name: f(*placed, 1e-4) for name, f in compiled.items()}
        walls: dict[str, list[float]] = {name: [] for name in METHODS}
        with watched() as row["load"]:
            for _ in range(REPEATS):
                for name, f in compiled.items():
                    start = time.perf_counter()
                    jax.block_until_ready(f(*placed, jnp.asarray(1e-4, dtype)))
                    walls[name].append(time.perf_counter() - start)
        for name, result in results.items():
            row[f"{name} error"] = max(
                float(np.abs(np.asarray(r, np.float64) - t).max() / np.abs(t).max())
                for r, t in zip(result, truth, strict=True)
            )
            row[f"{name} ms"] = 1e3 * float(np.median(walls[name][1:]))
    row["time ratio"], row["why no ratio"] = ratio(row["autodiff ms"], row["closed form ms"], row["load"])
    return row


def show(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table."""
    table = Table(
        "n x m x k", "dtype", "error, closed form", "error, autodiff", "ms, closed form", "ms, autodiff", "ratio"
    )
    for r in rows:
        table.add_row(
            f"{r['n']} x {r['m']} x {r['k']}",
            r["dtype"],
            *(f"{r[name]:.1e}" for name in ("closed form error", "autodiff error")),
            *(f"{r[name]:.3f}" for name in ("closed form ms", "autodiff ms")),
            "-" if r["time ratio"] is None else f"{r['time ratio']:.2f}",
        )
    Console(width=120).print(table)


def draw(rows: list[dict[str, Any]]) -> None:
    """Error and time of both gradients for each shape and dtype."""
    figure = Figure((10, 4.4), layout="constrained", dpi=120)
    error, wall = figure.subplots(1, 2)
    names = [f"{r['n']} x {r['m']} x {r['k']}\n{r['dtype']}" for r in rows]
    place = np.arange(len(rows))
    for method, marker, colour in (("closed form", "o", "#1f5f99"), ("autodiff", "x", "#d9730d")):
        error.semilogy(place, [max(r[f"{method} error"], 1e-18) for r in rows], marker, color=colour, label=method)
        wall.semilogy(place, [r[f"{method} ms"] for r in rows], marker, color=colour, label=method)
    error.set(title="error against float64, relative to the largest entry", ylabel="relative error")
    wall.set(title="time of one gradient", ylabel="milliseconds")
    for ax in (error, wall):
        ax.set_xticks(place, names, rotation=60, ha="right", rotation_mode="anchor", fontsize=7)
        ax.grid(axis="y", color="#e3e3e3")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False)
    figure.savefig(RESULTS / "gradient_comparison.png")


def main() -> None:
    """Compare on every device present."""
    with watched() as load:
        rows = [
            compare(*shape, dtype, device)
            for device in jax.devices()
            for dtype in (DTYPES if device.platform != "tpu" else ["float32"])
            for shape in SHAPES
        ]
    for row in rows:
        limit = 1e-12 if row["dtype"] == "float64" else 1e-5
        assert row["closed form error"] < limit and row["autodiff error"] < limit, row
    show(rows)
    draw(rows)
    means = {name: float(np.exp(np.mean([np.log(r[f"{name} ms"] / 1e3) for r in rows]))) for name in METHODS}
    mean = ratio(means["autodiff"], means["closed form"], load)
    print(f"autodiff / closed form, geometric mean of the time ratios: {in_words(mean)}")
    found = {"rows": rows, "time_ratio_geometric_mean": mean.value, "why no ratio": mean.why, "load": load}
    print(f"written: {record('gradient_comparison', found)}")


if __name__ == "__main__":
    main()
