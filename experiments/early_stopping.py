"""What does stopping early cost in accuracy? python experiments/early_stopping.py [--full | --redraw].

L-BFGS from zero, stopped after 1, 2, 3, 5, ... iterations: the certified gap, the accuracy on test rows, and the
share of test rows whose prediction differs from that of the optimum. Beside it, where scikit-learn's LogisticRegression
stops by its default tol and max_iter. --redraw draws what was recorded.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from held_out import HeldOut, guesses, problems, wants_full
from matplotlib.figure import Figure
from recording import RESULTS, record, recorded
from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

import softmax_jax as sj
from softmax_jax.conventions import sklearn_c_from_l2
from softmax_jax.plots.style import BLUE, GREY, ORANGE, PALE

STRENGTHS = (1e-3, 1e-5)
STOPS = (1, 2, 3, 5, 9, 16, 28, 50, 90, 160)
TOL = 1e-8  # of the optimum that all are compared with
NONE = 1e-4  # where no difference is drawn
NEAR = 1e-3  # of accuracy or of predictions: one in a thousand


def along_the_fit(problem: HeldOut, l2: float) -> dict[str, Any]:
    """Gap, accuracy and disagreement at each stop, and those of scikit-learn's defaults."""
    best = sj.fit(problem.X, problem.y, l2=l2, tol=TOL, max_iter=10_000)
    assert best.status == "converged", best
    final = guesses(best.params, problem.X_test)
    points = []
    for stop in STOPS:
        result = sj.fit(problem.X, problem.y, l2=l2, tol=TOL, max_iter=stop, solver=sj.LBFGS())
        found = (result.params, result.objective - best.objective, result.duality_gap)
        points.append({"iterations": result.n_iter, **judge(problem, *found, final)})
        if result.status == "converged":
            break
    params, T = scikit_learn(problem, l2), sj.one_hot_encode(problem.y)
    excess = float(sj.objective(params, problem.X, T, l2)) - best.objective
    theirs = judge(problem, params, excess, float(sj.duality_gap(params, problem.X, T, l2)), final)
    accuracy = float(np.mean(final == problem.y_test))
    return {"problem": problem.name, "l2": l2, "accuracy": accuracy, "points": points, "scikit-learn": theirs}


def judge(problem: HeldOut, params: sj.Params, excess: float, gap: float, final: np.ndarray) -> dict[str, float]:
    """What is lost by these parameters, `excess` above the optimum, whose predictions are `final`."""
    guess = guesses(params, problem.X_test)
    accuracy, differs = float(np.mean(guess == problem.y_test)), float(np.mean(guess != final))
    return {"gap": gap, "excess": max(0.0, excess), "accuracy": accuracy, "differs": differs}


def scikit_learn(problem: HeldOut, l2: float) -> sj.Params:
    """LogisticRegression as it comes, but for the strength."""
    C = sklearn_c_from_l2(l2, len(problem.y), len(np.unique(problem.y)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=C).fit(problem.X, problem.y)
    return sj.Params(model.coef_.T, model.intercept_)


def harmless_gap(row: dict[str, Any]) -> float:
    """The largest certified gap from which on at most one prediction in a thousand differs from the optimum's."""
    gap = 0.0
    for point in reversed(row["points"]):
        if point["differs"] > NEAR:
            break
        gap = point["gap"]
    return gap


def show(rows: list[dict[str, Any]]) -> None:
    """Print a line per problem and strength."""
    table = Table(
        "problem",
        "l2",
        "accuracy at J*",
        "after 5",
        "after 16",
        "scikit-learn",
        "its J - J*",
        "differs",
        "harmless gap",
    )
    for row in rows:
        at = {point["iterations"]: f"{point['accuracy']:.4f}" for point in row["points"]}
        theirs = row["scikit-learn"]
        table.add_row(
            row["problem"],
            f"{row['l2']:.0e}",
            f"{row['accuracy']:.4f}",
            at.get(5, ""),
            at.get(16, ""),
            f"{theirs['accuracy']:.4f}",
            f"{theirs['excess']:.1e}",
            f"{theirs['differs']:.1%}",
            f"{row['harmless gap']:.0e}",
        )
    Console(width=140).print(table)


def draw(rows: list[dict[str, Any]]) -> None:
    """Accuracy above, share of other predictions below, against the gap that falls to the right."""
    names = list(dict.fromkeys(row["problem"] for row in rows))
    figure = Figure((4.1 * len(names), 6.2), layout="constrained", dpi=130)
    axes = figure.subplots(2, len(names), sharex="col", squeeze=False)
    for row in rows:
        above, below = axes[:, names.index(row["problem"])]
        first = row["l2"] == STRENGTHS[0]
        look = {"color": BLUE if first else ORANGE, "marker": "o" if first else "s", "markersize": 4}
        gaps = [point["gap"] for point in row["points"]]
        above.plot(gaps, [p["accuracy"] for p in row["points"]], **look, label=f"l2 = {row['l2']:.0e}")
        above.axhline(row["accuracy"], color=look["color"], linewidth=0.8, linestyle=":")
        below.plot(gaps, [max(p["differs"], NONE) for p in row["points"]], **look)
        theirs = row["scikit-learn"]
        for ax, value in ((above, theirs["accuracy"]), (below, max(theirs["differs"], NONE))):
            label = "scikit-learn's defaults" if ax is above and not first else None
            look_theirs = {"color": look["color"], "markersize": 13, "markeredgecolor": "white", "zorder": 4}
            ax.plot(theirs["gap"], value, "*", label=label, **look_theirs)
        above.set_title(row["problem"], loc="left", fontsize=11)
    for ax in axes.ravel():
        ax.set_xscale("log")
        ax.grid(color=PALE, linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    for above, below in axes.T:
        above.invert_xaxis()
        below.set(yscale="log", xlabel="certified gap  [nats per sample]: falls to the right →")
        below.axhline(NEAR, color=GREY, linestyle="--", linewidth=1)
    axes[0, 0].set_ylabel("test accuracy")
    axes[1, 0].set_ylabel("share of predictions that differ")
    for ax in axes[1]:
        ax.set_yticks([NONE, 1e-3, 1e-2, 1e-1], ["none", "0.1 %", "1 %", "10 %"])
        ax.minorticks_off()
    axes[0, 0].plot([], [], ":", color=GREY, label="at the optimum")
    axes[0, 0].legend(frameon=False, fontsize=9, loc="lower right")
    figure.savefig(RESULTS / "early_stopping.png")


def main() -> None:
    """Follow every problem at every strength, print, draw and record."""
    full = wants_full(__doc__)
    rows = [along_the_fit(problem, l2) for problem in problems(full) for l2 in STRENGTHS]
    for row in rows:
        row["harmless gap"] = harmless_gap(row)
        excess = [point["excess"] for point in row["points"]]
        assert all(point["excess"] <= point["gap"] + TOL for point in row["points"]), row
        assert excess[-1] < excess[0], row
    show(rows)
    draw(rows)
    print(f"written: {record('early_stopping', {'tol': TOL, 'near': NEAR, 'rows': rows})}")


if __name__ == "__main__":
    draw(recorded("early_stopping")["rows"]) if sys.argv[1:] == ["--redraw"] else main()
