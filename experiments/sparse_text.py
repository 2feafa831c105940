"""Sparse text-like data: time, passes, gap and memory of a fit, beside scikit-learn: python experiments/sparse_text.py.

Rows of 100 words drawn from a vocabulary with Zipf frequencies, a part of them from the row's own class, weighted as
TfidfTransformer does. Each contestant runs in a fresh process, which reports its peak memory; it fits twice, so that
the second time is without compilation. J* is taken from a fit to a gap of 1e-9. scikit-learn is given the loosest tol
of 1e-1 to 1e-6 with which it ends within `TOL` of J*; that J - J* is what its line shows as the gap. Its time is the
faster of those on one BLAS thread and on all; the load of the machine is recorded (`timing`).
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import scipy.sparse as sp
from recording import record
from rich.console import Console
from rich.table import Table
from timing import watched

N, M, K, WORDS = 20_000, 50_000, 20, 100
L2, TOL = 1e-4, 1e-5
OWN = 0.15  # share of words from the class's own vocabulary
FLIPPED = 0.1  # share of labels that are drawn at random
CONTESTANTS = ("LBFGS float32", "LBFGS float64", "NewtonCG float32", "NewtonCG float64", "scikit-learn float64")


def text() -> tuple[sp.csr_array, np.ndarray]:
    """X (N, M) with at most WORDS entries a row, rows of norm 1, and y (N,)."""
    rng = np.random.default_rng(0)
    frequency = np.cumsum(1 / np.arange(1, M + 1))
    y = rng.integers(0, K, N)
    words = np.searchsorted(frequency, rng.uniform(0, frequency[-1], (N, WORDS)))
    own = np.stack([rng.permutation(M) for _ in range(K)])
    words = np.where(rng.random((N, WORDS)) < OWN, own[y[:, None], words], words)
    X = sp.csr_array((np.ones(N * WORDS), (np.repeat(np.arange(N), WORDS), words.ravel())), shape=(N, M))
    rarity = np.log((1 + N) / (1 + np.bincount(X.indices, minlength=M))) + 1
    X.data *= rarity[X.indices]
    norm = np.sqrt(X.multiply(X).sum(axis=1))
    X.data /= np.repeat(norm, np.diff(X.indptr))
    return X, np.where(rng.random(N) < FLIPPED, rng.integers(0, K, N), y)


def objective(W: np.ndarray, b: np.ndarray, X: Any, y: np.ndarray) -> float:
    """J in float64, by NumPy and SciPy alone."""
    Z = X @ W + b
    Z -= Z.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(Z).sum(axis=1)) - Z[np.arange(N), y]) + L2 / 2 * np.sum(W**2))


def ours(X: Any, y: np.ndarray, solver: str, tol: float = TOL) -> dict[str, Any]:
    """One fit with the named solver."""
    import softmax_jax as sj

    start = time.perf_counter()
    result = sj.fit(X, y, l2=L2, tol=tol, solver=getattr(sj, solver)())
    wall_s = time.perf_counter() - start
    J = objective(*(p.astype(np.float64) for p in result.params), X.astype(np.float64), y)
    return {"wall_s": wall_s, "passes": result.n_passes, "gap": result.duality_gap, "J": J, "status": result.status}


def theirs(X: Any, y: np.ndarray, best: float) -> dict[str, Any]:
    """The fit of scikit-learn's lbfgs with the loosest tol that ends within TOL of the least J."""
    from sklearn.linear_model import LogisticRegression
    from timing import timed

    from softmax_jax.runs import blas_threads

    row: dict[str, Any] = {}
    for tol in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
        model = LogisticRegression(C=1 / (L2 * N), tol=tol, max_iter=10_000)
        wall_s = blas_threads.fastest(lambda model=model: timed(lambda: model.fit(X, y))).wall_s
        J = objective(model.coef_.T, model.intercept_, X, y)
        row = {"wall_s": wall_s, "passes": int(model.n_iter_[0]), "gap": J - best, "J": J, "status": f"tol={tol:g}"}
        if row["gap"] <= TOL:
            break
    return row


def contest(name: str, best: float) -> dict[str, Any]:
    """What one contestant does in this process."""
    kind, dtype = name.split()
    X, y = text()
    X = X.astype(dtype)
    data_gib = peak_gib()
    if kind == "scikit-learn":
        row = theirs(X, y, best)
        return {"contestant": name, "first_s": None, **row, "data_gib": data_gib, "peak_gib": peak_gib()}
    first_s = ours(X, y, kind)["wall_s"]
    return {"contestant": name, "first_s": first_s, **ours(X, y, kind), "data_gib": data_gib, "peak_gib": peak_gib()}


def peak_gib() -> float:
    """Peak resident memory of this process so far, on Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def fresh(*arguments: Any) -> Any:
    """What this script prints in a process of its own."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def show(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table."""
    table = Table("contestant", "first fit s", "fit s", "passes", "J - J* at most", "peak GiB", "status")
    for r in rows:
        first = "" if r["first_s"] is None else f"{r['first_s']:.2f}"
        numbers = (f"{r['wall_s']:.2f}", str(r["passes"]), f"{r['gap']:.1e}", f"{r['peak_gib']:.2f}", r["status"])
        table.add_row(r["contestant"], first, *numbers)
    Console(width=120).print(table)


def main() -> None:
    """Run all contestants, or the one that is named on the command line."""
    if sys.argv[1:] == ["best"]:
        print(json.dumps(ours(*text(), "NewtonCG", tol=1e-9)))
        return
    if sys.argv[1:]:
        print(json.dumps(contest(sys.argv[1], float(sys.argv[2]))))
        return
    best = fresh("best")
    rows = []
    for name in CONTESTANTS:
        with watched() as load:
            row = fresh(name, best["J"])
        rows.append({**row, "load": load})
    for row in rows:
        assert row["gap"] <= TOL and row["J"] - best["J"] <= TOL, row
        assert row["peak_gib"] < 3, row
    show(rows)
    X, _ = text()
    data = {"n": N, "m": M, "k": K, "entries": int(X.nnz), "l2": L2, "tol": TOL}
    print(f"written: {record('sparse_text', {'data': data, 'J*': best['J'], 'rows': rows})}")


if __name__ == "__main__":
    main()
