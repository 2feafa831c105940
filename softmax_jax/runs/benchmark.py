"""This library against scikit-learn on one data set: who gets how near to the optimum in which time.

Every contestant is run anew with 1, 2, 4, ... iterations until its distance to the optimum is at most `gap`, then with
fewer until the least number that suffices is known to an eighth. No tolerance of its own decides when it stops, so none
can flatter it. One judge for all: J in float64, less a proven lower bound of the optimum, which is J - gap of a fit a
hundred times as near. Times are of warm runs. The first run of each contestant, of one iteration, stands beside: with
the compilation that this process has not done yet, so that the first of this library pays for what its contestants
share, and a later benchmark in the same process for nothing.
"""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from softmax_jax.conventions import sklearn_c_from_l2
from softmax_jax.fitting.single import FitResult, fit
from softmax_jax.inputs import checks
from softmax_jax.inputs.samples import samples
from softmax_jax.losses import objective
from softmax_jax.model import Params, one_hot_encode
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers import LBFGS, Newton, NewtonCG

DENSE_UNKNOWNS = 2000  # beyond which dense Hessians take minutes or do not fit
_MOST_ITERATIONS = 1 << 16
_REPEATS, _SHORT_S = 3, 0.1  # a run shorter than that is run again, and the fastest counts
_OURS = {"auto": None, "LBFGS": LBFGS(), "NewtonCG": NewtonCG(), "Newton": Newton()}
_THEIRS = ("lbfgs", "newton-cg", "newton-cholesky")

Contestant = Callable[[int], tuple[Params, int]]  # most iterations -> parameters, iterations done


class Run(NamedTuple):
    """One run: most iterations, wall time, and the proven distance of its J to the optimum, nats per sample."""

    max_iter: int
    wall_s: float
    gap: float


class Entry(NamedTuple):
    """What one contestant did.

    Attributes:
      name: who.
      first_s: wall time of its first run in this benchmark, of one iteration: mostly compilation, where there is any.
      runs: by the number of iterations.
      wall_s: of its fastest run that got to the gap, or None.
      note: why there is no such run, or "".
    """

    name: str
    first_s: float
    runs: list[Run]
    wall_s: float | None
    note: str


class Race(NamedTuple):
    """All entries, and what each library returns at its defaults: name -> Run."""

    entries: list[Entry]
    defaults: dict[str, Run]
    optimum: float


@on_host
def compare(
    X: np.ndarray,
    y: np.ndarray,
    *,
    l2: float,
    gap: float = 1e-6,
    limit_s: float = 20.0,
    watch: Callable[[str], Any] = lambda name: None,
) -> Race:
    """Run all contestants on one problem.

    Args:
      X: (n, m) features in the dtype to compute in.
      y: (n,) labels.
      l2: strength > 0: without it no distance to the optimum is known.
      gap: distance to the optimum to reach, nats per sample.
      limit_s: wall time for each contestant; a run that would not end within it is not begun.
      watch: called with the name of each contestant before it starts.

    Returns:
      Race.

    Raises:
      ValueError: l2, gap or limit_s is not above 0.
    """
    for name, value in {"l2": l2, "gap (--tol)": gap, "limit_s (--limit)": limit_s}.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value}.")
    classes, index = np.unique(y, return_inverse=True)
    T, wide, unknowns = one_hot_encode(index, len(classes)), X.astype(np.float64), (X.shape[1] + 1) * len(classes)
    runs = _contestants(X, y, l2, gap, len(classes))
    dense = {name for name in runs if name.endswith((" Newton", "cholesky")) and unknowns > DENSE_UNKNOWNS}
    watch("first runs, and the optimum")
    with warnings.catch_warnings(action="ignore"):  # that a run of one iteration has not converged
        first_s = {name: _timed(lambda run=run: run(1))[1] for name, run in runs.items() if name not in dense}
    best = _fit(wide, y, l2, tol=gap / 100, max_iter=10_000)
    floor = best.objective - best.duality_gap

    def judge(params: Params) -> float:
        return max(float(objective(_two_columns(params), wide, T, l2)) - floor, 0.0)

    entries, defaults = [], {}
    skipped = Entry("", 0.0, [], None, f"not run: a dense Hessian of {unknowns} unknowns")
    with warnings.catch_warnings(action="ignore"):
        for name, run in runs.items():
            watch(name)
            entry = skipped if name in dense else _enter(run, first_s[name], judge, gap, limit_s)
            entries.append(entry._replace(name=name))
        for name, call in _at_defaults(X, y, l2, len(classes)).items():
            watch(f"{name} at its defaults")
            if name == "softmax_jax":
                call()  # compiles
            (params, n_iter), wall_s = _timed(call, _REPEATS)
            defaults[name] = Run(n_iter, wall_s, judge(params))
    return Race(entries, defaults, best.objective)


def _enter(run: Contestant, first_s: float, judge: Callable[[Params], float], gap: float, limit_s: float) -> Entry:
    """Double the iterations until the gap is reached, then halve the interval to the last number that was too few."""
    runs: dict[int, Run] = {}
    low, high, spent_s, note = 0, 0, 0.0, ""
    while not note and (not high or high - low > max(1, low // 8)):
        i = (low + high) // 2 if high else 2 * low or 1
        (params, n_iter), wall_s = _timed(lambda i=i: run(i), _REPEATS)
        last = runs[i] = Run(i, wall_s, judge(params))
        spent_s += wall_s
        if last.gap <= gap:
            high = i
        elif not high and n_iter < i:
            note = f"stops by itself at a gap of {last.gap:.0e}"
        elif not high and (spent_s + 2 * wall_s > limit_s or i >= _MOST_ITERATIONS):
            note = f"a gap of {last.gap:.0e} after {spent_s:.0f} s"
        low = i if i != high else low
        if high and spent_s > limit_s:
            break
    reached = [r.wall_s for r in runs.values() if r.gap <= gap]
    return Entry("", first_s, [runs[i] for i in sorted(runs)], min(reached) if reached else None, note)


def _contestants(X: np.ndarray, y: np.ndarray, l2: float, gap: float, k: int) -> dict[str, Contestant]:
    ours = functools.partial(_softmax_jax, X, y, l2, tol=gap / 2)
    theirs = functools.partial(_scikit_learn, X, y, l2, k, tol=1e-14)
    return {f"softmax_jax {name}": lambda i, s=solver: ours(solver=s, max_iter=i) for name, solver in _OURS.items()} | {
        f"scikit-learn {solver}": lambda i, s=solver: theirs(solver=s, max_iter=i) for solver in _THEIRS
    }


def _at_defaults(X: np.ndarray, y: np.ndarray, l2: float, k: int) -> dict[str, Callable[[], tuple[Params, int]]]:
    return {"softmax_jax": lambda: _softmax_jax(X, y, l2), "scikit-learn": lambda: _scikit_learn(X, y, l2, k)}


def _softmax_jax(X: np.ndarray, y: np.ndarray, l2: float, **settings: Any) -> tuple[Params, int]:
    result = _fit(X, y, l2, **settings)
    return result.params, result.n_iter


def _fit(X: np.ndarray, y: np.ndarray, l2: float, **settings: Any) -> FitResult:
    """`fit`, with Ctrl-C as the exception that ends the benchmark."""
    result = fit(samples(checks.features(X), y, None), None, l2=l2, **settings)
    if result.status == "interrupted":
        raise KeyboardInterrupt
    return result


def _scikit_learn(X: np.ndarray, y: np.ndarray, l2: float, k: int, **options: Any) -> tuple[Params, int]:
    model = LogisticRegression(C=sklearn_c_from_l2(l2, len(y), k), **options).fit(X, y)
    return Params(np.asarray(model.coef_.T), np.asarray(model.intercept_)), int(model.n_iter_.max())


def _two_columns(params: Params) -> Params:
    """float64 parameters with a column per class; scikit-learn's binary model has one, of differences."""
    wide = Params(*(np.asarray(p, np.float64) for p in params))
    if len(wide.b) > 1:
        return wide
    return Params(*(np.concatenate([-p / 2, p / 2], axis=-1) for p in wide))


def _timed(call: Callable[[], Any], repeats: int = 1) -> tuple[Any, float]:
    """The result of a call and its wall time; short ones the fastest of `repeats`."""
    walls_s = []
    while True:
        start = time.perf_counter()
        result = call()
        walls_s.append(time.perf_counter() - start)
        if len(walls_s) == repeats or walls_s[-1] > _SHORT_S:
            return result, min(walls_s)
