"""The optimum of J = mean_i s_i H_i + l2/2 ||W||^2 + l1 Omega(W), in NumPy, as a textbook would find it.

Accelerated proximal gradient with restarts: a gradient step of length 1/L on the smooth part from a point ahead of W,
the proximal operator of Omega, and the momentum forgotten where it leads uphill. It ends where 0 is within `tol` of
the subdifferential, in its largest entry. Omega = sum |W_ij|, or the sum of the norms of W's rows (group="features").

References:
  Beck and Teboulle, A fast iterative shrinkage-thresholding algorithm for linear inverse problems, 2009.
  O'Donoghue and Candes, Adaptive restart for accelerated gradient schemes, 2015: the gradient scheme.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, softmax


class Optimum(NamedTuple):
    W: np.ndarray  # (m, k), exact zeros
    b: np.ndarray  # (k,)
    objective: float  # nats per sample, with the penalties


class Sparse(NamedTuple):
    X: np.ndarray  # (n, m)
    T: np.ndarray  # (n, k), rows sum to 1
    l1: float
    l2: float
    group: str | None = None
    sample_weight: np.ndarray | None = None  # (n,), any scale
    bias: np.ndarray | None = None  # (k,), or None: it is free


def minimise(problem: Sparse, tol: float = 1e-10, max_iter: int = 200_000) -> Optimum:
    """The optimum, or an AssertionError where it is not found to `tol`."""
    W, b = np.zeros((problem.X.shape[1], problem.T.shape[1])), _start(problem)
    step, ahead, t = 1 / lipschitz(problem), (W, b), 1.0
    for i in range(max_iter):
        dW, db = gradient(problem, *ahead)
        new = prox(ahead[0] - step * dW, step * problem.l1, problem.group), ahead[1] - step * db
        if uphill(ahead, new, (W, b)):
            t = 1.0
        t, before = (1 + np.sqrt(1 + 4 * t**2)) / 2, t
        ahead = tuple(p + (before - 1) / t * (p - q) for p, q in zip(new, (W, b), strict=True))
        W, b = new
        if i % 10 == 0 and distance(problem, W, b) <= tol:
            return Optimum(W, b, objective(problem, W, b))
    raise AssertionError(f"no optimum within {max_iter} steps: {distance(problem, W, b):.2e} from the subdifferential")


def uphill(ahead: tuple, new: tuple, old: tuple) -> bool:
    """Does the last move go against the step that was made from the point ahead?"""
    return sum(np.vdot(a - p, p - q) for a, p, q in zip(ahead, new, old, strict=True)) > 0


def objective(problem: Sparse, W: np.ndarray, b: np.ndarray) -> float:
    """J with both penalties."""
    Z = problem.X @ W + b
    H = logsumexp(Z, axis=1) - np.sum(problem.T * Z, axis=1)
    smooth = weights(problem) @ H + problem.l2 / 2 * np.sum(W**2)
    return float(smooth + problem.l1 * omega(W, problem.group))


def gradient(problem: Sparse, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the smooth part; that of a fixed bias is 0."""
    R = weights(problem)[:, None] * (softmax(problem.X @ W + b, axis=1) - problem.T)
    db = R.sum(axis=0) if problem.bias is None else np.zeros_like(b)
    return problem.X.T @ R + problem.l2 * W, db


def prox(V: np.ndarray, strength: float, group: str | None) -> np.ndarray:
    """argmin over W of ||W - V||^2 / 2 + strength Omega(W)."""
    size = np.abs(V) if group is None else np.linalg.norm(V, axis=1, keepdims=True)
    return V * np.maximum(1 - strength / np.maximum(size, np.finfo(float).tiny), 0)


def omega(W: np.ndarray, group: str | None) -> float:
    return float(np.abs(W).sum() if group is None else np.linalg.norm(W, axis=1).sum())


def distance(problem: Sparse, W: np.ndarray, b: np.ndarray) -> float:
    """The largest entry of the smallest subgradient of J at (W, b)."""
    dW, db = gradient(problem, W, b)
    size = np.abs(W) if problem.group is None else np.linalg.norm(W, axis=1, keepdims=True)
    inside = prox(dW, problem.l1, problem.group)  # what is beyond the dual ball, where W is 0
    outside = dW + problem.l1 * W / np.where(size > 0, size, 1)
    return float(max(np.abs(np.where(size > 0, outside, inside)).max(), np.abs(db).max()))


def lipschitz(problem: Sparse) -> float:
    """Of the gradient of the smooth part: the Hessian of the loss in Z is at most I/2."""
    s = np.sqrt(weights(problem))[:, None]
    A = s * problem.X if problem.bias is not None else s * np.hstack([problem.X, np.ones((len(s), 1))])
    return np.linalg.norm(A, 2) ** 2 / 2 + problem.l2


def strongest(problem: Sparse) -> float:
    """The least l1 at which W = 0: the dual norm of X^T w (O - T) there; a free bias makes O the class shares."""
    w = weights(problem)
    O = w @ problem.T if problem.bias is None else softmax(problem.bias)
    U = problem.X.T @ (w[:, None] * (O[None] - problem.T))
    return float(np.abs(U).max() if problem.group is None else np.linalg.norm(U, axis=1).max())


def weights(problem: Sparse) -> np.ndarray:
    """s_i / n: they sum to 1."""
    s = np.ones(len(problem.X)) if problem.sample_weight is None else np.asarray(problem.sample_weight, float)
    return s / s.sum()


def _start(problem: Sparse) -> np.ndarray:
    return np.zeros(problem.T.shape[1]) if problem.bias is None else np.asarray(problem.bias, float)
