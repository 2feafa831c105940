"""The judge of sparse fits, in float64 by NumPy and SciPy alone: objective, and the gap that parameters prove.

J = mean_i H_i + l2/2 ||W||^2 + l1 Omega(W). Any A (n, k) of probabilities by rows, with the class totals of T, proves a
bound, with u = -X^T (A - T) / n and P = l2/2 ||.||^2 + l1 Omega:

    J(W, b) - J* <= mean_i KL(A_i || O_i) + P(W) + P*(u) - <W, u>

Here A = T + c (softmax(X W + b') - T), b' being the bias that makes the totals right, and c the best in [0, 1]. With
l2 > 0, P*(u) = ||s||^2 / (2 l2), s being u shrunk by l1; with l2 = 0 it is 0 where s = 0, for which c must be at most
l1 / max |u|.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax, xlogy


class Verdict(NamedTuple):
    """What is true of some parameters."""

    objective: float
    gap: float  # proven by them alone
    nonzeros: int  # entries of W, or rows of it for groups

    @property
    def floor(self) -> float:
        """A lower bound of J*."""
        return self.objective - self.gap


class Judge:
    """One problem: X (n, m) dense or sparse, in float64, and labels y (n,)."""

    def __init__(self, X: Any, y: np.ndarray, group: str | None = None) -> None:
        """Take the data as they are, in float64."""
        self.X, self.T, self.group = X.astype(np.float64), np.eye(int(y.max()) + 1)[y], group

    def l1_max(self) -> float:
        """The least l1 at which W = 0: there O holds the class shares."""
        return self._largest(self.X.T @ (self.T - self.T.mean(axis=0)) / len(self.T))

    def __call__(self, W: np.ndarray, b: np.ndarray, l1: float, l2: float) -> Verdict:
        """J at (W, b) and the gap that these prove."""
        W, b = np.asarray(W, np.float64), np.asarray(b, np.float64)
        XW = self.X @ W
        log_O = log_softmax(XW + b, axis=1)
        A = softmax(XW + totals_right(XW, self.T, b), axis=1)
        u = self.X.T @ (self.T - A) / len(A)
        sizes = self._sizes(W)
        penalty = l2 / 2 * np.sum(W**2) + l1 * sizes.sum()

        def gap(c: float) -> float:
            A_c = self.T + c * (A - self.T)
            divergence = np.sum(xlogy(A_c, A_c) - A_c * log_O) / len(A)
            beyond = np.sum(np.maximum(self._sizes(c * u) - l1, 0) ** 2) / (2 * l2) if l2 > 0 else 0.0
            return float(divergence + penalty + beyond - c * np.vdot(W, u))

        J = -np.sum(self.T * log_O) / len(A) + penalty
        highest = 1.0 if l2 > 0 else min(1.0, l1 / self._largest(u))
        best = minimize_scalar(gap, bounds=(0, highest), method="bounded", options={"xatol": 1e-10})
        return Verdict(float(J), min(gap(highest), float(best.fun)), int(np.count_nonzero(sizes)))

    def _sizes(self, V: np.ndarray) -> np.ndarray:
        return np.abs(V) if self.group is None else np.linalg.norm(V, axis=1)

    def _largest(self, u: np.ndarray) -> float:
        return float(self._sizes(u).max())


def totals_right(XW: np.ndarray, T: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The bias (k,) at which the totals of softmax(XW + b) are those of T: Newton, scaling where that goes uphill."""

    def cost(b: np.ndarray) -> float:
        return float(-np.mean(np.sum(T * log_softmax(XW + b, axis=1), axis=1)))

    totals = T.mean(axis=0)
    for _ in range(1000):
        A = softmax(XW + b, axis=1)
        r = A.mean(axis=0) - totals
        if np.abs(r).max() < 1e-14:
            break
        H = np.diag(A.mean(axis=0)) - A.T @ A / len(A)
        newton = b - np.linalg.lstsq(H, r, rcond=None)[0]
        scaled = b - np.log(np.maximum(A.mean(axis=0), 1e-300) / totals)  # lowers the cost from anywhere
        b = newton if cost(newton) <= cost(b) + 1e-15 else scaled
    return b
