"""Every solver here against scikit-learn, scipy, optax and torch: python experiments/solver_race.py [problem ...].

--redraw draws what was recorded.
One judge for all: J and the proven gap of every answer in float64, and J* from a tight fit. A contestant runs at
falling tolerances until its true gap J - J* is at most 1e-5; its time is that of its fastest run that got to 1e-5.
Ours is judged harder: by the proven bound. Times are of one warm run; the first call, compilation included, stands
beside. scikit-learn runs on all BLAS threads and on one. The load of the machine is recorded with every contestant, and
there is no ratio where it was busy (`timing`).
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from contestants import OURS, THEIRS, Contestant
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter
from problems import PROBLEMS, Case
from recording import RESULTS, record, recorded
from rich.console import Console
from rich.table import Table
from timing import in_words, ratio, timed, watched

import softmax_jax as sj

GAP = 1e-5
TOLERANCES = {"ours": [1e-2, 1e-3, 1e-4, 1e-5, 1e-7], "theirs": [1e-3, 1e-4, 1e-5, 1e-6, 1e-7]}
LIMIT_S = {"embeddings": 60.0, "many_classes": 100.0, "many_fitted": 60.0, "middle_fitted": 60.0}  # of one run
USUAL_LIMIT_S = 20.0
DTYPES = {name: ("float32",) for name in LIMIT_S}  # where a run takes long
_FEW = ("softmax_jax auto", "softmax_jax LBFGS", "softmax_jax NewtonCG", "scikit-learn lbfgs", "scikit-learn newton-cg")
_FEW += tuple(f"{name}, 1 thread" for name in _FEW[3:])
ONLY = dict.fromkeys((*LIMIT_S, "mnist"), _FEW)
DENSE_UNKNOWNS = 2000  # beyond it a dense Hessian does not pay, or does not fit


class TooSlow(Exception):
    """A run took longer than its limit."""


def race(name: str) -> list[dict[str, Any]]:
    """All contestants on one problem, in both dtypes."""
    case = PROBLEMS[name]()
    best = sj.fit(case.X, case.y, l2=case.l2, tol=1e-8, max_iter=100_000)
    T = sj.one_hot_encode(case.y)
    rows = []
    for dtype in DTYPES.get(name, ("float32", "float64")):
        X = case.X.astype(dtype)
        for contestant, run in {**OURS, **THEIRS}.items():
            if contestant not in ONLY.get(name, (contestant,)):
                continue
            if case.X.shape[1] * T.shape[1] > DENSE_UNKNOWNS and contestant.split(",")[0].endswith(
                (" Newton", "cholesky")
            ):
                continue
            row = {"problem": name, "dtype": dtype, "solver": contestant, "objective*": best.objective}
            limit_s = LIMIT_S.get(name, USUAL_LIMIT_S)
            with watched() as row["load"]:
                row["runs"] = _runs(contestant in OURS, run, case._replace(X=X), case.X, T, best.objective, limit_s)
            row["seconds to 1e-5"] = _seconds_to_gap(row["runs"], proven=contestant in OURS)
            rows.append(row)
            _print(row)
    return rows


def _runs(
    ours: bool, run: Contestant, case: Case, exact: np.ndarray, T: np.ndarray, best: float, limit_s: float
) -> list[dict]:
    """Time, J - J* and proven gap at falling tolerances, until one is well below GAP."""
    runs = []
    for tol in TOLERANCES["ours" if ours else "theirs"]:
        try:
            first = limited(lambda tol=tol: run(case.X, case.y, case.l2, tol), limit_s)[0] if not runs else None
            seconds, params = limited(lambda tol=tol: run(case.X, case.y, case.l2, tol), limit_s)
        except TooSlow:
            runs.append({"tol": tol, "seconds": None, "stopped after s": limit_s})
            break
        wide = sj.Params(*(np.asarray(p, np.float64) for p in params))
        if len(wide.b) == 1:
            wide = sj.Params(*(np.concatenate([-p / 2, p / 2], axis=-1) for p in wide))
        excess = float(sj.objective(wide, exact, T, case.l2)) - best
        gap = float(sj.duality_gap(wide, exact, T, case.l2))
        runs.append({"tol": tol, "seconds": seconds, "first seconds": first, "excess": excess, "gap": gap})
        if gap <= 0.1 * GAP if ours else excess <= GAP:
            break
    return runs


def limited(call: Callable[[], Any], limit_s: float) -> tuple[float, Any]:
    """The wall time and the result, or TooSlow."""

    def stop(*_: Any) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        return timed(call)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _seconds_to_gap(runs: list[dict], proven: bool) -> float | None:
    """The time of the fastest run that got there."""
    reached = [r["seconds"] for r in runs if r["seconds"] and r["gap" if proven else "excess"] <= GAP]
    return min(reached) if reached else None


def _print(row: dict[str, Any]) -> None:
    seconds = row["seconds to 1e-5"]
    words = f"{seconds:.3f} s" if seconds else "not reached"
    print(f"{row['problem']:>14} {row['dtype']} {row['solver']:<28} {words}", flush=True)


def ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per problem and dtype: the fastest scikit-learn solver over `softmax_jax auto`, or why there is no ratio."""
    found = []
    for name, dtype in dict.fromkeys((r["problem"], r["dtype"]) for r in rows):
        here = {r["solver"]: r for r in rows if (r["problem"], r["dtype"]) == (name, dtype)}
        seconds = {solver: r["seconds to 1e-5"] for solver, r in here.items()}
        theirs = {s: t for s, t in seconds.items() if s.startswith("scikit-learn") and t}
        fastest = min(theirs, key=lambda s: theirs[s]) if theirs else None
        ours = seconds["softmax_jax auto"]
        theirs_s = theirs[fastest] if fastest else None
        loads = [here[who].get("load") for who in ("softmax_jax auto", fastest) if who]
        words = in_words(ratio(theirs_s, ours, *loads))
        found.append(
            {"problem": name, "dtype": dtype, "ours": ours, "theirs": theirs_s, "fastest": fastest, "ratio": words}
        )
    return found


def show(found: list[dict[str, Any]]) -> None:
    """Print the ratios as a table."""
    table = Table("problem", "dtype", "softmax_jax, s", "fastest scikit-learn, s", "which", "ratio")
    for r in found:
        numbers = [f"{r[key]:.3g}" if r[key] else "-" for key in ("ours", "theirs")]
        table.add_row(r["problem"], r["dtype"], *numbers, r["fastest"] or "none", r["ratio"])
    Console(width=160).print(table)


def draw(rows: list[dict[str, Any]]) -> None:
    """True gap against time, a panel per problem; colour and marker are the solver, the style of the line the dtype."""
    names = list(dict.fromkeys(r["problem"] for r in rows))
    figure = Figure((5 * min(3, len(names)), 3.6 * -(-len(names) // 3)), layout="constrained", dpi=110)
    axes = figure.subplots(-(-len(names) // 3), min(3, len(names)), squeeze=False).ravel()
    solvers, shown = list({**OURS, **THEIRS}), {}
    for ax, name in zip(axes, names, strict=False):
        for row in (r for r in rows if r["problem"] == name):
            done = [r for r in row["runs"] if r["seconds"]]
            style = "--" if row["dtype"] == "float32" else "-"
            gaps = [max(r["excess"], 1e-12) for r in done]
            index = solvers.index(row["solver"])
            marker = "o" if row["solver"] in OURS else "x"
            ax.plot([r["seconds"] for r in done], gaps, style, marker=marker, ms=4, lw=1, color=f"C{index}")
            if done:
                shown[row["solver"]] = Line2D([], [], ls="", marker=marker, ms=5, color=f"C{index}")
        ax.axhline(GAP, color="0.45", lw=1, ls=":")
        ax.annotate("1e-5", (1.01, GAP), xycoords=("axes fraction", "data"), va="center", fontsize=8)
        ax.set(xscale="log", yscale="log", title=name, xlabel="seconds, warm", ylabel="J - J*, nats per sample")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    shown |= {f"{dtype} data": Line2D([], [], ls=s, color="0.3") for dtype, s in (("float64", "-"), ("float32", "--"))}
    shown["1e-5: counts as done"] = Line2D([], [], ls=":", color="0.45")
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    figure.savefig(RESULTS / "solver_race.png")


def main() -> None:
    """Race on the problems named, or on all; the table and the figure hold every problem recorded so far."""
    for name in sys.argv[1:] or PROBLEMS:
        rows = race(name)
        print(f"written: {record(f'solver_race_{name}', {'gap': GAP, 'ratios': ratios(rows), 'rows': rows})}")
    files = [RESULTS / f"solver_race_{name}.json" for name in PROBLEMS]
    rows = [row for file in files if file.exists() for row in json.loads(file.read_text())["result"]["rows"]]
    show(ratios(rows))
    draw(rows)


def redraw() -> None:
    """Draw what was recorded."""
    names = [name for name in PROBLEMS if (RESULTS / f"solver_race_{name}.json").exists()]
    draw([row for name in names for row in recorded(f"solver_race_{name}")["rows"]])


if __name__ == "__main__":
    redraw() if sys.argv[1:] == ["--redraw"] else main()
