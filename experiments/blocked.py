"""Problems whose logits would not fit into memory: python experiments/blocked.py [--scale 1].

    many rows      2,000,000 x 64 x 200: n k = 4e8; peak memory is to stay under X + 2 GiB
    many classes   20,000 x 256 x 50,000: n k = 1e9

Labels cannot name 50,000 classes in 20,000 rows: there the problem is placed with 50,000 classes, of which some 16,000
occur, and without a bias, which would run off for the others. Each fit runs in a fresh process; peak memory is that
process's, the caller's X included. --scale divides n, to see that the experiment works. On Linux only (reads /proc).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from recording import record
from rich.console import Console
from rich.table import Table

PROBLEMS = {"many rows": (2_000_000, 64, 200, 20), "many classes": (20_000, 256, 50_000, 4)}
GOAL_MIB = 2048  # beyond X

FIT_ALONE = """
import json, sys, time
import numpy as np
import softmax_jax as sj
from softmax_jax.placement import budget
from softmax_jax.problem.blocks import rows_per_block
from softmax_jax.problem.tiles import CACHED
from softmax_jax.placement.place import place
from softmax_jax.placement.memory import free_bytes
from softmax_jax.solvers.driver import optimise
n, m, k, memory, iterations, forced = map(int, sys.argv[1:])
if forced:
    budget.chosen_rows = lambda tiles, n, k, itemsize, free: rows_per_block(tiles, k * itemsize, free)
def mib(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field)) / 1024
rng = np.random.default_rng(0)
centres = rng.standard_normal((k, m), np.float32)
y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)]) if n > k else rng.integers(0, k, n)
X = rng.standard_normal((n, m), np.float32)
for start in range(0, n, 1 << 16):
    X[start : start + (1 << 16)] += centres[y[start : start + (1 << 16)]]
del centres
before, times = mib("VmRSS"), []
def note(progress):
    times.append((time.perf_counter(), progress.n_passes))
begin = time.perf_counter()
solver = sj.LBFGS(memory=memory)
if n > k:
    result = sj.fit(X, y, l2=1e-4, tol=1e-4, max_iter=iterations, solver=solver, callback=note)
else:
    rows = rows_per_block(CACHED, k * 4, free_bytes())
    data = place(X, y.astype(np.int32), None, 1e-4, False, solver, rows=rows)
    zero = sj.Params(np.zeros((m, k), np.float32), np.zeros(k, np.float32))
    result = optimise(solver, data, zero, tol=1e-4, max_iter=iterations, callback=note)
wall_s = time.perf_counter() - begin
pace = [(t1 - t0) / (p1 - p0) for (t0, p0), (t1, p1) in zip(times, times[1:]) if p1 > p0]
print(json.dumps({
    "status": result.status, "duality_gap": result.duality_gap, "objective": result.objective, "n_iter": result.n_iter,
    "n_passes": result.n_passes, "wall_s": wall_s, "s_per_pass": float(np.median(pace or [np.nan])),
    "X_mib": X.nbytes / 2**20, "before_mib": before, "peak_mib": mib("VmHWM"),
}))
"""


def fit(n: int, m: int, k: int, memory: int, iterations: int, forced: bool) -> dict[str, Any]:
    """What a fit in a process of its own says about itself."""
    arguments = [str(number) for number in (n, m, k, memory, iterations, int(forced))]
    command = [sys.executable, "-c", FIT_ALONE, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return {"n": n, "m": m, "k": k, "memory": memory, **json.loads(done.stdout.splitlines()[-1])}


def main() -> None:
    """Fit both, print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=100)
    options = parser.parse_args()
    results = {}
    table = Table("problem", "n x m x k", "status", "gap", "passes", "s a pass", "peak beyond X, MiB", "goal")
    for name, (n, m, k, memory) in PROBLEMS.items():
        n //= options.scale
        r = results[name] = fit(n, m, k, memory, options.iterations, options.scale > 1)
        beyond = r["peak_mib"] - r["X_mib"]
        goal = f"{GOAL_MIB}" if name == "many rows" else ""
        numbers = (f"{r['duality_gap']:.1e}", str(r["n_passes"]), f"{r['s_per_pass']:.2f}", f"{beyond:.0f}", goal)
        table.add_row(name, f"{n} x {m} x {k}", r["status"], *numbers)
    Console(width=120).print(table)
    print(f"written: {record('blocked', results)}")


if __name__ == "__main__":
    main()
