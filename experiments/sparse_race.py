"""Sparse fits against scikit-learn's saga, at one strength: python experiments/sparse_race.py [job ...] [--rivals].

l1 = 0.05 l1_max on MNIST's test images, on sparse text with as much l2 (elastic net), and on few of many features that
matter, 500 x 5000 x 5 and 2000 x 1000 x 10. The judge is `sparse_judge`, in float64. Ours counts by the gap that it
proves, a rival by J less the best lower bound of J* that is known: at its fastest setting that comes within 1e-5, or,
where none does, at its best. saga runs for ever more epochs with tol=0, so that each stands for all tolerances that
would have ended there, at last on one BLAS thread, too. There is no ratio where the machine was busy (`timing`).
--rivals runs it alone, and records nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from problems import SPARSE, few_matter, mnist
from recording import record
from rich.console import Console
from rich.table import Table
from sparse_contestants import TOL, ours, saga
from sparse_judge import Judge, Verdict
from sparse_text import text
from timing import in_words, ratio, watched

LIMIT_S = 150.0  # of one run of a rival
FIRST_EPOCHS, REFINEMENTS, REPEATS = 8, 2, 3


@dataclass
class Job:
    """Data, the share of the penalty that is l1, and the dtypes that saga is given; ours gets float32."""

    data: Callable[[], tuple[Any, np.ndarray]]
    l1_ratio: float = 1.0
    dtypes: tuple[str, ...] = ("float32", "float64")


JOBS = {
    "mnist": Job(lambda: mnist()[:2], dtypes=("float32",)),
    "text": Job(text, l1_ratio=0.5),
    **{name: Job(lambda shape=shape: few_matter(*shape)[:2]) for name, shape in SPARSE.items()},
}


def race(job: Job, rivals_only: bool) -> dict[str, Any]:
    """Ours, then saga."""
    X, y = job.data()
    X = X.astype(np.float32)  # all are judged by these
    judge = Judge(X, y)
    l1 = 0.05 * judge.l1_max()
    l2 = l1 * (1 - job.l1_ratio) / job.l1_ratio
    result: dict[str, Any] = {"shape": (*X.shape, judge.T.shape[1]), "l1": l1, "l2": l2}
    floors = []
    if not rivals_only:
        tight = ours(X.astype(np.float64), y, l1, l2, tol=1e-8)[1]
        floors.append(judge(*tight.params, l1, l2).floor)
        result |= our_fits(X, y, judge, l1, l2)
    runs = []
    for dtype in job.dtypes:

        def run(epochs: int, threads: int | None = None, dtype: str = dtype) -> dict[str, Any]:
            seconds, W, b = saga(X.astype(dtype), y, l1, l2, epochs, threads)
            verdict = judge(W, b, l1, l2)
            floors.append(verdict.floor)
            return shown({"dtype": dtype, "epochs": epochs, "threads": threads, "seconds": seconds}, [verdict], floors)

        runs += ladder(run, runs[-1]["epochs"] // 2 if runs else FIRST_EPOCHS)
    return result | counted(runs, floors)


def our_fits(X: Any, y: np.ndarray, judge: Judge, l1: float, l2: float) -> dict[str, Any]:
    """The first fit, and the fastest of some warm ones."""
    first_s, _ = ours(X, y, l1, l2)
    warm = [ours(X, y, l1, l2) for _ in range(REPEATS)]
    verdict, found = judge(*warm[-1][1].params, l1, l2), warm[-1][1]
    stated = {"stated gap": found.duality_gap, "status": found.status, "passes": found.n_passes}
    return {"first_s": first_s, "ours_s": min(s for s, _ in warm), "ours": told([verdict], [verdict.floor]) | stated}


def ladder(run: Callable[..., dict[str, Any]], epochs: int) -> list[dict[str, Any]]:
    """Twice the epochs each time, until one gets there or the limit is met; then fewer epochs, and one BLAS thread."""
    runs = [run(epochs)]
    while runs[-1]["excess"] > TOL and runs[-1]["seconds"] < 0.8 * LIMIT_S:
        epochs = int(epochs * min(2.0, LIMIT_S / runs[-1]["seconds"]))
        runs.append(run(epochs))
    if runs[-1]["excess"] > TOL:
        return [*runs, run(epochs, threads=1)]
    low, high = (runs[-2]["epochs"] if len(runs) > 1 else 1), epochs
    for _ in range(REFINEMENTS):
        runs.append(run(round(np.sqrt(low * high))))
        low, high = (low, runs[-1]["epochs"]) if runs[-1]["excess"] <= TOL else (runs[-1]["epochs"], high)
    return [*runs, run(high, threads=1)]


def told(verdicts: list[Verdict], floor: Any) -> dict[str, Any]:
    """The worst of some verdicts: how far above the floor, how far by their own proof; non-zeros at the last."""
    J, own = np.array([v.objective for v in verdicts]), np.array([v.gap for v in verdicts])
    return {
        "objective": J.tolist(),
        "excess": float(np.max(J - floor)),
        "gap": float(own.max()),
        "nonzeros": verdicts[-1][-1],
    }


def shown(settings: dict[str, Any], verdicts: list[Verdict], floors: list[Any]) -> dict[str, Any]:
    """A run as a row, printed as it ends."""
    row = settings | told(verdicts, np.max(floors, axis=0))
    print("   ", {key: value for key, value in row.items() if key != "objective"}, flush=True)
    return row


def counted(runs: list[dict[str, Any]], floors: list[Any]) -> dict[str, Any]:
    """The runs by the best floor, and the fastest that gets there, or else the nearest."""
    floor = np.max(floors, axis=0)
    rows = [row | {"excess": float(np.max(np.array(row["objective"]) - floor))} for row in runs]
    there = [row for row in rows if row["excess"] <= TOL]
    near = [row for row in rows if row["excess"] <= 1.01 * min(r["excess"] for r in rows)]
    best = min(there or near, key=lambda r: r["seconds"], default=None)
    return {"floor": np.atleast_1d(floor).tolist(), "theirs_s": best and best["seconds"], "theirs": best, "runs": rows}


def show(results: dict[str, dict[str, Any]]) -> None:
    """A line per job."""
    table = Table("job", "l1", "ours, s (first)", "proven gap", "rival, s", "excess, own gap", "setting", "ratio")
    for name, r in results.items():
        ours_s, rival = r.get("ours_s"), r["theirs"] or {}
        found = ratio(rival.get("seconds"), ours_s, r.get("load"))
        setting = ", ".join(f"{key}={rival[key]}" for key in ("dtype", "epochs", "tol", "threads") if key in rival)
        table.add_row(
            name,
            f"{r['l1']:.2e}",
            f"{ours_s:.3g} ({r['first_s']:.3g})" if ours_s else "-",
            f"{r['ours']['gap']:.1e}" if ours_s else "-",
            f"{rival['seconds']:.3g}" if rival else "-",
            f"{rival['excess']:.1e}, {rival['gap']:.1e}" if rival else "-",
            setting,
            in_words(found) + (" at least" if found.value and rival["excess"] > TOL else ""),
        )
    Console(width=180).print(table)


def main() -> None:
    """The jobs named, or all."""
    rivals_only = "--rivals" in sys.argv
    results = {}
    for name in [a for a in sys.argv[1:] if a in JOBS] or JOBS:
        print(name, flush=True)
        with watched() as load:
            results[name] = race(JOBS[name], rivals_only)
        results[name]["load"] = load
        if not rivals_only:
            print(f"written: {record(f'sparse_race_{name}', {'gap': TOL, **results[name]})}")
    show(results)


if __name__ == "__main__":
    main()
