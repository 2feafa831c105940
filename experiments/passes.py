"""What a pass costs beside its two bare products, and what a fit needs in memory: python experiments/passes.py.

A pass is value and gradient: one forward product, softmax, loss and residual, one backward product. The bare products
are the fastest of NumPy and XLA, in either layout of the logits. Peak memory is that of a fresh process, less what it
held before the fit, all compiled; the budget is X + 6 (n x k) + 48 (m x k) + 24 (m x m) numbers: twenty pairs of
L-BFGS, and 8 m rows sampled for the covariance, once more centred. On Linux only (reads /proc).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from recording import record
from rich.console import Console
from rich.table import Table

from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.placement.place import place
from softmax_jax.solvers import LBFGS

SHAPES = [(10_000, 784, 10), (20_000, 512, 100), (10_000, 768, 1000), (200_000, 54, 7), (20_000, 64, 5)]
REPEATS = 7


def speed(n: int, m: int, k: int, dtype: str) -> dict[str, Any]:
    """Milliseconds of a pass, of its products alone, and of the fastest two products."""
    rng = np.random.default_rng(0)
    X, R = rng.standard_normal((n, m)).astype(dtype), rng.standard_normal((n, k)).astype(dtype)
    W = (rng.standard_normal((m, k)) / np.sqrt(m)).astype(dtype)  # logits of deviation 1
    RT = np.ascontiguousarray(R.T)
    WT = np.ascontiguousarray(W.T)
    data = place(X, rng.integers(0, k, n).astype(np.int32), None, 1e-4, True, LBFGS())
    with scope(dtype):
        device = [jax.device_put(a) for a in (X, W, R, RT, WT)]
        Xd, Wd, Rd, RTd, WTd = device
        product = jax.jit(lambda A, B: jax.numpy.matmul(A, B, precision="highest"))
        transposed = jax.jit(lambda A, B: jax.numpy.matmul(A.T, B, precision="highest"))
        by_rows = jax.jit(lambda W, X: jax.lax.dot_general(W, X, (((1,), (1,)), ((), ())), precision="highest"))
        params = Params(Wd, jax.numpy.zeros(k, dtype))
        at = jax.jit(lambda problem, params: problem.at(params))
        walls = _in_turns(
            {
                "pass": lambda: at(data.training, params),
                "forward NumPy": lambda: X @ W,
                "forward NumPy, class-major": lambda: WT @ X.T,
                "forward XLA": lambda: product(Xd, Wd),
                "forward XLA, class-major": lambda: by_rows(WTd, Xd),
                "backward NumPy": lambda: X.T @ R,
                "backward NumPy, class-major": lambda: RT @ X,
                "backward XLA": lambda: transposed(Xd, Rd),
                "backward XLA, class-major": lambda: product(RTd, Xd),
            }
        )
    fastest = sum(min(t for name, t in walls.items() if name.startswith(way)) for way in ("forward", "backward"))
    share = fastest / walls["pass"]
    return {"n": n, "m": m, "k": k, "dtype": dtype, "share": share, "two products": fastest, **walls}


def _in_turns(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median milliseconds of each, taken in turns so that a busy moment hits all."""
    walls: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(REPEATS + 2):
        for name, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            walls[name].append(1e3 * (time.perf_counter() - start))
    return {name: float(np.median(wall[2:])) for name, wall in walls.items()}


FIT_ALONE = """
import ctypes, gc, json, sys
import numpy as np
import softmax_jax as sj
def mib(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field)) / 1024
n, m, k, dtype = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
rng = np.random.default_rng(0)
X = rng.standard_normal((n, m), np.float32).astype(dtype)
y = rng.integers(0, k, n)
sj.fit(X, y, solver=sj.LBFGS(), max_iter=12, tol=1e-12)  # compiles
gc.collect(), ctypes.CDLL("libc.so.6").malloc_trim(0)
before = mib("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
result = sj.fit(X, y, solver=sj.LBFGS(), max_iter=12, tol=1e-12)
print(json.dumps({"before": before, "peak": mib("VmHWM")}))
"""


def memory(n: int, m: int, k: int, dtype: str) -> dict[str, Any]:
    """Peak MiB of a fit beyond the caller's X, and the budget."""
    command = [sys.executable, "-c", FIT_ALONE, str(n), str(m), str(k), dtype]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seen = json.loads(done.stdout.splitlines()[-1])
    numbers = n * m + 6 * n * k + 48 * m * k + 24 * m * m
    budget = numbers * np.dtype(dtype).itemsize / 2**20
    return {"n": n, "m": m, "k": k, "dtype": dtype, "peak_mib": seen["peak"] - seen["before"], "budget_mib": budget}


def main() -> None:
    """Measure, print and record both."""
    speeds = [speed(*shape, dtype) for shape in SHAPES for dtype in ("float32", "float64")]
    memories = [memory(*shape, dtype) for shape in SHAPES[:4] for dtype in ("float32", "float64")]
    table = Table("n x m x k", "dtype", "pass, ms", "two products, ms", "share")
    for r in speeds:
        size = f"{r['n']} x {r['m']} x {r['k']}"
        table.add_row(size, r["dtype"], f"{r['pass']:.2f}", f"{r['two products']:.2f}", f"{r['share']:.0%}")
    Console(width=120).print(table)
    table = Table("n x m x k", "dtype", "peak of a fit, MiB", "budget, MiB")
    for r in memories:
        size = f"{r['n']} x {r['m']} x {r['k']}"
        table.add_row(size, r["dtype"], f"{r['peak_mib']:.0f}", f"{r['budget_mib']:.0f}")
    Console(width=120).print(table)
    print(f"written: {record('passes', {'speed': speeds, 'memory': memories})}")


if __name__ == "__main__":
    main()
