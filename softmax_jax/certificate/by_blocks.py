"""The certificate where no logits are stored: the bound that `certificate` proves, in few passes over blocks of rows.

1. One pass for the class totals at each trial bias. A solver's own bias is nearly optimal: one step, two passes.
2. One pass for loss, residual and its product with X at the dual point, and the divergence at c = 1 and 0.9.
3. Only where c = 0.9 is much better than 1, a pass or two more for the divergence at several c in (0, 1). The bound is
   the least that was seen; each of them is valid.

Everything is a sum over rows; rounding is bounded as in `certificate`, with the weighted mean of each row's largest
logit in place of the largest of all: the rounding of a weighted mean of divergences is at most that of theirs.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.certificate import dual
from softmax_jax.certificate.dual import DENSE_BIAS_HESSIAN, DualPoint
from softmax_jax.model import PRECISION, Params
from softmax_jax.problem import logits
from softmax_jax.problem.blocked import BlockedProblem
from softmax_jax.problem.blocks import Block, net_input, pull_back
from softmax_jax.problem.logits import by_blocks, minus_target, target_dot
from softmax_jax.problem.problem import Penalty

BIAS_STEPS = 8
SCALING_STEPS = 4
LEAST_GAIN = 1e-14  # nats that a step of the bias must promise to be worth a pass
GRID = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5)  # values of c tried first
SEARCHES = 3


class Bound(NamedTuple):
    """What is proven at `params`, all float64: the objective and the gap, or inf where l2 = 0."""

    params: Params
    objective: Any
    gap: Any


class _Refit(NamedTuple):
    """The best bias so far with its class totals, and the step to be tried next with the gain it promises."""

    i: Any
    b: Any
    total: Any
    size: Any  # the largest error of a total
    d: Any
    gain: Any
    improved: Any


class _Sums(NamedTuple):
    loss: Any
    R_square: Any
    largest: Any
    divergences: Any  # one for each c


class _Search(NamedTuple):
    """The least bound seen, and the interval of c in which to look for a smaller one."""

    i: Any
    low: Any
    high: Any
    least: Any
    goes_on: Any


def bound_by_blocks(problem: BlockedProblem, params: Params) -> Bound:
    """Refit the bias, rounded to the dtype of `params`, and bound J - J* there; computed in float64."""
    wide = jax.tree.map(lambda p: jnp.asarray(p, problem.dtype), params)
    target = problem.rows.target_totals(params.b.shape[0])
    b, total = _refit(problem, wide, np.dtype(params.b.dtype).name, target)
    wide = Params(wide.W, b)
    point = dual.dual_point(total, target, problem.intercept)
    grid = jnp.array([1.0, 0.9], problem.dtype)
    G, sums, squares = problem.rows.fold(_bounded, wide, point, grid)
    shared = _shared(problem.penalty, wide, point, G, sums, squares, problem.shape[0] * problem.peers.count)
    search = _first_search(shared, sums)

    def unfinished(s: _Search) -> Any:
        return (s.i < SEARCHES) & s.goes_on

    def narrow(s: _Search) -> _Search:
        grid = _grid(s)
        divergences = problem.rows.fold(_diverged, wide, point, grid)
        return _narrowed(shared, s, grid, divergences)

    search = problem.while_loop(unfinished, narrow, search)
    J = sums.loss + problem.l2 / 2 * jnp.vdot(wide.W, wide.W)
    return Bound(wide, J, jnp.where(problem.l2 > 0, search.least, jnp.inf))


def excess_by_blocks(problem: BlockedProblem, params: Params, b: Any) -> Any:
    """A bound on J at `params` less J with the bias `b` (k,)."""
    shift = b - params.b
    shift -= jnp.mean(shift)
    total, squares = problem.rows.fold(_grown, params, shift)
    n_rows, rounding = problem.shape[0] * problem.peers.count, dual.net_input_rounding(params, squares)
    return dual.excess(problem.rows.target_totals(b.shape[0]), shift, total, n_rows, rounding)


def _refit(problem: BlockedProblem, params: Params, dtype: str, target: Any) -> tuple[Any, Any]:
    """The bias (k,) with the smallest gradient found, among those of `dtype`, and its class totals (k,)."""
    k = params.b.shape[0]
    dense = k <= DENSE_BIAS_HESSIAN
    steps = BIAS_STEPS if dense else SCALING_STEPS
    least = LEAST_GAIN + 64 * float(jnp.finfo(dtype).eps) ** 2  # what rounding the bias may cost
    kernel = _totalling(dense)

    def unfinished(c: _Refit) -> Any:
        return (c.i <= steps) & c.improved & (c.gain > least)

    def step(c: _Refit) -> _Refit:
        b = _rounded(c.b, c.d, dtype)
        total, overlap = problem.rows.fold(kernel, Params(params.W, b))
        return _refitted(c, b, total, overlap, target)

    end = problem.while_loop(unfinished, step, _first_refit(problem.intercept, params.b, target))
    return end.b, end.total


@jax.jit
def _first_refit(intercept: Any, b: Any, target: Any) -> _Refit:
    """Before any pass; a bias that is not free is left alone, its totals have no part in the dual point."""
    infinite = jnp.full((), jnp.inf, b.dtype)
    gain = jnp.where(intercept > 0, infinite, 0)
    return _Refit(jnp.zeros((), jnp.int32), b, target, infinite, jnp.zeros_like(b), gain, jnp.array(True))


@functools.partial(jax.jit, static_argnames="dtype")
def _rounded(b: Any, d: Any, dtype: str) -> Any:
    return (b + d).astype(dtype).astype(b.dtype)


@jax.jit
def _refitted(c: _Refit, b: Any, total: Any, overlap: Any, target: Any) -> _Refit:
    size = jnp.max(jnp.abs(total - target))
    improved = size < c.size
    d = dual.bias_step(overlap, total, target)
    gain = jnp.vdot(target - total, d) / 2
    new = _Refit(c.i + 1, b, total, size, d, gain, improved)
    kept = jax.tree.map(lambda old, x: jnp.where(improved, x, old), c, new)
    return kept._replace(i=c.i + 1, improved=improved)


@functools.cache
def _totalling(overlap: bool) -> Any:
    """The kernel for weighted class totals (k,) of O, and O diag(w) O^T (k, k) where `overlap`, else ()."""

    @jax.jit
    def totalled(block: Block, params: Params) -> tuple[Any, Any]:
        return logits.totals(net_input(block, params), jnp.zeros_like(params.b), block.w, overlap=overlap)

    return totalled


@jax.jit
def _bounded(block: Block, params: Params, point: DualPoint, grid: Any) -> tuple[Any, _Sums, Any]:
    """(R X (k, m), sums, sums of w_i x_i^2 (m,)) of a block, at the dual point."""

    def part(Z: Any, T: Any, w: Any) -> tuple[_Sums, Any]:
        log_O = jax.nn.log_softmax(Z, axis=0)
        A = dual.output(point, log_O)
        R = minus_target(T, A)
        loss, square = -jnp.vdot(w, target_dot(T, log_O)), jnp.vdot(w, jnp.sum(jnp.square(R), axis=0))
        divergences = jax.lax.map(lambda c: dual.divergence(log_O, A, T, w, c), grid)
        return _Sums(loss, square, jnp.vdot(w, jnp.max(jnp.abs(Z), axis=0)), divergences), w[None] * R

    sums, R = by_blocks(part, net_input(block, params), block.T, block.w)
    return pull_back(block, R), sums, jnp.matmul(block.w, jnp.square(block.X), precision=PRECISION)


@jax.jit
def _diverged(block: Block, params: Params, point: DualPoint, grid: Any) -> Any:
    """The divergence of a block for each c of the grid."""

    def part(Z: Any, T: Any, w: Any) -> tuple[Any, None]:
        log_O = jax.nn.log_softmax(Z, axis=0)
        A = dual.output(point, log_O)
        return jax.lax.map(lambda c: dual.divergence(log_O, A, T, w, c), grid), None

    return by_blocks(part, net_input(block, params), block.T, block.w)[0]


@jax.jit
def _grown(block: Block, params: Params, shift: Any) -> tuple[dual.Growth, Any]:
    squares = jnp.matmul(block.w, jnp.square(block.X), precision=PRECISION)
    return dual.growth(net_input(block, params), block.w, shift), squares


class _Shared(NamedTuple):
    """What the bounds for all c have in common."""

    penalty: Penalty
    W: Any
    G: Any  # (m, k)
    rounding: dual.Rounding


@functools.partial(jax.jit, static_argnames="n_rows")
def _shared(
    penalty: Penalty, params: Params, point: DualPoint, G: Any, sums: _Sums, squares: Any, n_rows: int
) -> _Shared:
    rounding = dual.roundings(n_rows, params, penalty.l2, squares, sums.R_square, sums.largest, point)
    return _Shared(penalty, params.W, G.T, rounding)


def _gaps(shared: _Shared, grid: Any, found: Any) -> Any:
    """The bound for each c, given the divergences found."""
    penalty, W, G, rounding = shared
    return jax.lax.map(lambda pair: dual.gap(pair[1], G, W, penalty.l2, pair[0], rounding), (grid, found))


@jax.jit
def _first_search(shared: _Shared, sums: _Sums) -> _Search:
    gaps = _gaps(shared, jnp.array([1.0, 0.9], shared.W.dtype), sums.divergences)
    goes_on = (gaps[1] < 0.95 * gaps[0]) & (shared.penalty.l2 > 0)
    return _Search(jnp.zeros((), jnp.int32), 0 * gaps[0], 1 + 0 * gaps[0], jnp.min(gaps), goes_on)


@jax.jit
def _grid(s: _Search) -> Any:
    """Values of c inside the interval, evenly spaced but for the first ones."""
    inner = (jnp.arange(len(GRID), dtype=s.low.dtype) + 1) / (len(GRID) + 1)
    return jnp.where(s.i == 0, jnp.array(GRID, s.low.dtype), s.low + (s.high - s.low) * inner)


@jax.jit
def _narrowed(shared: _Shared, s: _Search, grid: Any, divergences: Any) -> _Search:
    """The neighbours of the best c as the new interval: the bound is convex in c."""
    gaps = _gaps(shared, grid, divergences)
    best, edges = jnp.argmin(gaps), jnp.concatenate([s.low[None], grid, s.high[None]])
    least = jnp.minimum(s.least, gaps[best])
    return _Search(s.i + 1, edges[best], edges[best + 2], least, (s.i == 0) | (least < 0.95 * s.least))
