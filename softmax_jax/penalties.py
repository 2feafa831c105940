"""Penalties that make weights exactly zero: l1 Omega(W), and what solvers and proofs need to know of it.

    Entries     Omega(W) = sum_ij |W_ij|                        single weights are zero
    Features    Omega(W) = sum_i ||W_i||, of the rows of W      a feature is kept or dropped for all classes at once

With prox_t(V) = argmin_W t Omega(W) + ||W - V||^2 / 2, V is the sum of prox_t(V) and its projection onto the dual
ball of radius t (Moreau). The bias is never penalised.

References:
  Parikh, Boyd, Proximal Algorithms, 2014, sections 2.5 and 6.5.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.dtypes import compute_dtype, follows_dtype
from softmax_jax.inputs import checks
from softmax_jax.losses import ridge
from softmax_jax.model import Params

GROUPS = (None, "features")
STATIC = {"static": True}  # of a field that tells records apart: JAX compares those of dataclasses, not their classes


class Sparsity(Protocol):
    """l1 Omega(W) for W (m, k); in what is said of a piece, a piece is where Omega is smooth."""

    @property
    def l1(self) -> Any:
        """Strength () >= 0, nats per unit of Omega."""
        ...

    def sizes(self, U: Any) -> Any:
        """The terms of Omega(U): (m, k), or (m, 1) where they are of rows."""
        ...

    def prox(self, V: Any, t: Any) -> Any:
        """argmin_W sum t Omega + ||W - V||^2 / 2, t >= 0 broadcast against `sizes`."""
        ...

    def subgradient(self, W: Any, g: Any) -> Any:
        """The shortest vector of g + l1 dOmega(W): zero at an optimum whose smooth part has the gradient g."""
        ...

    def misfit(self, W: Any, V: Any) -> Any:
        """l1 Omega(W) - <W, V> (), for V in the dual ball of radius l1: terms >= 0, in which nothing cancels."""
        ...

    def shift(self, W: Any, l2: Any) -> Any:
        """(m, 1), what added to all classes of a feature, which changes no output, makes its penalty least."""
        ...

    def leaving(self, W: Any, D: Any) -> Any:
        """Whether (m, k) entries of W + D lie beyond the piece of W, or behind zero."""
        ...

    def curvature(self, W: Any, D: Any) -> Any:
        """The Hessian of l1 Omega at W, in its piece, times D."""
        ...

    def stiffness(self, W: Any) -> Any:
        """What the diagonal of that Hessian is at most, (m, 1) or ()."""
        ...

    def slope(self, W: Any, D: Any) -> Any:
        """The derivative () of l1 Omega along D at W, from the side of W - D."""
        ...


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Entries:
    """l1 sum_ij |W_ij|, as of Sparsity."""

    l1: Any
    terms: str = dataclasses.field(default="entries", metadata=STATIC)

    def sizes(self, U: Any) -> Any:
        """|U|."""
        return jnp.abs(U)

    def prox(self, V: Any, t: Any) -> Any:
        """Soft thresholding."""
        return jnp.sign(V) * jnp.maximum(jnp.abs(V) - t, 0)

    def subgradient(self, W: Any, g: Any) -> Any:
        """As Sparsity.subgradient."""
        return jnp.where(W != 0, g + self.l1 * jnp.sign(W), self.prox(g, self.l1))

    def misfit(self, W: Any, V: Any) -> Any:
        """As Sparsity.misfit."""
        return jnp.sum(jnp.abs(W) * jnp.maximum(self.l1 - jnp.sign(W) * V, 0))

    def shift(self, W: Any, l2: Any) -> Any:
        """The median of -W_ij and k + 1 points about the mean of -W_i; without l2 that of -W_ij nearest to zero."""
        k = W.shape[1]
        negative = jnp.sort(-W, axis=1)
        low, high = negative[:, (k - 1) // 2], negative[:, k // 2]
        flat = jnp.where(jnp.abs(low) < jnp.abs(high), low, high)
        apart = self.l1 / jnp.where(l2 > 0, l2 * k, 1) * jnp.arange(-k, k + 1, 2, dtype=W.dtype)
        points = jnp.concatenate([negative, apart[None] - jnp.mean(W, axis=1)[:, None]], axis=1)
        return jnp.where(l2 > 0, jnp.sort(points, axis=1)[:, k], flat)[:, None]

    def leaving(self, W: Any, D: Any) -> Any:
        """Entries that change their sign."""
        return (W + D) * jnp.sign(W) < 0

    def curvature(self, W: Any, D: Any) -> Any:
        """Zero."""
        return jnp.zeros_like(D)

    def stiffness(self, W: Any) -> Any:
        """Zero."""
        return jnp.zeros((), W.dtype)

    def slope(self, W: Any, D: Any) -> Any:
        """As Sparsity.slope."""
        return self.l1 * jnp.sum(jnp.where(W != 0, jnp.sign(W) * D, -jnp.abs(D)))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Features:
    """l1 sum_i ||W_i||, as of Sparsity."""

    l1: Any
    terms: str = dataclasses.field(default="features", metadata=STATIC)

    def sizes(self, U: Any) -> Any:
        """Norms of rows (m, 1), also where squares would underflow or overflow."""
        largest = jnp.max(jnp.abs(U), axis=1, keepdims=True)
        unit = jnp.where(largest > 0, largest, 1)
        return largest * jnp.linalg.norm(U / unit, axis=1, keepdims=True)

    def prox(self, V: Any, t: Any) -> Any:
        """Rows are shortened by t."""
        return V * jnp.maximum(1 - t / _positive(self.sizes(V)), 0)

    def subgradient(self, W: Any, g: Any) -> Any:
        """As Sparsity.subgradient."""
        present = jnp.any(W != 0, axis=1, keepdims=True)
        return jnp.where(present, g + self.l1 * self._directions(W), self.prox(g, self.l1))

    def misfit(self, W: Any, V: Any) -> Any:
        """Of each row ||W|| (l1 - ||V||) + ||W|| ||V|| ||W/||W|| - V/||V||||^2 / 2."""
        long, short = self.sizes(W), self.sizes(V)
        turned = jnp.sum(jnp.square(self._directions(W) - self._directions(V)), axis=1, keepdims=True)
        return jnp.sum(long * (jnp.maximum(self.l1 - short, 0) + short * turned / 2))

    def shift(self, W: Any, l2: Any) -> Any:
        """Minus the mean of each row, whatever l2."""
        return -jnp.mean(W, axis=1, keepdims=True)

    def leaving(self, W: Any, D: Any) -> Any:
        """None: a row that is not zero does not become zero on a line but by chance."""
        return jnp.zeros(W.shape, bool)

    def curvature(self, W: Any, D: Any) -> Any:
        """Of each row l1 / ||W|| times the part of D across W."""
        unit = self._directions(W)
        return self.stiffness(W) * (D - unit * jnp.sum(unit * D, axis=1, keepdims=True))

    def stiffness(self, W: Any) -> Any:
        """l1 / ||W||, of rows that are not zero."""
        long = self.sizes(W)
        return jnp.where(long > 0, self.l1 / _positive(long), 0)

    def slope(self, W: Any, D: Any) -> Any:
        """As Sparsity.slope."""
        along = jnp.sum(self._directions(W) * D, axis=1, keepdims=True)
        return self.l1 * jnp.sum(jnp.where(self.sizes(W) > 0, along, -self.sizes(D)))

    def _directions(self, W: Any) -> Any:
        """Rows of length 1, or zero."""
        return W / _positive(self.sizes(W))


def sparsity(l1: Any, group: str | None) -> Entries | Features:
    """The record of l1 Omega.

    Args:
      l1: () strength >= 0.
      group: None for single weights, or "features".
    """
    return Entries(l1) if group is None else Features(l1)


def growth(kind: Any, W: Any, D: Any) -> Any:
    """l1 Omega(W + D) - l1 Omega(W) (), without the cancellation of that difference.

    Args:
      kind: Entries or Features.
      W: (m, k).
      D: (m, k).
    """
    before, after = kind.sizes(W), kind.sizes(W + D)
    change = 2 * W * D + jnp.square(D)
    change = change if before.shape == W.shape else jnp.sum(change, axis=1, keepdims=True)
    return kind.l1 * jnp.sum(change / _positive(before + after))


@follows_dtype
def penalty(params: Params, l1: Any, l2: Any, group: str | None = None) -> Any:
    """The penalty l1 Omega(W) + l2/2 ||W||^2: a () scalar in nats per sample; b is not penalised.

    Args:
      params: W (m, k) and b (k,); float16 and bfloat16 are computed in float32.
      l1: scalar >= 0, nats per unit of Omega.
      l2: scalar >= 0, nats per squared unit of a weight.
      group: None for Omega = sum of |W_ij|; "features" for the sum over features of the norm of W's row.

    Raises:
      ValueError: `group` is neither.

    Example:
        >>> W, b = np.array([[3.0, -4.0], [0.0, 0.0]]), np.zeros(2)
        >>> float(penalty(Params(W, b), 0.5, 0.0)), float(penalty(Params(W, b), 0.5, 0.0, "features"))
        (3.5, 2.5)
    """
    check_group(group)
    W = jnp.asarray(params.W)
    W = W.astype(compute_dtype(W))
    return ridge(W, l2) + l1 * jnp.sum(sparsity(l1, group).sizes(W))


def check_group(group: Any) -> None:
    """Raise ValueError unless `group` is one of GROUPS."""
    if not (group is None or (isinstance(group, str) and group in GROUPS)):
        raise ValueError(f'group must be None or "features", got {group!r}.')


def smooth_only(l1: Any, what: str) -> None:
    """Raise ValueError where `l1` > 0.

    Args:
      l1: as the caller gave it.
      what: that needs an objective with a Hessian everywhere, at the beginning of a sentence.
    """
    if checks.number(l1, "l1", low=0, allow_inf=True) > 0:
        raise ValueError(
            f"{what} needs l1=0, got l1={l1}: fit the features that were kept again by l2 alone, X[:, result.support]."
        )


def _positive(x: Any) -> Any:
    return jnp.maximum(x, jnp.finfo(x.dtype).tiny)


def dual_norm(kind: Any, U: Any) -> Any:
    """The least radius () of a dual ball that holds U (m, k): the largest of its `sizes`."""
    return jnp.max(kind.sizes(U))


def largest_strength(G: np.ndarray, group: str | None) -> float:
    """The least l1 at which W = 0 is optimal, from the gradient there.

    Args:
      G: (m, k) X^T w (O - T) at W = 0, with the bias at its optimum.
      group: as in `penalty`.
    """
    return float((np.abs(G) if group is None else row_norms(G)).max(initial=0.0))


def row_norms(G: np.ndarray) -> np.ndarray:
    """Norms (m, 1) of the rows of G (m, k), NumPy, also where squares would underflow or overflow."""
    largest = np.abs(G).max(axis=1, keepdims=True, initial=0.0)
    unit = np.where(largest > 0, largest, 1)
    return largest * np.sqrt(np.sum(np.square(G / unit), axis=1, keepdims=True))
