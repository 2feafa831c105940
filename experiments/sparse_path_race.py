"""A path of grouped strengths against adelie: python experiments/sparse_path_race.py [genes middle] [--rivals].

Fifty strengths from l1_max to 0.01 l1_max, l2 = 0, group="features", on few of many features that matter (genes: 500 x
5000 x 5, middle: 2000 x 1000 x 10). adelie's grpnet runs at falling tolerances, by the interpreter that --adelie names
where this one has none; judged and counted as in `sparse_race`, by the worst strength. Beside our path stands the
hardest of its fits alone, and one strength of the middle of the path to 1e-6. --rivals runs adelie alone, and records
nothing.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
from problems import SPARSE, few_matter
from recording import record
from sparse_contestants import TOL, adelie_path, adelie_version, our_path, ours
from sparse_judge import Judge
from sparse_race import LIMIT_S, REPEATS, counted, show, shown, told
from timing import watched

TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)  # 1e-7 is adelie's default
STRENGTHS = np.geomspace(1, 0.01, 50)  # of l1_max
WEAKEST = 5  # strengths among which the hardest is looked for


def race(shape: tuple[int, int, int], rivals_only: bool, python: str) -> dict[str, Any]:
    """Ours, then adelie where there is one."""
    X, y, _ = few_matter(*shape)
    X = X.astype(np.float32)  # all are judged by these
    judge = Judge(X, y, "features")
    strengths = judge.l1_max() * STRENGTHS
    result: dict[str, Any] = {"shape": shape, "l1": strengths[-1], "l1_max": strengths[0]}
    floors = [np.full(len(strengths), -np.inf)]
    if not rivals_only:
        tight = our_path(X.astype(np.float64), y, strengths, tol=1e-8)[1]
        floors.append(np.array([v.floor for v in judged(judge, zip(*tight.params, strict=True), strengths)]))
        result |= our_fits(X, y, judge, strengths)
    version = adelie_version(python)
    runs = their_paths(python, X, y, judge, strengths, floors) if version else []
    return result | {"adelie": version} | counted(runs, floors)


def judged(judge: Judge, fits: Any, strengths: np.ndarray) -> list[Any]:
    """A verdict at each strength."""
    return [judge(W, b, l1, 0.0) for (W, b), l1 in zip(fits, strengths, strict=True)]


def our_fits(X: np.ndarray, y: np.ndarray, judge: Judge, strengths: np.ndarray) -> dict[str, Any]:
    """The first path and the fastest of some warm ones; its hardest fit alone, warm; one fit to 1e-6."""
    first_s, _ = our_path(X, y, strengths)
    warm = [our_path(X, y, strengths) for _ in range(REPEATS)]
    found = warm[-1][1]
    verdicts = judged(judge, zip(*found.params, strict=True), strengths)
    row = told(verdicts, [v.floor for v in verdicts])
    stated = {"stated gap": float(np.max(found.duality_gap)), "passes": int(np.sum(found.n_passes))}
    hardest = max(_warm(X, y, l1, TOL)[0] for l1 in strengths[-WEAKEST:])
    one_s, one = _warm(X, y, strengths[len(strengths) // 2], 1e-6)
    seconds = {"first_s": first_s, "ours_s": min(s for s, _ in warm), "hardest fit alone, s": hardest}
    return seconds | {"ours": row | stated, "one to 1e-6, s": one_s, "its gap": one.duality_gap}


def _warm(X: np.ndarray, y: np.ndarray, l1: float, tol: float) -> tuple[float, Any]:
    """The faster of two fits of one grouped strength, after one that compiles."""
    fits = [ours(X, y, l1, 0.0, "features", tol) for _ in range(3)]
    return min(fits[1:], key=lambda fit: fit[0])


def their_paths(
    python: str, X: np.ndarray, y: np.ndarray, judge: Judge, strengths: np.ndarray, floors: list[np.ndarray]
) -> list[dict[str, Any]]:
    """Its paths at falling tolerances until one gets there; with so many threads as stay within the limit."""
    runs, counts = [], [1, 2]  # on a busy machine two take several times as long as one
    for tol in TOLERANCES:
        for threads in list(counts):
            found = adelie_path(python, X, y, strengths, tol, threads, LIMIT_S)
            if found is None:
                print(f"    tol={tol:g}, threads={threads}: more than {LIMIT_S:g} s", flush=True)
                counts.remove(threads)
                continue
            verdicts = judged(judge, found[1], strengths)
            floors.append(np.array([v.floor for v in verdicts]))
            runs.append(shown({"tol": tol, "threads": threads, "seconds": found[0]}, verdicts, floors))
        if not counts or runs[-1]["excess"] <= TOL:
            break
    return runs


def main() -> None:
    """The problems named, or both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*SPARSE, []], metavar="name")
    parser.add_argument("--rivals", action="store_true", help="adelie alone; nothing is recorded")
    parser.add_argument("--adelie", default=sys.executable, metavar="PYTHON", help="an interpreter that has adelie")
    chosen = parser.parse_args()
    results = {}
    for name in chosen.names or SPARSE:
        print(name, flush=True)
        with watched() as load:
            results[name] = race(SPARSE[name], chosen.rivals, chosen.adelie)
        results[name]["load"] = load
        if not chosen.rivals:
            print(f"written: {record(f'sparse_path_race_{name}', {'gap': TOL, **results[name]})}")
    show(results)


if __name__ == "__main__":
    main()
