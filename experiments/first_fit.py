"""What the first fit of a process costs, and what neighbours on the machine do to one: python experiments/first_fit.py.

Each row is measured in processes of its own, without a compilation cache: the first fit of a table after `import jax`,
twenty tables of different shapes, a sweep; the command line with its cache, the second time; and a dense Newton fit
alone and beside two processes that never rest.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
from recording import record
from rich.console import Console
from rich.table import Table

REPEATS = 3
BEGIN = """
import json, time, jax, numpy as np
def timed(call):
    start = time.perf_counter(); call(); return time.perf_counter() - start
def table(n, m, k, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, m)).astype(np.float32)
    y = np.argmax(X @ rng.standard_normal((m, k)) + rng.gumbel(size=(n, k)), axis=1)
    y[:k] = np.arange(k)
    return X, y
def fit(X, y):
    import softmax_jax as sj
    return sj.fit(X, y, l2=1e-3)
"""
FIRST = """
X, y = table(%d, %d, %d)
print(json.dumps({"first": timed(lambda: fit(X, y)), "warm": min(timed(lambda: fit(X, y)) for _ in range(5))}))
"""
TWENTY = """
rng = np.random.default_rng(1)
shapes = [(int(rng.integers(60, 1501)), int(rng.integers(3, 61)), int(rng.integers(2, 10))) for _ in range(20)]
tables = [table(*shape, seed) for seed, shape in enumerate(shapes)]
walls = [[timed(lambda: fit(*t)) for t in tables] for _ in range(2)]
print(json.dumps({"first": sum(walls[0]), "warm": sum(walls[1])}))
"""
SWEEP = """
import softmax_jax as sj
from sklearn.datasets import load_digits
X, y = load_digits(return_X_y=True)
model = sj.SoftmaxRegressionCV(l2_values=np.geomspace(1e-6, 1, 10), cv=5, tol=1e-4)
X = (X / 16).astype(np.float32)
first = timed(lambda: model.fit(X, y))
print(json.dumps({"first": first, "warm": min(timed(lambda: model.fit(X, y)) for _ in range(3))}))
"""
JOBS = {
    "iris-like, 150 x 4 x 3": FIRST % (150, 4, 3),
    "2000 x 64 x 10": FIRST % (2000, 64, 10),
    "2310 x 19 x 7, dense Newton": FIRST % (2310, 19, 7),
    "twenty tables of 60..1500 x 3..60 x 2..9": TWENTY,
    "digits, 10 strengths x 5 folds and the refit": SWEEP,
}


def alone(code: str) -> dict[str, float]:
    """First and warm seconds in a fresh process: of several, that with the quickest first fit."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION")}
    runs = []
    for _ in range(REPEATS):
        done = subprocess.run(
            [sys.executable, "-c", BEGIN + code], env=environment, check=True, capture_output=True, text=True
        )
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return min(runs, key=lambda run: run["first"])


def command_line() -> dict[str, float]:
    """Seconds of `softmax-jax fit iris` in all, with an empty cache of programs and with what that left behind."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"SOFTMAX_JAX_CACHE_DIR": f"{folder}/programs"}
        command = [sys.executable, "-m", "softmax_jax", "fit", "iris", "--out", f"{folder}/out"]
        walls = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            subprocess.run(command, env=environment, check=True, capture_output=True)
            walls.append(time.perf_counter() - start)
    return {"first": walls[0], "warm": min(walls[1:])}


def busy() -> dict[str, float]:
    """Warm seconds of a dense Newton fit alone, and beside two processes that never rest (medians)."""
    rest = "walls = [timed(lambda: fit(X, y)) for _ in range(9)]\nprint(json.dumps({'warm': sorted(walls)[4]}))"
    code = "X, y = table(2310, 19, 7)\nfit(X, y)\n" + rest
    quiet = subprocess.run([sys.executable, "-c", BEGIN + code], check=True, capture_output=True, text=True)
    neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        loud = subprocess.run([sys.executable, "-c", BEGIN + code], check=True, capture_output=True, text=True)
    finally:
        for process in neighbours:
            process.kill()
    return {"quiet": json.loads(quiet.stdout)["warm"], "busy": json.loads(loud.stdout)["warm"]}


def main() -> None:
    """Measure, print and record."""
    found: dict[str, Any] = {name: alone(code) for name, code in JOBS.items()}
    found["softmax-jax fit iris, in all"] = command_line()
    table = Table("job", "first, s", "warm, s")
    for name, walls in found.items():
        table.add_row(name, f"{walls['first']:.2f}", f"{walls['warm']:.3f}")
    Console(width=120).print(table)
    neighbours = busy()
    print(
        "dense Newton, 2310 x 19 x 7: {quiet:.3f} s alone, {busy:.3f} s beside two busy processes".format(**neighbours)
    )
    print(f"written: {record('first_fit', {'jobs': found, 'neighbours': neighbours, 'numpy': np.__version__})}")


if __name__ == "__main__":
    main()
