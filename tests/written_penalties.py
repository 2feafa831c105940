"""The optimum of a sparse objective as another library's manual writes it, by SciPy's smooth solvers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax


@dataclass(frozen=True)
class Written:
    """loss * sum_i s_i H_i + size * Omega(D W) + square * ||D W||^2 with D = diag(scale)."""

    loss: float
    size: float
    square: float
    scale: np.ndarray | float = 1.0
    rows: bool = False  # Omega is the sum of the norms of rows
    s: np.ndarray | None = None

    def minimum(self, X: np.ndarray, y: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """Its argmin (W, b), a column per class; one column is fitted as a sigmoid for the second class."""
        s = np.ones(len(y)) if self.s is None else self.s
        D = np.ones((X.shape[1], 1)) * np.reshape(self.scale, (-1, 1))
        smooth = _Smooth(X, np.eye(max(columns, 2))[y], self.loss * s[:, None], self.square * D**2, columns)
        W, b = (_by_rows if self.rows else _by_entries)(smooth, self.size * D)
        return (W, b) if columns > 1 else (np.hstack([-W / 2, W / 2]), np.concatenate([-b / 2, b / 2]))


@dataclass(frozen=True)
class _Smooth:
    """Losses and squares, with their gradient."""

    X: np.ndarray
    T: np.ndarray
    weights: np.ndarray
    squares: np.ndarray
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.X.shape[1], self.columns

    def __call__(self, W: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        Z = self.X @ W + b
        Z = Z if self.columns > 1 else np.hstack([np.zeros_like(Z), Z])
        H = logsumexp(Z, axis=1, keepdims=True) - np.sum(self.T * Z, axis=1, keepdims=True)
        R = (self.weights * (softmax(Z, axis=1) - self.T))[:, -self.columns :]
        value = np.sum(self.weights * H) + np.sum(self.squares * W**2)
        return value, self.X.T @ R + 2 * self.squares * W, R.sum(axis=0)


def _by_entries(smooth: _Smooth, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """W = P - Q with P, Q >= 0, of which the optimum has one at 0: sum |W| is linear in them."""
    pieces = int(np.prod(smooth.shape))

    def value_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
        P, Q = theta[: 2 * pieces].reshape(2, *smooth.shape)
        value, dW, db = smooth(P - Q, theta[2 * pieces :])
        return value + np.sum(size * (P + Q)), np.concatenate([(dW + size).ravel(), (size - dW).ravel(), db])

    bounds = [(0, None)] * (2 * pieces) + [(None, None)] * smooth.columns
    options = {"gtol": 1e-11, "ftol": 0, "maxiter": 5000, "maxfun": 20_000, "maxcor": 30}
    theta = np.zeros(2 * pieces + smooth.columns)
    for _ in range(2):  # a restart forgets the curvature of the first steps
        theta = minimize(value_and_gradient, theta, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    P, Q = theta[: 2 * pieces].reshape(2, *smooth.shape)
    return P - Q, theta[2 * pieces :]


def _by_rows(smooth: _Smooth, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The norms are smooth where no row is 0, which the optimum must not have here."""
    pieces = int(np.prod(smooth.shape))

    def value_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
        W = theta[:pieces].reshape(smooth.shape)
        value, dW, db = smooth(W, theta[pieces:])
        norm = np.linalg.norm(W, axis=1, keepdims=True)
        return value + np.sum(size * norm), np.concatenate([(dW + size * W / norm).ravel(), db])

    start = np.concatenate([1 + np.arange(pieces) % 2, np.zeros(smooth.columns)])
    theta = minimize(value_and_gradient, start, jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 2000}).x
    W = theta[:pieces].reshape(smooth.shape)
    assert np.linalg.norm(W, axis=1).min() > 0.01
    return W, theta[pieces:]
