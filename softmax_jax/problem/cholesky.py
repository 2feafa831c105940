"""Cholesky factors of small dense matrices, and what is solved with them, in few operations: programs stay small."""

from __future__ import annotations

from typing import Any

from jax import lax


def factor(A: Any) -> Any:
    """L (u, u), lower triangular, with L L^T = A; NaN where A is not positive definite.

    Args:
      A: (u, u) symmetric; only its lower triangle is read.
    """
    return lax.linalg.cholesky(A, symmetrize_input=False)


def solve(L: Any, y: Any) -> Any:
    """Solve L L^T x = y for x (u,).

    Args:
      L: (u, u) of `factor`.
      y: (u,).
    """
    x = lax.linalg.triangular_solve(L, y[:, None], left_side=True, lower=True)
    return lax.linalg.triangular_solve(L, x, left_side=True, lower=True, transpose_a=True)[:, 0]
