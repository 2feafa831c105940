"""B problems of one shape for `fit_many`, checked, on the host."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from softmax_jax.fitting.arguments import LARGEST_L2
from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import as_numpy, is_jax


class Stack(NamedTuple):
    """B checked problems on the host; X has a leading axis B where they differ in it."""

    X: np.ndarray  # (n, m) or (B, n, m)
    T: np.ndarray  # (B, n) or (B, n, k)
    weights: np.ndarray  # (B, n), sums of one
    l2: np.ndarray  # (B,)
    classes: np.ndarray
    intercept: bool


def checked_stack(X: Any, Y: Any, l2: Any, sample_weight: Any, fit_intercept: bool) -> Stack:
    """The problems, from the arguments of `fit_many`.

    Args:
      X: as there, likewise the others.
      Y: labels or soft targets.
      l2: strengths.
      sample_weight: or None.
      fit_intercept: whether the biases are free.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    X = np.asarray(X) if is_jax(X) else as_numpy(X, "X")
    if X.ndim not in (2, 3) or 0 in X.shape:
        raise ValueError(f"X must be (n, m), shared by all problems, or a stack (B, n, m), got shape {X.shape}.")
    n, m = X.shape[-2:]
    flat = checks.features(X.reshape(-1, m), name="X")
    X = np.asarray(flat).reshape(X.shape)
    Y = checks.as_labels(Y, "Y")
    B = X.shape[0] if X.ndim == 3 else len(Y)
    if X.ndim == 3 and Y.ndim == 1:
        Y = np.broadcast_to(Y, (B, len(Y)))
    if Y.ndim not in (2, 3) or Y.shape[:2] != (B, n):
        raise ValueError(f"Y must be ({B}, {n}) labels, a row per problem and one per row of X, got shape {Y.shape}.")
    T, classes = checks.targets(Y.reshape(B * n, *Y.shape[2:]), B * n)
    try:
        given = np.asarray(l2, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"l2 must be a strength > 0 or one per problem, got {l2!r}.") from error
    strengths = np.broadcast_to(given, (B,)) if given.shape in ((), (B,)) else np.zeros(0)
    if strengths.shape != (B,) or not (strengths > 0).all():
        raise ValueError(f"l2 must be a strength > 0 or ({B},) of them, one per problem, got {l2!r}.")
    return Stack(
        X,
        T.reshape(Y.shape),
        _weights(sample_weight, B, n),
        np.minimum(strengths, LARGEST_L2),
        classes,
        bool(fit_intercept),
    )


def _weights(sample_weight: Any, B: int, n: int) -> np.ndarray:
    """Weights (B, n), the rows of which sum to one."""
    if sample_weight is None:
        return np.full((B, n), 1 / n)
    w = np.asarray(sample_weight)
    if w.shape not in ((n,), (B, n)):
        raise ValueError(f"sample_weight must have shape ({n},) or ({B}, {n}), got {w.shape}.")
    rows = np.stack([np.asarray(checks.weights(row, n)) for row in w.reshape(-1, n)])
    return np.broadcast_to(rows / rows.sum(axis=1, keepdims=True), (B, n))


def group(stack: Stack, first: int, size: int) -> Stack:
    """`size` problems from `first`; the last one again where there are fewer."""
    return picked(stack, np.minimum(np.arange(first, first + size), len(stack.T) - 1))


def picked(stack: Stack, index: np.ndarray) -> Stack:
    """Some of the problems.

    Args:
      stack: the problems.
      index: (r,) of those wanted, in order.
    """
    X = stack.X[index] if stack.X.ndim == 3 else stack.X
    return stack._replace(X=X, T=stack.T[index], weights=stack.weights[index], l2=stack.l2[index])
