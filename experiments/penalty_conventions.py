"""How much do penalty conventions change a published number? python experiments/penalty_conventions.py [--full].

A paper says "L2 strength v", and a reader must guess which objective that was in. Each reading of the same v is
converted to l2 by `softmax_jax.conventions`, fitted to a gap of 1e-6 on the training rows, and judged on the test rows.
--redraw draws what was recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from held_out import HeldOut, guesses, problems, wants_full
from matplotlib.figure import Figure
from recording import RESULTS, record, recorded
from rich.console import Console
from rich.table import Table

import softmax_jax as sj
from softmax_jax import conventions
from softmax_jax.plots.style import COLOURS, GREY, MARKERS, PALE

STATED = (0.01, 0.1, 1.0)
TOL = 1e-6
CURVE = np.logspace(-6, 0, 13)
READINGS: dict[str, Callable[[float, int, int], float]] = {
    "mean of losses, λ/2 ||W||²": lambda v, n, k: conventions.l2_from_mean_lambda(v),
    "sum of losses, λ/2 ||W||²": lambda v, n, k: conventions.l2_from_sum_lambda(v, n),
    "sum of losses, λ ||W||²": lambda v, n, k: conventions.l2_from_unhalved_sum_lambda(v, n),
    "scikit-learn's C": conventions.l2_from_sklearn_c,
}


def accuracy(problem: HeldOut, l2: float) -> float:
    """On the test rows, of the optimum for the training rows."""
    result = sj.fit(problem.X.astype(np.float32), problem.y, l2=l2, tol=TOL, max_iter=10_000, solver=sj.LBFGS())
    assert result.status == "converged", (problem.name, l2, result)
    return float(np.mean(guesses(result.params, problem.X_test) == problem.y_test))


def read(problem: HeldOut) -> dict[str, Any]:
    """Accuracy by every reading of every stated strength, and along l2."""
    n, k = len(problem.y), len(np.unique(problem.y))
    rows = []
    for stated in STATED:
        l2_values = {name: float(convert(stated, n, k)) for name, convert in READINGS.items()}
        of = {name: {"l2": l2, "accuracy": accuracy(problem, l2)} for name, l2 in l2_values.items()}
        rows.append({"stated": stated, "readings": of})
    curve = [accuracy(problem, float(l2)) for l2 in CURVE]
    return {"problem": problem.name, "n": n, "rows": rows, "curve": curve}


def spread(row: dict[str, Any]) -> float:
    """The largest difference of accuracy between two readings of one strength."""
    values = [reading["accuracy"] for reading in row["readings"].values()]
    return max(values) - min(values)


def show(found: list[dict[str, Any]]) -> None:
    """Print accuracy by reading, a line per problem and stated strength."""
    table = Table("problem", "stated", *READINGS, "spread")
    for problem in found:
        for row in problem["rows"]:
            cells = [f"{r['accuracy']:.4f}  (l2 {r['l2']:.0e})" for r in row["readings"].values()]
            table.add_row(problem["problem"], f"{row['stated']:g}", *cells, f"{spread(row):.4f}")
    Console(width=170).print(table)


def draw(found: list[dict[str, Any]]) -> None:
    """Accuracy along l2, and where the readings of one stated strength fall on it."""
    figure = Figure((4.1 * len(found), 4.6), layout="constrained", dpi=130)
    axes = figure.subplots(1, len(found), squeeze=False)[0]
    for ax, problem in zip(axes, found, strict=True):
        ax.plot(CURVE, problem["curve"], color=GREY, linewidth=1.2, label="accuracy of the optimum at l2")
        row = problem["rows"][1]
        for (name, reading), colour, marker in zip(row["readings"].items(), COLOURS, MARKERS, strict=False):
            look = {"color": colour, "marker": marker, "markersize": 10, "linestyle": "", "markeredgecolor": "white"}
            ax.plot(reading["l2"], reading["accuracy"], label=name, zorder=3, **look)
        ax.set_xscale("log")
        ax.set_title(f"{problem['problem']}: {100 * spread(row):.1f} points apart", loc="left", fontsize=10)
        ax.set_xlabel("l2, strength of the penalty (right: stronger)")
        ax.grid(color=PALE, linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("test accuracy")
    figure.suptitle(f'"L2 strength {STATED[1]:g}", read in {len(READINGS)} ways', x=0.01, ha="left", fontsize=12)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    figure.savefig(RESULTS / "penalty_conventions.png")


def main() -> None:
    """Read, print, draw and record."""
    found = [read(problem) for problem in problems(wants_full(__doc__))]
    for problem in found:
        for row in problem["rows"]:
            sums = [row["readings"][name]["l2"] for name in list(READINGS)[1:3]]
            assert np.isclose(sums[1], 2 * sums[0]), row  # the half
    show(found)
    draw(found)
    largest = max((spread(row), p["problem"], row["stated"]) for p in found for row in p["rows"])
    print("largest spread: {:.4f} ({}, stated {:g})".format(*largest))
    print(f"written: {record('penalty_conventions', {'tol': TOL, 'l2 of the curve': CURVE.tolist(), 'found': found})}")


if __name__ == "__main__":
    draw(recorded("penalty_conventions")["found"]) if sys.argv[1:] == ["--redraw"] else main()
