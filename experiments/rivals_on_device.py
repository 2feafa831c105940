"""Ours against torch.optim.LBFGS and cuML on the same device at the same true gap: accelerator.py --race [--full].

One fit, and 45 strengths: `fit_path` against a loop that starts from the last solution (cuML knows no start). Time is
from arrays on the host to parameters on the host, data transfer included, of one warm run; the first call stands
beside. Tolerances fall until J - J*, in float64 and against a proven lower bound of J*, is at most 1e-5 at every
strength. A rival that is not installed, or a problem that memory does not hold, is skipped with a word.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from contestants import torch_minimise, torch_parameters
from recording import record
from rich.console import Console
from rich.table import Table
from solver_race import GAP, TooSlow, limited
from timing import in_words, ratio, watched

import softmax_jax as sj
from softmax_jax.dtypes import scope
from softmax_jax.losses import ridge
from softmax_jax.placement.memory import free_bytes

Generator = Callable[[int, int, int, Any], tuple[np.ndarray, np.ndarray]]
Rival = Callable[[np.ndarray, np.ndarray, np.ndarray, float, Any], list[sj.Params]]  # X, y, strengths, tol, device

SMALL = {"8192 x 64 x 10": (8192, 64, 10), "8192 x 128 x 50": (8192, 128, 50)}
LARGE = {
    "MNIST's size": (60_000, 784, 10),
    "CIFAR-100's size": (50_000, 1024, 100),
    "a tenth of ImageNet": (128_116, 1024, 1000),
}
FULL = {"ImageNet's size": (1_281_167, 1024, 1000)}
JOBS = {"one fit": np.array([1e-5]), "45 strengths": np.logspace(-1, -6, 45)}
TOLERANCES = {True: [1e-4, 1e-5, 1e-6], False: [1e-3, 1e-4, 1e-5, 1e-6, 1e-7]}  # by whether it is ours
LIMIT_S = {"cpu": 30.0, "other": 120.0}  # of one run
JUDGED_ROWS = 2**15
PROVEN = GAP / 20


class Problem(NamedTuple):
    """Data on the host, and a proven lower bound of J* at each strength."""

    X: np.ndarray
    y: np.ndarray
    l2s: np.ndarray
    least: np.ndarray


def ours(X: np.ndarray, y: np.ndarray, l2s: np.ndarray, tol: float, device: Any) -> list[sj.Params]:
    """`fit`, or `fit_path`; tol is the certified gap."""
    if len(l2s) == 1:
        return [sj.fit(X, y, l2=float(l2s[0]), tol=tol, devices=device).params]
    path = sj.fit_path(X, y, l2s, tol=tol, devices=device)
    return [sj.Params(*(p[i] for p in path.params)) for i in _places(path, l2s)]


def _places(path: Any, l2s: np.ndarray) -> list[int]:
    """Where the strengths are in a path, whatever its order."""
    return [int(np.argmin(np.abs(path.l2_values - l2))) for l2 in l2s]


def torch_loop(X: np.ndarray, y: np.ndarray, l2s: np.ndarray, tol: float, device: Any) -> list[sj.Params]:
    """torch.optim.LBFGS, each strength from the last solution; tol bounds the largest entry of the gradient."""
    import torch

    place = "cpu" if device.platform == "cpu" else "cuda"
    features, labels = torch.from_numpy(X).to(place), torch.from_numpy(y.astype(np.int64)).to(place)
    W, b = torch_parameters(X.shape[1], int(y.max()) + 1, features)
    return [torch_minimise(features, labels, W, b, float(l2), tol) for l2 in l2s]


def cuml(X: np.ndarray, y: np.ndarray, l2s: np.ndarray, tol: float, device: Any) -> list[sj.Params]:
    """LogisticRegression of cuML, each strength from zero; tol is its own."""
    from cuml.linear_model import LogisticRegression  # type: ignore[import-not-found] # only where there is a GPU

    found = []
    for l2 in l2s:
        model = LogisticRegression(C=1 / (l2 * len(y)), tol=tol, max_iter=5000, output_type="numpy").fit(X, y)
        found.append(sj.Params(np.asarray(model.coef_, np.float64).T, np.asarray(model.intercept_, np.float64)))
    return found


def rivals(device: Any) -> dict[str, Rival]:
    """Who is there; who is not is named."""
    found: dict[str, Rival] = {"softmax_jax": ours}
    if not importlib.util.find_spec("torch"):
        print("SKIPPED: torch is not installed (pip install torch).")
    elif device.platform != "cpu" and not _torch_sees_a_gpu():
        print("SKIPPED: torch is installed, but sees no GPU.")
    else:
        found["torch LBFGS"] = torch_loop
    if importlib.util.find_spec("cuml"):
        found["cuML"] = cuml
    else:
        print("SKIPPED: cuML is not installed.")
    return found


def _torch_sees_a_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@jax.jit
def _losses(X: Any, y: Any, W: Any, b: Any) -> Any:
    Z = jnp.matmul(X.astype(W.dtype), W, precision="highest") + b[None]
    return jnp.sum(jax.nn.logsumexp(Z, axis=1) - jnp.take_along_axis(Z, y[:, None], axis=1)[:, 0])


def objective(params: sj.Params, X: np.ndarray, y: np.ndarray, l2: float, device: Any) -> float:
    """J in float64, some rows at a time."""
    with scope(np.float64):
        W, b = jax.device_put(tuple(np.asarray(p, np.float64) for p in params), device)
        total = 0.0
        for start in range(0, len(y), JUDGED_ROWS):
            rows = slice(start, start + JUDGED_ROWS)
            total += float(_losses(*jax.device_put((X[rows], y[rows]), device), W, b))
        return total / len(y) + float(ridge(W, l2))


def largest_gap(found: list[sj.Params], problem: Problem, device: Any) -> float:
    """The largest J - J* of the strengths, J* taken as low as it may be."""
    pairs = zip(found, problem.l2s, problem.least, strict=True)
    return max(objective(p, problem.X, problem.y, float(l2), device) - least for p, l2, least in pairs)


def prepared(shape: tuple[int, int, int], l2s: np.ndarray, data: Generator, device: Any) -> Problem:
    """The data, and how low J* may be by a proof to PROVEN."""
    X, y = data(*shape, np.float32)
    path = sj.fit_path(X, y, l2s, tol=PROVEN, devices=device, max_iter=10_000)
    return Problem(X, y, l2s, (path.objective - path.duality_gap)[_places(path, l2s)])


def runs_of(name: str, rival: Rival, problem: Problem, device: Any) -> list[dict[str, Any]]:
    """Time and largest gap at falling tolerances, until it is at most GAP."""
    limit_s = LIMIT_S["cpu" if device.platform == "cpu" else "other"]
    runs: list[dict[str, Any]] = []
    for tol in TOLERANCES[name == "softmax_jax"]:
        call = functools.partial(rival, problem.X, problem.y, problem.l2s, tol, device)
        try:
            first_s = limited(call, limit_s)[0] if not runs else None
            wall_s, found = limited(call, limit_s)
        except TooSlow:
            return [*runs, {"tol": tol, "wall_s": None, "stopped_after_s": limit_s}]
        gap = largest_gap(found, problem, device)
        runs.append({"tol": tol, "wall_s": wall_s, "first_s": first_s, "gap": gap})
        if gap <= GAP:
            break
    return runs


def fits(shape: tuple[int, int, int], device: Any) -> bool:
    """Whether memory holds the data, the logits and what autodiff keeps of them."""
    n, m, k = shape
    return 4 * n * (m + 6 * k) <= 0.8 * free_bytes(device)


def raced(
    device: Any, size: str, shape: tuple[int, int, int], data: Generator, contestants: dict[str, Rival]
) -> list[dict[str, Any]]:
    """All rivals on all jobs of one problem."""
    rows = []
    for job, l2s in JOBS.items():
        problem = prepared(shape, l2s, data, device)
        for name, rival in contestants.items():
            with watched() as load:
                runs = runs_of(name, rival, problem, device)
            reached = [run["wall_s"] for run in runs if run["wall_s"] and run["gap"] <= GAP]
            row = {"problem": size, "shape": shape, "job": job, "solver": name, "load": load, "runs": runs}
            rows.append({**row, "seconds to 1e-5": min(reached) if reached else None})
            print(f"{size}, {job}, {name}: {rows[-1]['seconds to 1e-5'] or 'not reached'}", flush=True)
    return rows


def table(rows: list[dict[str, Any]], device: Any) -> Table:
    """A line for each run of a rival that got there, with how many times as long as ours it took, or why not."""
    shown = Table("problem", "job", "solver", "s to 1e-5", "first call, s", "gap", "ours is x times as fast")
    shown.title = f"{device.device_kind}: J - J* <= {GAP:g} at every strength"
    best = {(r["problem"], r["job"]): r for r in rows if r["solver"] == "softmax_jax"}
    for r in rows:
        mine, seconds, first = best[r["problem"], r["job"]], r["seconds to 1e-5"], r["runs"][0].get("first_s")
        found = ratio(seconds, mine["seconds to 1e-5"], mine["load"], r["load"])
        times = in_words(found) if r is not mine else ""
        gaps = [run["gap"] for run in r["runs"] if "gap" in run]
        words = f"{seconds:.3g}" if seconds else "not reached"
        gap = f"{min(gaps):.1e}" if gaps else "-"
        shown.add_row(r["problem"], r["job"], r["solver"], words, f"{first:.3g}" if first else "-", gap, times)
    return shown


def race(device: Any, data: Generator, *, full: bool) -> None:
    """Race on what suits the device, print and record."""
    sizes = SMALL if device.platform == "cpu" else LARGE | (FULL if full else {})
    contestants, rows = rivals(device), []
    for size, shape in sizes.items():
        if not fits(shape, device):
            print(f"SKIPPED: {size} does not fit into the memory.")
            continue
        rows += raced(device, size, shape, data, contestants)
        print(f"written: {record(f'rivals_{device.platform}', {'gap': GAP, 'rows': rows})}")
    Console(width=180).print(table(rows, device))
