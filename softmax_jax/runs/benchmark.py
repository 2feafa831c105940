"""This library against scikit-learn on one data set: who gets how near to the optimum in which time.

Every contestant is run anew with 1, 2, 4, ... iterations until its distance to the optimum is at most `gap`, then with
fewer until the least number that suffices is known to an eighth. No tolerance of its own decides when it stops, so none
can flatter it. One judge for all: J in float64, less a proven lower bound of the optimum, which is J - gap of a fit a
hundred times as near. Times are of warm runs: what a contestant compiles is compiled before its clock starts. Its
first run, of one iteration, stands beside: with the compilation that this process has not done yet, so that the first
of this library pays for what its contestants share, and a later benchmark in the same process for nothing.

scikit-learn computes on one BLAS thread and on all, and the faster counts. What other processes took of the machine is
recorded, and `ratio` gives none where it was busy.
"""

from __future__ import annotations

import contextlib
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
from softmax_jax.runs import blas_threads
from softmax_jax.runs.load import Load, Ratio, ratio, reading, since
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers import LBFGS, Newton, NewtonCG

DENSE_UNKNOWNS = 2000  # beyond which dense Hessians take minutes or do not fit
_MOST_ITERATIONS = 1 << 16
_REPEATS, _SHORT_S = 3, 0.1  # a run shorter than that is run again, and the fastest counts
_OURS = {"auto": None, "LBFGS": LBFGS(), "NewtonCG": NewtonCG(), "Newton": Newton()}
_THEIRS = ("lbfgs", "newton-cg", "newton-cholesky")

OWN = "its own"  # threads of this library's contestants, which are not those of BLAS
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
      way: the BLAS threads of a rival in words, "" where the contestant has its own.
      load: of the machine while it ran.
    """

    name: str
    first_s: float
    runs: list[Run]
    wall_s: float | None
    note: str
    way: str = ""
    load: Load | None = None


class Race(NamedTuple):
    """What all contestants did.

    Attributes:
      entries: of each contestant, a rival in its faster way.
      defaults: what each library returns at its defaults: name -> Run.
      optimum: J, nats per sample.
      slower: the entries of rivals in their slower ways.
      load: of the machine, from the first contestant's start to the last one's end.
    """

    entries: list[Entry]
    defaults: dict[str, Run]
    optimum: float
    slower: list[Entry]
    load: Load


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
      limit_s: wall time for each contestant in each of its ways, not counting what it compiles and its run to warm up;
        a run that would not end within it is not begun.
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

    def entered(name: str, threads: Any) -> Entry:
        way = "" if threads is OWN else blas_threads.in_words(threads)
        watch(f"{name}, {way}" if way else name)
        with _on(threads):
            if threads is OWN:
                _warm_up(X, y, l2, _OURS[name.split(" ", 1)[1]], gap / 2, limit_s)
            return _enter(runs[name], first_s[name], judge, gap, limit_s)._replace(name=name, way=way)

    entries, slower, begin = [], [], reading()
    skipped = Entry("", 0.0, [], None, f"not run: a dense Hessian of {unknowns} unknowns")
    with warnings.catch_warnings(action="ignore"):
        for name in runs:
            ways = [] if name in dense else sorted((entered(name, way) for way in _ways(name)), key=_time_then_gap)
            entries.append(ways[0] if ways else skipped._replace(name=name))
            slower += ways[1:]
        defaults = _run_at_defaults(X, y, l2, len(classes), judge, watch)
    return Race(entries, defaults, best.objective, slower, since(begin))


def race_ratio(found: Race) -> tuple[str, Ratio]:
    """The name of scikit-learn's fastest entry with its way, and its time over that of the first contestant.

    Args:
      found: what `compare` returned.

    Returns:
      The name, "" where none got there, and the ratio or why there is none.
    """
    ours = found.entries[0]
    theirs = [e for e in found.entries if e.name.startswith("scikit-learn") and e.wall_s is not None]
    if ours.wall_s is None or not theirs:
        who = "scikit-learn" if ours.wall_s is not None else ours.name
        return "", Ratio(None, f"{who} did not get there")
    best = min(theirs, key=_time_then_gap)
    loads = [load for load in (found.load, ours.load, best.load) if load is not None]
    return f"{best.name} ({best.way})", ratio(best.wall_s, ours.wall_s, loads)


def _ways(name: str) -> tuple[Any, ...]:
    """The numbers of BLAS threads that a contestant is tried with."""
    return blas_threads.ways() if name.startswith("scikit-learn") else (OWN,)


def _on(threads: Any) -> Any:
    return contextlib.nullcontext() if threads is OWN else blas_threads.limited(threads)


def _time_then_gap(entry: Entry) -> tuple[float, float]:
    wall_s = np.inf if entry.wall_s is None else entry.wall_s
    return wall_s, min(run.gap for run in entry.runs)


def _warm_up(X: np.ndarray, y: np.ndarray, l2: float, solver: Any, tol: float, limit_s: float) -> None:
    """Let a contestant go to its end once, or for so long: it may compile more than in its first iteration."""
    late: list[bool] = []
    begin_s = time.perf_counter()

    def look(progress: Any) -> bool:
        late.append(time.perf_counter() - begin_s > limit_s)
        return late[-1]

    settings: Any = {"l2": l2, "solver": solver, "tol": tol, "max_iter": _MOST_ITERATIONS}
    result = fit(samples(checks.features(X), y, None), None, callback=look, **settings)
    if result.status == "interrupted" and not any(late):
        raise KeyboardInterrupt


def _enter(run: Contestant, first_s: float, judge: Callable[[Params], float], gap: float, limit_s: float) -> Entry:
    """Double the iterations until the gap is reached, then halve the interval to the last number that was too few."""
    runs: dict[int, Run] = {}
    low, high, spent_s, note, begin = 0, 0, 0.0, "", reading()
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
    done = [runs[i] for i in sorted(runs)]
    return Entry("", first_s, done, min(reached) if reached else None, note, load=since(begin))


def _contestants(X: np.ndarray, y: np.ndarray, l2: float, gap: float, k: int) -> dict[str, Contestant]:
    ours = functools.partial(_softmax_jax, X, y, l2, tol=gap / 2)
    theirs = functools.partial(_scikit_learn, X, y, l2, k, tol=1e-14)
    return {f"softmax_jax {name}": lambda i, s=solver: ours(solver=s, max_iter=i) for name, solver in _OURS.items()} | {
        f"scikit-learn {solver}": lambda i, s=solver: theirs(solver=s, max_iter=i) for solver in _THEIRS
    }


def _run_at_defaults(
    X: np.ndarray, y: np.ndarray, l2: float, k: int, judge: Callable[[Params], float], watch: Callable[[str], Any]
) -> dict[str, Run]:
    """A warm run of each library at its defaults, in its fastest way."""
    found = {}
    for name, call in _at_defaults(X, y, l2, k).items():
        watch(f"{name} at its defaults")
        if name == "softmax_jax":
            call()  # compiles
        done = []
        for threads in _ways(name):
            with _on(threads):
                done.append(_timed(call, _REPEATS))
        (params, n_iter), wall_s = min(done, key=lambda run: run[1])
        found[name] = Run(n_iter, wall_s, judge(params))
    return found


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
