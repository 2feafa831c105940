"""Random problems from a seed, tolerances by dtype, and the formulas in plain NumPy, for several test files."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from softmax_jax.model import Params

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}  # of a gradient, relative to its largest magnitude
DTYPES = tuple(TOLERANCE)


class Case(NamedTuple):
    params: Params
    X: np.ndarray
    T: np.ndarray
    l2: float
    sample_weight: np.ndarray | None = None


def make_case(n=20, m=5, k=3, dtype="float64", l2=0.1, soft=False, weighted=False, seed=0) -> Case:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, m)).astype(dtype)
    T = rng.dirichlet(np.ones(k), n) if soft else np.eye(k)[rng.integers(0, k, n)]
    params = Params(rng.standard_normal((m, k)).astype(dtype), rng.standard_normal(k).astype(dtype))
    weight = rng.uniform(0, 5, n).astype(dtype) if weighted else None
    return Case(params, X, T.astype(dtype), l2, weight)


# n = 1, m = 1, k = 1 and 2, soft targets, weights, l2 = 0, a class that does not occur, tall and wide.
SHAPES = {
    "ordinary": {},
    "two classes": {"k": 2},
    "one class": {"k": 1},
    "one sample": {"n": 1},
    "one feature": {"m": 1},
    "all ones": {"n": 1, "m": 1, "k": 2},
    "no penalty": {"l2": 0.0},
    "large penalty": {"l2": 1e6},
    "soft targets": {"soft": True},
    "sample weights": {"weighted": True},
    "soft and weighted": {"soft": True, "weighted": True, "l2": 0.0, "k": 4},
    "more classes than samples": {"n": 4, "k": 9},
    "wide": {"n": 6, "m": 50},
    "tall": {"n": 1000, "m": 3, "k": 7, "weighted": True},
}


def reference_logits(case: Case) -> np.ndarray:
    return case.X.astype(np.longdouble) @ case.params.W.astype(np.longdouble) + case.params.b


def reference_output(case: Case) -> np.ndarray:
    Z = reference_logits(case)
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def reference_weight(case: Case) -> np.ndarray:
    """Weights of mean 1, a column."""
    s = np.ones(len(case.X)) if case.sample_weight is None else case.sample_weight
    s = np.asarray(s, np.longdouble)
    return (s / s.mean())[:, None]


def reference_objective(case: Case) -> float:
    losses = -(case.T * np.log(reference_output(case))).sum(axis=1, keepdims=True)
    W = case.params.W.astype(np.longdouble)
    return float((reference_weight(case) * losses).mean() + case.l2 / 2 * (W**2).sum())


def reference_gradient(case: Case) -> Params:
    R = reference_weight(case) * (reference_output(case) - case.T)
    return Params(case.X.T @ R / len(R) + case.l2 * case.params.W, R.mean(axis=0))


def reference_hvp(case: Case, direction: Params) -> Params:
    O, D = reference_output(case), case.X @ direction.W + direction.b
    R = reference_weight(case) * O * (D - (O * D).sum(axis=1, keepdims=True))
    return Params(case.X.T @ R / len(R) + case.l2 * direction.W, R.mean(axis=0))


def relative_difference(actual: Params, expected: Params) -> float:
    """The largest difference over the largest magnitude, of W or of b, whichever is worse."""
    worst = 0.0
    for a, e in zip(actual, expected, strict=True):
        a, e = np.asarray(a, np.longdouble), np.asarray(e, np.longdouble)
        size = np.abs(e).max()
        worst = max(worst, float(np.abs(a - e).max() / size) if size else float(np.abs(a).max()))
    return worst


def with_tiles(problem, tiles):
    """The same problem in memory, worked on as the platform of `tiles` would."""
    return problem.replaced(rows=problem.rows.worked_by(tiles))


def by_blocks(problem, rows):
    """The same problem by blocks of at most `rows` rows."""
    return problem.replaced(rows=problem.rows.by_blocks(rows))
