"""The certificate: a proven upper bound on J - J*, from the Fenchel dual.

For any A whose rows are distributions and whose weighted class totals equal those of T (the bias is free),

    J(W, b) - J* <= sum_i w_i KL(A_i || O_i) + ||X^T w (A - T) + l2 W||^2 / (2 l2),      w_i = s_i / n.

At A = O with the bias at its optimum this is ||dJ/dW||^2 / (2 l2). Both terms are sums of squares or divergences:
nothing cancels, so the bound is meaningful down to rounding.

Three things make it hold for every (W, b), not only near the optimum:
* the bias is refitted by Newton's method on k unknowns, and J(W, b) - J(W, refitted b) is added;
* what class totals still differ by is moved exactly: A = O M, with M a row-stochastic k x k matrix;
* where l2 is tiny, A = T + c (O M - T) for the best c in [0, 1]: each such A is feasible as well (see scaling.py).

With l1 Omega(W) in J the second term is l1 Omega(W) + l2/2 ||W||^2 + h*(u) - <W, u> at u = -X^T w (A - T), h* the
conjugate of the penalty (`dual.conjugate_gap`).

All of it is evaluated in float64, and the rounding of the sums over rows is bounded and added.

References:
  Boyd, Vandenberghe, Convex Optimization, 2004, section 5.5.1 (the gap as a stopping criterion).
  Higham, Mary, A new approach to probabilistic rounding error analysis, 2019 (sqrt(n) u for sums of n terms).
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.certificate import dual
from softmax_jax.certificate.dual import DENSE_BIAS_HESSIAN, DualPoint
from softmax_jax.certificate.scaling import (
    FIRST,
    SEARCHES,
    Bounds,
    Interval,
    Sums,
    bounds_of,
    first_interval,
    grid_of,
    narrowed,
)
from softmax_jax.model import Params
from softmax_jax.placement.sharding import compiled
from softmax_jax.problem import logits
from softmax_jax.problem.blocks import Net
from softmax_jax.problem.logits import minus_target, target_dot
from softmax_jax.problem.problem import Problem, penalty_of
from softmax_jax.problem.tiles import Tiles

BIAS_STEPS = 40  # at most, where logits are stored: O(N k^2) each
BIAS_PASSES = 8  # at most, where each step is a pass over the data
SCALING_STEPS = 4
LEAST_GAIN = 1e-14  # nats that a step of the bias must promise to be worth a pass


class Certificate(NamedTuple):
    """What is proven about `params`."""

    params: Params  # W as given, b refitted
    objective: Any  # () J at them, nats per sample
    gap: Any  # () bound on J - J* at them; inf where there is no penalty


class Bound(NamedTuple):
    """A certificate from the dual points A and T + 0.9 (A - T), and what a search for a better one begins with."""

    certificate: Certificate
    shift: Any  # (k,) of the bias, from that of the params
    point: DualPoint
    bounds: Bounds
    interval: Interval


def certify(problem: Problem, params: Params) -> Certificate:
    """Refit the bias and bound J - J* there: one pass over X in float64 (call it in `scope(float64)`, outside jit).

    Args:
      problem: computed in float64, with the exact weights and l2.
      params: in the dtype of training. The refitted bias is rounded to that dtype before it is certified.
    """
    return proof_at(problem, params)[0]


def proof_at(problem: Problem, params: Params, enough: float = 0.0) -> tuple[Certificate, Bound, Any]:
    """What `certify` returns, what it was found from, and the c () of its dual point T + c (A - T).

    Args:
      problem: as for `certify`.
      params: as for `certify`.
      enough: a gap below which none is searched for, nats per sample; inf for the first one, whatever it is.
    """
    found = bound_at(problem, params)
    if float(found.certificate.gap) <= enough or not bool(found.interval.goes_on):
        return found.certificate, found, found.interval.c
    gap, c = least_at(problem, params, found)
    return found.certificate._replace(gap=gap), found, c


def gap_at(problem: Problem, params: Params) -> Any:
    """A bound () on J - J* at `params` as they are: that at the refitted bias, and how much higher J is here.

    Args:
      problem: computed in float64, with the exact weights and l2; call it in `scope(float64)`, outside jit.
      params: W (m, k) and b (k,), any floating dtype, for columns that are shifted as those of `problem`.
    """
    found = certify(problem, params)
    return found.gap + _excess(problem, params, found.params.b)


@compiled()
def bound_at(problem: Problem, params: Params) -> Bound:
    """The certificate at the refitted bias, which has the dtype of `params`; the whole of it unless a search goes on.

    Args:
      problem: as for `certify`.
      params: as for `certify`.
    """
    rows, k, net = problem.rows, params.b.shape[0], _net(problem, params)
    target = rows.target_totals(k)
    b, total = _refit(problem, net, np.dtype(params.b.dtype).name, target)
    wide, shift = Params(net.params.W, b), b - net.params.b
    point = dual.dual_point(total, target, problem.intercept)
    first = jnp.array(FIRST, problem.dtype)
    sums, G, _ = rows.fold(_bounded, (net,), shift, point, first, pull="closed_form")
    bounds = bounds_of(problem.penalty, wide, point, G, sums, rows.squares(), rows.count)
    interval = first_interval(bounds, sums.divergences)
    interval = interval._replace(goes_on=rows.collectives.largest(interval.goes_on.astype(jnp.int32)) > 0)
    J = sums.loss + penalty_of(problem.penalty, wide.W)
    gap = rows.collectives.largest(_proven(problem, interval.least))
    return Bound(Certificate(Params(params.W, b.astype(params.b.dtype)), J, gap), shift, point, bounds, interval)


@compiled()
def least_at(problem: Problem, params: Params, found: Bound) -> tuple[Any, Any]:
    """The least bound () of all c that are tried, and its c: each is valid, and they are convex in c.

    Apart from `bound_at`, because it is seldom asked for: far from the optimum, or where l2 is tiny.

    Args:
      problem: as for `certify`.
      params: as for `certify`.
      found: what `bound_at` gave.
    """
    net, bounds = _net(problem, params), found.bounds

    def unfinished(s: Interval) -> Any:
        return (s.i < SEARCHES) & s.goes_on

    def narrow(s: Interval) -> Interval:
        grid = grid_of(bounds, s)
        return narrowed(bounds, s, grid, problem.rows.fold(_diverged, (net,), found.shift, found.point, grid).sums)

    end = problem.while_loop(unfinished, narrow, found.interval)
    return problem.rows.collectives.largest(_proven(problem, end.least)), end.c


def _proven(problem: Problem, least: Any) -> Any:
    """The least bound; inf where nothing is penalised."""
    return jnp.where(problem.l2 > 0, least, jnp.inf) if problem.sparsity is None else least


def _net(problem: Problem, params: Params) -> Net:
    return problem.rows.net(Params(*(jnp.asarray(p, problem.dtype) for p in params)))


@compiled()
def _excess(problem: Problem, params: Params, b: Any) -> Any:
    """A bound on J at the parameters, less J with the bias `b` (k,)."""
    rows, net = problem.rows, _net(problem, params)
    shift = b - net.params.b
    shift -= jnp.mean(shift)
    total = rows.fold(_grown, (net,), shift).sums
    rounding = dual.net_input_rounding(net.params, rows.squares())
    return dual.excess(rows.target_totals(b.shape[0]), shift, total, rows.count, rounding)


class _Bias(NamedTuple):
    """The best bias so far with its class totals, and the step to be tried next with the gain it promises."""

    i: Any
    b: Any
    total: Any
    size: Any  # the largest error of a total
    d: Any
    gain: Any
    improved: Any


def _refit(problem: Problem, net: Net, dtype: str, target: Any) -> tuple[Any, Any]:
    """The bias (k,) with the smallest gradient found, among those of `dtype`, and its class totals (k,).

    Damped Newton steps on k unknowns; with more than `DENSE_BIAS_HESSIAN` classes a few steps of iterative scaling.
    """
    stored, dense = problem.rows.stores_logits, net.params.b.shape[0] <= DENSE_BIAS_HESSIAN
    steps = (BIAS_STEPS if stored else BIAS_PASSES) if dense else SCALING_STEPS
    least = 0.0 if stored else LEAST_GAIN + 64 * float(jnp.finfo(dtype).eps) ** 2  # what rounding the bias may cost
    totals = _overlapping if dense else _totals

    def unfinished(c: _Bias) -> Any:
        return (c.i <= steps) & c.improved & (c.gain > least) & (c.size > 1e-16)

    def step(c: _Bias) -> _Bias:
        b = _rounded(c.b, c.d, dtype)
        total, overlap = problem.rows.fold(totals, (net,), b - net.params.b).sums
        return _refitted(c, b, total, overlap, target)

    end = problem.while_loop(unfinished, step, _first_bias(problem.intercept, net.params.b, target))
    return end.b, end.total


@jax.jit
def _first_bias(intercept: Any, b: Any, target: Any) -> _Bias:
    """Before any pass; a bias that is not free is left alone, its totals have no part in the dual point."""
    infinite = jnp.full((), jnp.inf, b.dtype)
    gain = jnp.where(intercept > 0, infinite, 0)
    return _Bias(jnp.zeros((), jnp.int32), b, target, infinite, jnp.zeros_like(b), gain, jnp.array(True))


@functools.partial(jax.jit, static_argnames="dtype")
def _rounded(b: Any, d: Any, dtype: str) -> Any:
    return (b + d).astype(dtype).astype(b.dtype)


@jax.jit
def _refitted(c: _Bias, b: Any, total: Any, overlap: Any, target: Any) -> _Bias:
    size = jnp.max(jnp.abs(total - target))
    improved = size < c.size
    d = dual.bias_step(overlap, total, target)
    new = _Bias(c.i + 1, b, total, size, d, jnp.vdot(target - total, d) / 2, improved)
    kept = jax.tree.map(lambda old, x: jnp.where(improved, x, old), c, new)
    return kept._replace(i=c.i + 1, improved=improved)


def _totals(tiles: Tiles, Z: Any, T: Any, w: Any, shift: Any) -> tuple[Any, None]:
    return logits.totals(tiles, Z, shift, w, overlap=False), None


def _overlapping(tiles: Tiles, Z: Any, T: Any, w: Any, shift: Any) -> tuple[Any, None]:
    return logits.totals(tiles, Z, shift, w, overlap=True), None


def _bounded(tiles: Tiles, Z: Any, T: Any, w: Any, shift: Any, point: DualPoint, grid: Any) -> tuple[Sums, Any]:
    """Sums at the dual point, and its residual."""

    def block(Z: Any, T: Any, w: Any) -> tuple[Sums, Any]:
        Z = Z + shift[:, None]
        log_O = jax.nn.log_softmax(Z, axis=0)
        A = dual.output(point, log_O)
        R = minus_target(T, A)
        loss, square = -jnp.vdot(w, target_dot(tiles, T, log_O)), jnp.vdot(w, jnp.sum(jnp.square(R), axis=0))
        divergences = jax.lax.map(lambda c: dual.divergence(log_O, A, T, w, c), grid)
        return Sums(loss, square, jnp.vdot(w, dual.largest_logit(Z)), divergences), w[None] * R

    return tiles.over(block, Z, T, w)


def _diverged(tiles: Tiles, Z: Any, T: Any, w: Any, shift: Any, point: DualPoint, grid: Any) -> tuple[Any, None]:
    """The divergence for each c of the grid."""

    def block(Z: Any, T: Any, w: Any) -> tuple[Any, None]:
        log_O = jax.nn.log_softmax(Z + shift[:, None], axis=0)
        A = dual.output(point, log_O)
        return jax.lax.map(lambda c: dual.divergence(log_O, A, T, w, c), grid), None

    return tiles.over(block, Z, T, w)


def _grown(tiles: Tiles, Z: Any, T: Any, w: Any, shift: Any) -> tuple[dual.Growth, None]:
    return tiles.over(lambda Z, w: (dual.growth(Z, w, shift), None), Z, w)
