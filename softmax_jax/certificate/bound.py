"""The certificate: a proven upper bound on J - J*, from the Fenchel dual.

For any A whose rows are distributions and whose weighted class totals equal those of T (the bias is free),

    J(W, b) - J* <= sum_i w_i KL(A_i || O_i) + ||X^T w (A - T) + l2 W||^2 / (2 l2),      w_i = s_i / n.

At A = O with the bias at its optimum this is ||dJ/dW||^2 / (2 l2). Both terms are sums of squares or divergences:
nothing cancels, so the bound is meaningful down to rounding.

Three things make it hold for every (W, b), not only near the optimum:
* the bias is refitted by Newton's method on k unknowns, and J(W, b) - J(W, refitted b) is added;
* what class totals still differ by is moved exactly: A = O M, with M a row-stochastic k x k matrix;
* where l2 is tiny, A = T + c (O M - T) for the best c in [0, 1]: each such A is feasible as well.

All of it is evaluated in float64, and the rounding of the sums over rows is bounded and added.

References:
  Boyd, Vandenberghe, Convex Optimization, 2004, section 5.5.1 (the gap as a stopping criterion).
  Higham, Mary, A new approach to probabilistic rounding error analysis, 2019 (sqrt(n) u for sums of n terms).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from softmax_jax.certificate import dual
from softmax_jax.certificate.by_blocks import bound_by_blocks, excess_by_blocks
from softmax_jax.certificate.dual import DENSE_BIAS_HESSIAN
from softmax_jax.data.rows.opening import as_source, is_source
from softmax_jax.dtypes import compute_dtype, scope
from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import is_sparse
from softmax_jax.inputs.sparse_input import compressed_rows
from softmax_jax.model import Params, check_shapes
from softmax_jax.placement.offsets import inward, shifted
from softmax_jax.placement.sharding import over_rows
from softmax_jax.problem import logits
from softmax_jax.problem.blocked import BlockedProblem
from softmax_jax.problem.features import DenseFeatures
from softmax_jax.problem.logits import by_blocks, minus_target, target_dot
from softmax_jax.problem.problem import Data, Problem
from softmax_jax.problem.sparse import sparse_features
from softmax_jax.problem.streamed import stream
from softmax_jax.runtime.settings import on_host

BIAS_STEPS = 40
SCALING_STEPS = 3
SEARCH_STEPS = 24


class Certificate(NamedTuple):
    """What is proven about `params`."""

    params: Params  # W as given, b refitted
    objective: Any  # () J at them, nats per sample
    gap: Any  # () bound on J - J* at them; inf where l2 = 0


@on_host
def duality_gap(params: Params, X: Any, T: Any, l2: Any, sample_weight: Any = None, fit_intercept: bool = True) -> Any:
    """A proven upper bound on J(params) - J*, the distance to the optimum in nats per sample.

    Args:
      params: W (m, k) and b (k,), any.
      X: (n, m) features; a SciPy sparse matrix stays sparse, and a source of rows is read by blocks.
      T: (n, k) one-hot or soft targets, rows sum to 1.
      l2: scalar >= 0; there is no such bound for 0.
      sample_weight: (n,) >= 0, normalised to mean 1.
      fit_intercept: whether the optimum is taken over b too, or at this b only.

    Returns:
      () NumPy float64 scalar, nats per sample; inf for l2 = 0.

    Raises:
      ValueError: shapes disagree.

    Example:
        >>> X, T = np.array([[0.0], [1.0]]), np.eye(2)
        >>> zero = Params(np.zeros((1, 2)), np.zeros(2))  # J = log 2 = 0.69 there
        >>> gap = duality_gap(zero, X, T, l2=1.0)
        >>> print(f"{gap:.2f}")  # so that J >= 0.69 - 0.06, whatever the parameters
        0.06
    """
    X = as_source(X) if is_source(X) else compressed_rows(X, "X") if is_sparse(X) else np.asarray(X)
    check_shapes(X, np.asarray(params.W), np.asarray(params.b))
    n, k = np.shape(X)[0], np.shape(params.W)[1]
    T = checks.distributions(T, n, k)
    weight = checks.weights(sample_weight, n)
    w = np.full(n, 1 / n) if weight is None else weight / weight.sum()
    if is_source(X):
        data = stream(X, T, w, float(l2), fit_intercept)
    else:
        with scope(np.float64):
            dense = not is_sparse(X)
            features = DenseFeatures(jnp.asarray(X.astype(compute_dtype(X)))) if dense else sparse_features(X, n)
            target, weights, strength, free = (jnp.asarray(a, np.float64) for a in (T.T, w, l2, fit_intercept))
            problem = Problem(features, target, weights, strength, free)
        data = shifted(Data(problem, problem, np.dtype(np.float64)))
    given = inward(Params(*(np.asarray(p, np.float64) for p in params)), data.offset)
    with scope(np.float64):
        given = Params(*(jnp.asarray(p) for p in given))
        if data.exact.is_streamed:
            bound = bound_by_blocks(data.exact, given)
            gap = bound.gap + excess_by_blocks(data.exact, given, bound.params.b)
        else:
            gap = _gap_of_given(data.exact, given)
        return np.float64(gap + _moved_by_rounding(data, given))


def _moved_by_rounding(data: Data, params: Params) -> Any:
    """A bound on what J changes by the rounding of the bias b + o W of shifted columns: a gradient is below 2."""
    if data.offset is None:
        return 0.0
    digits = np.finfo(np.longdouble).eps * (len(data.offset) + 2)
    summed = np.abs(data.offset) @ np.abs(np.asarray(params.W)) + np.abs(np.asarray(params.b))
    size = float(np.max(digits * summed + np.finfo(np.float64).eps * np.abs(np.asarray(params.b))))
    return 2 * size + size**2


@jax.jit
def _gap_of_given(problem: Problem, params: Params) -> Any:
    """The bound at the refitted bias, and how much higher J is at the given one."""
    Z = problem.forward(params)
    b = refit_bias(problem, Z, params.b)
    excess = _excess(problem, params, Z, b - params.b)
    return _bound(problem, Params(params.W, b), Z + (b - params.b)[:, None]).gap + excess


@jax.jit
@over_rows
def certify(problem: Problem | BlockedProblem, params: Params) -> Certificate:
    """Refit the bias and bound J - J* there: one pass over X in float64 (call it in `scope(float64)`).

    Args:
      problem: computed in float64, with the exact weights and l2.
      params: in the dtype of training. The refitted bias is rounded to that dtype before it is certified.
    """
    if isinstance(problem, BlockedProblem):
        bound = bound_by_blocks(problem, params)
        b = bound.params.b.astype(params.b.dtype)
        return Certificate(Params(params.W, b), bound.objective, problem.peers.largest(bound.gap))
    wide = jax.tree.map(lambda p: p.astype(problem.dtype), params)
    Z = problem.forward(wide)
    b = refit_bias(problem, Z, wide.b).astype(params.b.dtype)
    shift = b.astype(problem.dtype) - wide.b
    bound = _bound(problem, Params(wide.W, b.astype(problem.dtype)), Z + shift[:, None])
    return bound._replace(params=Params(params.W, b))


def refit_bias(problem: Problem, Z: Any, b: Any) -> Any:
    """The bias (k,) that minimises J for given W: damped Newton on cached Z (k, N), O(N k^2) per step.

    With more than `DENSE_BIAS_HESSIAN` classes a few steps of iterative scaling. Returns the iterate with the smallest
    gradient.
    """
    k = Z.shape[0]
    dense = k <= DENSE_BIAS_HESSIAN
    steps = BIAS_STEPS if dense else SCALING_STEPS
    target = problem.target_totals(k)

    def unfinished(carry: tuple) -> Any:
        i, _, _, size, improved = carry
        return (i < steps) & improved & (size > 1e-16)

    def step(carry: tuple) -> tuple:
        i, shift, best, size, _ = carry
        total, overlap = problem.peers.total(logits.totals(Z, shift, problem.weights, overlap=dense))
        new_size = jnp.max(jnp.abs(total - target))
        improved = new_size < size
        d = dual.bias_step(overlap, total, target)
        best = jnp.where(improved, shift, best)
        return i + 1, shift + d, best, jnp.minimum(size, new_size), improved

    zero = jnp.zeros(k, Z.dtype)
    first = jnp.where(problem.intercept > 0, 0, steps)
    start = (first, zero, zero, jnp.full((), jnp.inf, Z.dtype), jnp.array(True))
    _, _, shift, _, _ = lax.while_loop(unfinished, step, start)
    return b + shift


def _excess(problem: Problem, params: Params, Z: Any, shift: Any) -> Any:
    """A bound on J at `params`, whose net input is Z, less J with the bias moved by `shift` (k,)."""
    target = problem.target_totals(Z.shape[0])
    shift -= jnp.mean(shift)
    sums, _ = by_blocks(lambda Z, w: (dual.growth(Z, w, shift), None), Z, problem.weights)
    rounding = dual.net_input_rounding(params, problem.peers.total(problem.X.squares(problem.weights)))
    return dual.excess(target, shift, problem.peers.total(sums), len(problem.weights) * problem.peers.count, rounding)


def _bound(problem: Problem, params: Params, Z: Any) -> Certificate:
    """J and the duality gap at `params` with net input Z (k, N)."""
    w, l2, W, T, k = problem.weights, problem.l2, params.W, problem.T, Z.shape[0]
    total, _ = logits.totals(Z, jnp.zeros(k, Z.dtype), w, overlap=False)
    total, target = problem.peers.total(total), problem.target_totals(k)
    point = dual.dual_point(total, target, problem.intercept)

    def residual(Z: Any, T: Any, w: Any) -> tuple[Any, Any]:
        log_O = jax.nn.log_softmax(Z, axis=0)
        R = minus_target(T, dual.output(point, log_O))
        loss, square = -jnp.vdot(w, target_dot(T, log_O)), jnp.vdot(w, jnp.sum(jnp.square(R), axis=0))
        return jnp.stack([loss, square, jnp.vdot(w, jnp.max(jnp.abs(Z), axis=0))]), w[None] * R

    sums, R = by_blocks(residual, Z, T, w)
    loss, R_square, largest = problem.peers.total(sums)
    G = problem.backward(R).W
    squares = problem.peers.total(problem.X.squares(w))
    rounding = dual.roundings(len(w) * problem.peers.count, params, l2, squares, R_square, largest, point)

    def gap(c: Any) -> Any:
        """The bound from the dual point T + c (A - T)."""

        def block(Z: Any, T: Any, w: Any) -> tuple[Any, None]:
            log_O = jax.nn.log_softmax(Z, axis=0)
            return dual.divergence(log_O, dual.output(point, log_O), T, w, c), None

        return dual.gap(problem.peers.total(by_blocks(block, Z, T, w)[0]), G, W, l2, c, rounding)

    best = problem.peers.largest(_least_on_unit(gap, jnp.ones((), Z.dtype), problem.while_loop))
    J = loss + l2 / 2 * jnp.vdot(W, W)
    return Certificate(params, J, jnp.where(l2 > 0, best, jnp.inf))


def _least_on_unit(f: Any, one: Any, while_loop: Any) -> Any:
    """The least value seen of a convex f on [0, 1]: f(1) alone where f(0.9) is not much less, else golden section.

    One evaluation per turn of the loop, so that f is compiled once.
    """
    ratio = (np.sqrt(5) - 1) / 2
    first = jnp.stack([one, 0.9 * one, 0 * one, (1 - ratio) * one, ratio * one])  # the last two divide [0, 1]

    def unfinished(carry: tuple) -> Any:
        i, values, *_ = carry
        return (i < SEARCH_STEPS) & ((i < 2) | (values[1] < 0.95 * values[0]))

    def evaluate(carry: tuple) -> tuple:
        i, values, low, high, least = carry
        go_left = values[3] < values[4]
        shrink = i >= len(first)
        low = jnp.where(shrink & ~go_left, high - ratio * (high - low), low)
        high = jnp.where(shrink & go_left, carry[2] + ratio * (high - carry[2]), high)
        inner = jnp.where(go_left, high - ratio * (high - low), low + ratio * (high - low))
        value = f(jnp.where(shrink, inner, first[jnp.minimum(i, 4)]))
        moved = jnp.where(go_left, jnp.stack([value, values[3]]), jnp.stack([values[4], value]))
        values = jnp.where(shrink, values.at[3:].set(moved), values.at[jnp.minimum(i, 4)].set(value))
        return i + 1, values, low, high, jnp.minimum(least, value)

    start = (0, jnp.zeros_like(first), 0 * one, one, jnp.inf * one)
    return while_loop(unfinished, evaluate, start)[4]
