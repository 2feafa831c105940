"""float64, float32, bfloat16 or float16 features? python experiments/precision.py [--full].

Each fit is asked for the same proven gap on the features as rounded. What rounding the features costs is then judged
on the features as they were: J - J* there, the share of test predictions that change, test accuracy. Time is the
median of warm fits, taken in turns.
"""

from __future__ import annotations

import time
from typing import Any

import ml_dtypes
import numpy as np
from held_out import HeldOut, guesses, problems, wants_full
from matplotlib.figure import Figure
from recording import RESULTS, record
from rich.console import Console
from rich.table import Table

import softmax_jax as sj
from softmax_jax.plots.style import COLOURS, GREY, MARKERS, PALE

L2, REPEATS = 1e-4, 3
TOLERANCES = (1e-5, 1e-9)  # one that float32 reaches by itself, one that it does not
DTYPES: dict[str, Any] = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}
FLOOR = 1e-12  # of a logarithmic axis


def compare(problem: HeldOut, tol: float) -> list[dict[str, Any]]:
    """A row per dtype."""
    T = sj.one_hot_encode(problem.y)
    best = sj.fit(problem.X, problem.y, l2=L2, tol=1e-10, max_iter=10_000, solver=sj.LBFGS())
    final = guesses(best.params, problem.X_test)
    features = {name: problem.X.astype(dtype) for name, dtype in DTYPES.items()}
    results, walls = {}, {name: [] for name in DTYPES}
    for _ in range(REPEATS + 1):
        for name, X in features.items():
            start = time.perf_counter()
            results[name] = sj.fit(X, problem.y, l2=L2, tol=tol, max_iter=10_000, solver=sj.LBFGS())
            walls[name].append(time.perf_counter() - start)
    rows = []
    for name, result in results.items():
        wide = sj.Params(*(np.asarray(p, np.float64) for p in result.params))
        guess = guesses(wide, problem.X_test)
        rows.append(
            {
                "problem": problem.name,
                "tol": tol,
                "dtype": name,
                "status": result.status,
                "gap": result.duality_gap,
                "excess": float(sj.objective(wide, problem.X, T, L2)) - best.objective,
                "accuracy": float(np.mean(guess == problem.y_test)),
                "differs": float(np.mean(guess != final)),
                "passes": result.n_passes,
                "seconds": float(np.median(walls[name][1:])),
                "first_s": walls[name][0],
                "X_mib": features[name].nbytes / 2**20,
            }
        )
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table."""
    table = Table("problem", "tol", "features", "status", "proven gap", "J - J*, exact X", "accuracy", "differs")
    for name in ("passes", "s, warm", "X, MiB"):
        table.add_column(name, justify="right")
    for r in rows:
        table.add_row(
            r["problem"],
            f"{r['tol']:.0e}",
            r["dtype"],
            r["status"],
            f"{r['gap']:.1e}",
            f"{r['excess']:.1e}",
            f"{r['accuracy']:.4f}",
            f"{r['differs']:.2%}",
            str(r["passes"]),
            f"{r['seconds']:.3f}",
            f"{r['X_mib']:.1f}",
        )
    Console(width=150).print(table)


def draw(rows: list[dict[str, Any]]) -> None:
    """J - J* on the exact features, and time, by dtype."""
    names = list(dict.fromkeys(r["problem"] for r in rows))
    figure = Figure((10.5, 4.4), layout="constrained", dpi=130)
    loss, wall = figure.subplots(1, 2)
    place = np.arange(len(DTYPES))
    for i, name in enumerate(names):
        for tol, fill in zip(TOLERANCES, (False, True), strict=True):
            chosen = [r for r in rows if r["problem"] == name and r["tol"] == tol]
            base = chosen[0]["seconds"]
            look = {"color": COLOURS[i], "marker": MARKERS[i], "markersize": 8, "linestyle": "-" if fill else "--"}
            look |= {"linewidth": 0.9, "markerfacecolor": COLOURS[i] if fill else "white"}
            shift = place + (i - 1) * 0.12
            loss.plot(shift, [max(r["excess"], FLOOR) for r in chosen], **look, label=f"{name}, tol {tol:.0e}")
            wall.plot(shift, [r["seconds"] / base for r in chosen], **look)
    loss.set(yscale="log", ylabel="J − J* on the exact features  [nats per sample]")
    loss.set_title("what rounding the features costs", loc="left", fontsize=11)
    wall.set(ylabel="time over that of float64", ylim=(0, None))
    wall.axhline(1, color=GREY, linewidth=0.8)
    wall.set_title("time of a warm fit", loc="left", fontsize=11)
    for ax in (loss, wall):
        ax.set_xticks(place, list(DTYPES))
        ax.grid(axis="y", color=PALE, linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    figure.legend(*loss.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(RESULTS / "precision.png")


def main() -> None:
    """Compare on every problem, print, draw and record."""
    cases = problems(wants_full(__doc__))
    rows = [row for problem in cases for tol in TOLERANCES for row in compare(problem, tol)]
    for row in rows:
        assert row["status"] == "converged" and row["gap"] <= row["tol"], row
        assert row["excess"] < 1e-2, row
    show(rows)
    draw(rows)
    print(f"written: {record('precision', {'l2': L2, 'rows': rows})}")


if __name__ == "__main__":
    main()
