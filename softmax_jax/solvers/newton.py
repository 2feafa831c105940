"""Newton's method with the dense Hessian, in float64: the robust choice where k (m + 1) is small.

The Hessian is scaled by its diagonal. Softmax does not change when all classes are shifted alike, a direction in
which only the penalty on W curves: its projection is added to H, which is exact, since gradients have no part in it.

It is taken in W and b + mean W, as for features of mean zero: columns far from zero would make it all but singular.

Where there are many more rows than unknowns, H comes from a part of them, at random: the step is still a descent
direction, J falls by a constant factor instead of quadratically, and an iteration costs little more than a pass. The
part grows fourfold when the decrement falls too slowly, up to all rows, so that the end is Newton's method itself.
A factor that has just served well serves for the next step too.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jax import lax

from softmax_jax.model import PRECISION, Params
from softmax_jax.placement.sharding import compiled
from softmax_jax.problem import cholesky
from softmax_jax.problem.hessian import dense_hessian, hessian_blocks
from softmax_jax.problem.problem import Point, Problem, Spread
from softmax_jax.solvers.line_search import search
from softmax_jax.solvers.vectors import centre_classes, dot, negative, present

ROWS_PER_UNKNOWN = 24  # of the first Hessians: enough for J to fall about sixfold per iteration
SLOW = 0.3  # ratio of squared decrements above which the Hessian takes more rows
KEEP = 0.1  # ratio below which the factor serves once more


class Factor(NamedTuple):
    """H with rows and columns times `scale` (u,) is L L^T, L (u, u), for u = k (m + 1) unknowns."""

    L: Any
    scale: Any


class NewtonState(NamedTuple):
    """The point, the factorised Hessian and whether it may serve again, and passes over the data so far."""

    point: Point
    preconditioner: Spread
    factor: Factor
    keep: Any
    blocks: Any  # of rows in the Hessian
    decrement: Any  # the last, squared
    passes: Any


@dataclasses.dataclass(frozen=True)
class Newton:
    """Newton with a dense factorisation, O((k m)^2 n) per iteration at most and O((k m)^2) memory.

    Attributes:
      gradient: "closed_form" or "autodiff", two sources of the same numbers.

    Example:
        >>> from softmax_jax.fitting.single import fit
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["a", "b", "a", "b"]
        >>> fit(X, y, l2=0.1, solver=Newton()).n_iter < 10
        True
    """

    gradient: str = "closed_form"

    is_exact: ClassVar[bool] = True
    needs_rows: ClassVar[bool] = True
    always_float64: ClassVar[bool] = True

    def prepare(self, problem: Problem) -> Spread:
        """Mean and variance of the columns; called once per data, outside jit."""
        return spread(problem)

    def prepare_in_jit(self, problem: Problem) -> Spread:
        """As `prepare`, inside jit: for many problems with features of their own."""
        return problem.variances()

    def init(self, problem: Problem, preconditioner: Spread, params: Params) -> NewtonState:
        """The state at `params`.

        Args:
          problem: in device memory, because the Hessian takes rows by index.
          preconditioner: what `prepare` gave.
          params: W (m, k) and b (k,), in the dtype of `problem`.
        """
        unknowns = params.W.size + params.b.size
        rows = problem.shape[0] // hessian_blocks(problem)
        blocks = jnp.minimum(1 + ROWS_PER_UNKNOWN * unknowns // rows, hessian_blocks(problem))
        infinite = jnp.full((), jnp.inf, problem.dtype)
        none = Factor(jnp.zeros((unknowns, unknowns), problem.dtype), jnp.zeros(unknowns, problem.dtype))
        one = jnp.ones((), jnp.int32)
        return NewtonState(problem.at(params), preconditioner, none, jnp.array(False), blocks, infinite, one)

    def restart(self, problem: Problem, state: NewtonState, point: Point, old_l2: Any) -> NewtonState:
        """The state at `point` of a problem that differs in l2 alone: the factor is renewed.

        Args:
          problem: with the new l2.
          state: of the problem with the old one.
          point: of `problem`.
          old_l2: not used, because nothing of the Hessian is kept.
        """
        infinite = jnp.full_like(state.decrement, jnp.inf)
        again = jnp.zeros_like(state.keep)
        return state._replace(point=point, keep=again, decrement=infinite, passes=jnp.ones_like(state.passes))

    def accurate_step(self, problem: Problem, state: NewtonState) -> Point:
        """The point a step further, with the Hessian of all rows.

        Args:
          problem: with the l2 that `state` belongs to.
          state: at any point; its factor is not used.
        """
        everything = jnp.full_like(state.blocks, hessian_blocks(problem))
        return self.step(problem, state._replace(keep=jnp.zeros_like(state.keep), blocks=everything)).point

    def step(self, problem: Problem, state: NewtonState) -> NewtonState:
        """One iteration: solve H d = -g, step length, new point; one pass, and the Hessian where it is renewed.

        Args:
          problem: with the l2 that `state` belongs to, in device memory.
          state: what `init`, `restart` or `step` gave.
        """
        point, blocks = state.point, state.blocks

        def renewed() -> Factor:
            H = dense_hessian(problem, point, blocks, state.preconditioner)
            return _factor(H, len(point.gradient.W), present(point.gradient.b, problem.classes))

        one_block = hessian_blocks(problem) == 1
        factor = renewed() if one_block else lax.cond(state.keep, lambda: state.factor, renewed)
        W, b = centre_classes(_solve(factor, _centred(point.gradient, state.preconditioner.mean)), problem.classes)
        b = problem.intercept * b - jnp.matmul(state.preconditioner.mean, W, precision=PRECISION)
        direction = negative(Params(W, b))
        new = search(problem, point, direction, accuracy=0.1)
        decrement = problem.rows.collectives.largest(-dot(point.gradient, direction))
        slow = ~(decrement < SLOW * state.decrement) & ~state.keep
        keep = (decrement < KEEP * state.decrement) & jnp.isfinite(state.decrement)
        passes = state.passes + new.passes + jnp.where(state.keep, 0, blocks // hessian_blocks(problem))
        blocks = jnp.minimum(jnp.where(slow, 4, 1) * blocks, hessian_blocks(problem))
        return NewtonState(new.point, state.preconditioner, factor, keep, blocks, decrement, passes)


@compiled()
def spread(problem: Problem) -> Spread:
    """Mean and variance of the columns."""
    return problem.variances()


def _centred(gradient: Params, mean: Any) -> Params:
    """The gradient with respect to W and b + mean W."""
    return Params(gradient.W - mean[:, None] * gradient.b[None], gradient.b)


def _factor(H: Any, m: int, classes: Any) -> Factor:
    """Cholesky of H scaled by its diagonal, on a ridge that grows until it exists; `classes` (k,) are 1, padding 0."""
    largest = jnp.max(jnp.diag(H).reshape(len(classes), m + 1), axis=0)
    H = H + jnp.kron(jnp.outer(classes, classes) / jnp.sum(classes), jnp.diag(largest))
    diagonal = jnp.diag(H)
    scale = jnp.where(diagonal > 0, 1 / jnp.sqrt(diagonal), 0)
    scaled = scale[:, None] * H * scale[None] + jnp.diag(jnp.where(diagonal > 0, 0.0, 1.0))

    def failed(carry: tuple) -> Any:
        ridge, L = carry
        return ~jnp.all(jnp.isfinite(L)) & (ridge < 1)

    def decompose(carry: tuple) -> tuple:
        ridge = 100 * carry[0]
        return ridge, cholesky.factor(scaled + ridge * jnp.eye(len(diagonal), dtype=H.dtype))

    least = 0.04 * jnp.finfo(H.dtype).eps * jnp.ones((), H.dtype)
    _, L = lax.while_loop(failed, decompose, (least, jnp.full_like(scaled, jnp.nan)))
    return Factor(L, scale)


def _solve(factor: Factor, g: Params) -> Params:
    """H^-1 g."""
    m, k = g.W.shape
    vector = jnp.concatenate([g.W, g.b[None]]).T.reshape(-1)
    solution = factor.scale * cholesky.solve(factor.L, factor.scale * vector)
    table = solution.reshape(k, m + 1).T
    return Params(table[:m], table[m])
