"""The optimum as a differentiable function of the features, targets, strength and sample weights.

At the optimum the gradient g(params; data) of J is zero, so that H dparams = -dg/ddata ddata with the Hessian H: one
preconditioned conjugate-gradient solve with Hessian-vector products per derivative, whatever the number of steps
that the fit took. Nothing is unrolled.

References:
  Blondel et al., Efficient and modular implicit differentiation, NeurIPS 2022 (equations 1 to 3).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

from softmax_jax.dtypes import compute_dtype, follows_dtype
from softmax_jax.losses import check_targets, cross_entropy, normalised_weights
from softmax_jax.model import Params, init_params
from softmax_jax.penalties import smooth_only
from softmax_jax.placement.platforms import tiles_of
from softmax_jax.problem.device_rows import DeviceRows
from softmax_jax.problem.features import DenseFeatures
from softmax_jax.problem.problem import Problem, padded_rows
from softmax_jax.solvers.conjugate_gradients import conjugate_gradients
from softmax_jax.solvers.newton_cg import NewtonCG, NewtonCGState
from softmax_jax.solvers.preconditioner import precondition, traced_second_moment
from softmax_jax.solvers.vectors import centre_classes, dot

TIGHT = 0.75  # the default tol is eps to this power: 2e-12 in float64, 6e-6 in float32
STALLS = 3  # iterations without progress after which rounding is all there is
MAX_PRODUCTS = 1000  # Hessian-vector products of a derivative


class _Sources(NamedTuple):
    """What the optimum is a function of."""

    X: Any
    T: Any
    l2: Any  # () or (m,)
    sample_weight: Any


@follows_dtype
def solve_implicit(
    X: Any,
    T: Any,
    l2: Any,
    sample_weight: Any = None,
    *,
    init: Params | None = None,
    tol: float | None = None,
    max_iter: int = 200,
    fit_intercept: bool = True,
    l1: float = 0.0,
) -> Params:
    """The optimum of J, which `jax.grad`, `jax.jvp`, `jit` and `vmap` may go through, more than once.

    Computes in float64 for NumPy float64 arrays, and under `jax.enable_x64`, inside which a float64 `jax.grad`
    has to be taken; else in float32.

    Args:
      X: (n, m) features.
      T: (n, k) one-hot or soft targets, rows sum to 1; derivatives are right along changes that keep that.
      l2: scalar > 0, or (m,) a strength per feature: the penalty is 1/2 sum_a l2_a ||W_a||^2.
      sample_weight: (n,) >= 0, of any scale.
      init: parameters to start from, such as the optimum for a strength nearby; has no part in the derivative.
      tol: the estimated square root of twice J - J* at which to stop; None for nearly the dtype's precision.
      max_iter: most Newton iterations.
      fit_intercept: whether the bias is free; else it is 0.
      l1: above 0 it is refused: where weights are about to become zero the optimum has no derivative.

    Returns:
      Params W (m, k) and b (k,), with sum b = 0. All are NaN where `max_iter` iterations did not reach the
      optimum, and where there is none, as for l2 <= 0; derivatives likewise.

    Raises:
      ValueError: l1 > 0, or shapes disagree.

    Example:
        >>> import numpy as np
        >>> X, T = np.array([[0.0], [1.0], [2.0]], np.float32), np.eye(2, dtype=np.float32)[[0, 1, 1]]
        >>> slope = jax.grad(lambda l2: jnp.sum(solve_implicit(X, T, l2).W ** 2))(0.1)
        >>> bool(slope < 0)  # a larger l2 makes the weights smaller
        True
    """
    smooth_only(l1, "solve_implicit")
    X, T, l2 = (jnp.asarray(a) for a in (X, T, l2))
    dtype = compute_dtype(X)
    X, T, l2 = (a.astype(dtype) for a in (X, T, l2))
    if X.ndim != 2 or T.ndim != 2 or len(X) != len(T):
        raise ValueError(f"X must have shape (n, m) and T (n, k), a row per sample each, got {X.shape} and {T.shape}.")
    if l2.shape not in ((), (X.shape[1],)):
        raise ValueError(f"l2 must be a number or have shape ({X.shape[1]},), one per feature, got {l2.shape}.")
    start = init_params(X.shape[1], T.shape[1], zeros=True, dtype=dtype) if init is None else init
    start = Params(*(lax.stop_gradient(jnp.asarray(p, dtype)) for p in start))
    check_targets(T, jnp.broadcast_to(start.b, T.shape))
    close = float(jnp.finfo(dtype).eps) ** TIGHT if tol is None else float(tol)
    settings = _Settings(close, max_iter, bool(fit_intercept))
    return _compiled(settings, start, _Sources(X, T, l2, normalised_weights(sample_weight, len(X), dtype)))


class _Settings(NamedTuple):
    """What is not differentiated and known when tracing."""

    tol: float
    max_iter: int
    fit_intercept: bool


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _optimum(settings: _Settings, start: Params, sources: _Sources) -> Params:
    """The minimiser of J, started at `start`."""
    problem, scale = _scaled_problem(sources, settings.fit_intercept)
    found = _minimise(problem, Params(start.W / scale, start.b), settings)
    return centre_classes(Params(found.W * scale, found.b))


@_optimum.defjvp
def _derivative(settings: _Settings, primals: tuple, tangents: tuple) -> tuple[Params, Params]:
    """The optimum and its derivative: the root of the gradient stays one while the sources move."""
    start, sources = primals
    params = _optimum(settings, start, sources)
    _, moved = jax.jvp(lambda data: _gradient(settings, params, data), (sources,), (tangents[1],))

    def product(v: Params) -> Params:
        return jax.jvp(lambda p: _gradient(settings, p, sources), (params,), (v,))[1]

    inverse = _inverse_hessian(*lax.stop_gradient((params, sources)), settings)
    flat, unravel = ravel_pytree(moved)  # one array: W may move where b does not, which the transposition refuses

    def flat_product(v: Any) -> Any:
        return ravel_pytree(product(unravel(v)))[0]

    def solve(_: Any, y: Any) -> Any:
        return ravel_pytree(_solve_linear(inverse, product, unravel(y)))[0]

    return params, unravel(-lax.custom_linear_solve(flat_product, flat, solve, symmetric=True))


_compiled = jax.jit(_optimum, static_argnums=0)


def _gradient(settings: _Settings, params: Params, sources: _Sources) -> Params:
    """The gradient of J; where the bias is not free, it is 0, and so is its equation."""
    if settings.fit_intercept:
        return jax.grad(_objective)(params, sources)
    fixed = Params(params.W, jnp.zeros_like(params.b))
    return Params(jax.grad(_objective)(fixed, sources).W, params.b)


def _objective(params: Params, sources: _Sources) -> Any:
    X, T, l2, sample_weight = sources
    penalty = jnp.sum(l2 * jnp.sum(params.W**2, axis=1)) / 2
    return cross_entropy(params, X, T, sample_weight) + penalty


def _scaled_problem(sources: _Sources, fit_intercept: bool) -> tuple[Problem, Any]:
    """The problem with one strength for all features, and the factors (m, 1) or () that lead from its W to W."""
    X, T, l2, sample_weight = sources
    n, dtype = len(X), X.dtype
    common = jnp.exp(jnp.mean(jnp.log(l2)))
    scale = jnp.sqrt(common / l2)[:, None] if l2.ndim else jnp.ones((), dtype)
    room = padded_rows(n) - n
    padded = jnp.pad(X * scale.T, ((0, room), (0, 0)))
    s = jnp.pad(normalised_weights(sample_weight, n, dtype), (0, room))
    T = jnp.pad(T.T, ((0, 0), (0, room)))
    rows = DeviceRows(DenseFeatures(padded, tiles=tiles_of(sources)), T, s)
    return Problem(rows, common, jnp.asarray(fit_intercept, dtype)), scale


def _minimise(problem: Problem, start: Params, settings: _Settings) -> Params:
    """Newton-CG until the estimated distance is at most tol; NaN where it ends above the dtype's own floor."""
    solver, moment = NewtonCG(), traced_second_moment(problem)
    eps = jnp.finfo(problem.dtype).eps

    def distance(state: NewtonCGState) -> Any:
        g = state.point.gradient
        return jnp.sqrt(jnp.maximum(dot(g, precondition(moment, state.point.curvature, problem, g)), 0))

    def unfinished(carry: tuple) -> Any:
        i, _, size, stalls = carry
        return (i < settings.max_iter) & (size > settings.tol) & (stalls < STALLS)

    def step(carry: tuple) -> tuple:
        i, state, size, stalls = carry
        new = solver.step(problem, state)
        new_size = distance(new)
        falls = (new.point.objective < state.point.objective) | (new_size < 0.5 * size)
        return i + 1, new, new_size, jnp.where(falls, 0, stalls + 1)

    state = solver.init(problem, moment, start)
    zero = jnp.zeros((), jnp.int32)
    _, state, size, _ = lax.while_loop(unfinished, step, (zero, state, distance(state), zero))
    found = (size <= jnp.maximum(settings.tol, jnp.sqrt(eps))) & (problem.l2 > 0)
    found &= jnp.all(problem.rows.target_totals(problem.in_memory.T.shape[0]) > 0) | (
        problem.intercept == 0
    )  # the free bias of a class without mass falls for ever
    return jax.tree.map(lambda p: jnp.where(found, p, jnp.nan), state.point.params)


def _inverse_hessian(params: Params, sources: _Sources, settings: _Settings) -> Callable[[Params], Params]:
    """The preconditioner at the optimum."""
    problem, scale = _scaled_problem(sources, settings.fit_intercept)
    moment = traced_second_moment(problem)
    curvature = problem.at(Params(params.W / scale, params.b)).curvature

    def inverse(r: Params) -> Params:
        z = precondition(moment, curvature, problem, Params(r.W * scale, r.b))
        return Params(z.W * scale, z.b)

    return inverse


def _solve_linear(inverse: Callable[[Params], Params], product: Callable[[Params], Params], y: Params) -> Params:
    """H^-1 y by conjugate gradients among the parameters that sum to zero over classes, where H has an inverse.

    What y has along the common shift of all classes has no part in any derivative: the optimum never moves there.
    """
    tol = float(jnp.finfo(y.W.dtype).eps) ** TIGHT
    x, _, solved = conjugate_gradients(product, inverse, centre_classes(y), tol=tol, max_products=MAX_PRODUCTS)
    return jax.tree.map(lambda v: jnp.where(solved, v, jnp.nan), centre_classes(x))
