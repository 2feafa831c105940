"""How far the dual point is taken towards T: the best c in A_c = T + c (A - T), each of which proves a bound.

At c = 1 the divergence from O is least; u = -X^T w (A_c - T) is shorter for a smaller c, which pays where l2 is tiny,
and is needed where there is l1 Omega alone: then u has to lie in its dual ball.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from softmax_jax.certificate import dual
from softmax_jax.certificate.dual import DualPoint, Rounding
from softmax_jax.model import Params
from softmax_jax.problem.problem import Penalty

FIRST = (1.0, 0.9)  # values of c that are always tried
GRID = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5)  # and first of all where 0.9 is much better than 1
COARSE = (0.0, 1e-4, 1e-2, 0.1, 0.5)  # where there is a dual ball, and beside these
WITHIN = (0.5, 0.9, 1.0)  # of what stays in it
SEARCHES = 3


class Sums(NamedTuple):
    """What a pass finds at a dual point."""

    loss: Any
    R_square: Any
    largest: Any  # |logit| of each row
    divergences: Any  # one for each c


class Bounds(NamedTuple):
    """What the bounds for all c have in common."""

    penalty: Penalty
    W: Any
    G: Any  # (m, k)
    rounding: Rounding


@functools.partial(jax.jit, static_argnames="n_rows")
def bounds_of(
    penalty: Penalty, params: Params, point: DualPoint, G: Any, sums: Sums, squares: Any, n_rows: int
) -> Bounds:
    """What the bounds at `params` and a dual point have in common.

    Args:
      penalty: of the problem.
      params: W (m, k) and b (k,).
      point: A = O M.
      G: (m, k) X^T w (A - T).
      sums: of the pass that found it.
      squares: (m,) mean squares of the columns.
      n_rows: terms of the sums over rows.
    """
    rounding = dual.roundings(n_rows, params, penalty.l2, squares, sums.R_square, sums.largest, point)
    return Bounds(penalty, params.W, G, rounding)


class Interval(NamedTuple):
    """The least bound seen and its c, and the interval of c in which to look for a smaller one."""

    i: Any
    low: Any
    high: Any
    least: Any
    c: Any
    goes_on: Any


@jax.jit
def first_interval(bounds: Bounds, divergences: Any) -> Interval:
    """After the pass that tries `FIRST`.

    Args:
      bounds: at the parameters.
      divergences: one for each of FIRST.
    """
    first, penalty = jnp.array(FIRST, bounds.W.dtype), bounds.penalty
    gaps = _gaps(bounds, first, divergences)
    goes_on = (gaps[1] < 0.95 * gaps[0]) & (penalty.l2 > 0)
    if penalty.sparsity is not None:
        inside = dual.conjugate_gap(bounds.G, bounds.W, penalty, _reach(bounds), bounds.rounding)
        goes_on |= inside < 0.5 * gaps[0]
    best, zero = jnp.argmin(gaps), 0 * gaps[0]
    return Interval(jnp.zeros((), jnp.int32), zero, 1 + zero, gaps[best], first[best], goes_on)


@jax.jit
def grid_of(bounds: Bounds, s: Interval) -> Any:
    """Values of c inside the interval, evenly spaced but for the first ones.

    Args:
      bounds: at the parameters.
      s: where to look.
    """
    inner = (jnp.arange(len(GRID), dtype=s.low.dtype) + 1) / (len(GRID) + 1)
    first = jnp.array(GRID, s.low.dtype)
    if bounds.penalty.sparsity is not None:
        inside = _reach(bounds) * jnp.array(WITHIN, s.low.dtype)
        first = jnp.sort(jnp.concatenate([jnp.array(COARSE, s.low.dtype), inside]))
    return jnp.where(s.i == 0, first, s.low + (s.high - s.low) * inner)


@jax.jit
def narrowed(bounds: Bounds, s: Interval, grid: Any, divergences: Any) -> Interval:
    """The neighbours of the best c as the new interval.

    Args:
      bounds: at the parameters.
      s: the interval so far.
      grid: what `grid_of` gave.
      divergences: one for each of the grid.
    """
    gaps = _gaps(bounds, grid, divergences)
    best, edges = jnp.argmin(gaps), jnp.concatenate([s.low[None], grid, s.high[None]])
    better = gaps[best] < s.least
    least, c = jnp.where(better, gaps[best], s.least), jnp.where(better, grid[best], s.c)
    goes_on = (s.i == 0) | (least < 0.95 * s.least)
    if bounds.penalty.sparsity is not None:
        goes_on &= (s.i > 0) | (c < _reach(bounds))  # nothing between there and 1 was any better
    return Interval(s.i + 1, edges[best], edges[best + 2], least, c, goes_on)


def _gaps(bounds: Bounds, grid: Any, divergences: Any) -> Any:
    """The bound for each c, given the divergences found; inf where it proves nothing."""
    penalty, W, G, rounding = bounds
    gaps = jax.lax.map(lambda pair: dual.gap(pair[1], G, W, penalty, pair[0], rounding), (grid, divergences))
    return gaps if penalty.sparsity is None else jnp.where(jnp.isnan(gaps), jnp.inf, gaps)


def _reach(bounds: Bounds) -> Any:
    return dual.reach(bounds.G, bounds.penalty, bounds.rounding)
