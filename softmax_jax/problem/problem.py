"""Problem: the data, and the passes over it that a solver may ask for. A solver sees nothing else.

Inside, logits are class-major, (k, N), and N is n padded with rows of weight zero, so that data of similar size
share one compiled program. Params keep their public shape, W (m, k), b (k,). How X lies in memory is the matter of
its features record alone.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from softmax_jax.model import PRECISION, Params
from softmax_jax.problem import logits
from softmax_jax.problem.collectives import ALONE, Peers
from softmax_jax.problem.logits import Slope, block_rows
from softmax_jax.problem.sampling import comb

MASSLESS_BIAS = -64.0  # beside the others, of a class without mass: its probability is e^-64 and moves nothing
HESSIAN_ROWS = 512  # rows per block of the dense Hessian


class Point(NamedTuple):
    """What a solver knows at `params`: J, its gradient, and the mean output curvature of each class."""

    params: Params
    Z: Any  # (k, N), the cached net input; None where a problem stores no logits
    objective: Any  # () nats per sample
    gradient: Params
    curvature: Any  # (k,), mean of O_j (1 - O_j)


class Spread(NamedTuple):
    """Weighted mean (m,) and variance (m,) of the columns, from all rows; about zero where the bias is not free."""

    mean: Any
    variance: Any


class Columns(NamedTuple):
    """Columns as the measure of a gradient without a penalty sees them: mean (m,), and unit (m,) of its entries."""

    mean: Any
    unit: Any


class Penalty(NamedTuple):
    """What a solver's own arithmetic needs to know of a problem beside its passes."""

    l2: Any  # ()
    intercept: Any  # () 1 where the bias is free, else 0
    columns: Columns | None = None  # where l2 is 0


def moved_to_l2(l2: Any, point: Point, old_l2: Any) -> Point:
    """The point at the same parameters with strength `l2` in place of `old_l2`: no pass."""
    change, W = l2 - old_l2, point.params.W
    gradient = Params(point.gradient.W + change * W, point.gradient.b)
    return point._replace(objective=point.objective + change / 2 * jnp.vdot(W, W), gradient=gradient)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Problem:
    """The regularised loss on features X.

    Attributes:
      X: features record of N rows, such as DenseFeatures; padding rows are zero.
      T: (N,) int32 class indices, or (k, N) soft targets.
      weights: (N,) s_i / n, summing to one; zero on padding. Their dtype is the dtype of all computation.
      l2: () scalar >= 0.
      intercept: () 1 where the bias is free, 0 where it stays as it is.
      columns: in what units a gradient is measured, where l2 is 0.
      gradient: "closed_form" or "autodiff", the source of the residual and of its pull-back.
      peers: the devices that share the rows; where there are several, the passes are to be called inside
        `sharding.over_rows`.
    """

    X: Any
    T: Any
    weights: Any
    l2: Any
    intercept: Any
    columns: Columns | None = None
    gradient: str = dataclasses.field(default="closed_form", metadata={"static": True})
    peers: Peers = dataclasses.field(default=ALONE, metadata={"static": True})

    @property
    def dtype(self) -> Any:
        """The dtype of all computation."""
        return self.weights.dtype

    @property
    def shape(self) -> tuple[int, int]:
        """(N, m) of the features."""
        return self.X.shape

    @property
    def is_wide(self) -> bool:
        """Whether the m x m covariance of the features is too large to be factorised."""
        return self.X.is_wide

    @property
    def is_streamed(self) -> bool:
        """Whether a pass is a loop in Python, which no compiled program can hold."""
        return False

    @property
    def penalty(self) -> Penalty:
        """What is no pass."""
        return Penalty(self.l2, self.intercept, self.columns)

    def while_loop(self, unfinished: Any, body: Any, carry: Any) -> Any:
        """`lax.while_loop`, for loops in which there are passes."""
        return self.peers.while_loop(unfinished, body, carry)

    def at(self, params: Params) -> Point:
        """The point at `params`: one forward and one backward product."""
        return self._point(params, self.forward(params))

    def along(self, direction: Params) -> Any:
        """D (k, N), the change of Z along `direction`: one forward product."""
        return self.forward(direction)

    def slope(self, point: Point, direction: Params, D: Any, t: Any) -> Slope:
        """Derivatives of J at point + t direction, from cached Z and D: O(N k), no product with X."""
        first, second = self.peers.total(logits.slope(point.Z, D, self.T, self.weights, t))
        V = direction.W
        first += self.l2 * (jnp.vdot(point.params.W, V) + t * jnp.vdot(V, V))
        return Slope(first, second + self.l2 * jnp.vdot(V, V))

    def advance(self, point: Point, direction: Params, D: Any, t: Any) -> Point:
        """The point at params + t direction, from cached Z and D: one backward product."""
        params = jax.tree.map(lambda p, d: p + t * d, point.params, direction)
        return self._point(params, point.Z + t * D)

    def with_l2_moved(self, point: Point, old_l2: Any) -> Point:
        """The point of this problem at the parameters of `point`, which belongs to strength `old_l2`: no pass."""
        return moved_to_l2(self.l2, point, old_l2)

    def hessian_product(self, point: Point, direction: Params) -> Params:
        """The Hessian at `point` times `direction`: one forward and one backward product."""
        S = logits.curvature_product(point.Z, self.forward(direction), self.weights)
        return self._pull_back(S, direction)

    def second_moment(self, rows: int) -> tuple[Any, Any]:
        """Weighted mean (m,) and covariance (m, m) of the features, from about `rows` rows at random.

        The mean is zero where the bias is not free, because then nothing absorbs it.
        """
        return self.X.moments(self.weights, self.intercept, rows // self.peers.count, self.peers.total)

    def variances(self) -> Spread:
        """The spread of the features: `second_moment` without the covariances, from all rows."""
        return Spread(*self.X.variances(self.weights, self.intercept, self.peers.total))

    def extent(self) -> tuple[Any, Any]:
        """The least and the largest entry of each column (m,), in rows of positive weight."""
        low, high = self.X.extent(self.weights)
        return self.peers.least(low), self.peers.largest(high)

    def target_totals(self, k: int) -> Any:
        """Weighted class totals of T (k,)."""
        return self.peers.total(logits.target_totals(self.T, self.weights, k))

    def hessian(self, point: Point, blocks: Any, spread: Spread | None = None) -> Any:
        """The dense Hessian (k (m + 1), k (m + 1)), classes outermost, the bias last within a class.

        Args:
          point: where.
          blocks: () integer, blocks of rows to take, each from all over the data; with `hessian_blocks` it is exact.
          spread: of the features; where given, the Hessian is that of W and b + mean W, as for features of mean zero,
            and the variance that the rows taken miss is made up for.
        """
        return dense_hessian(self, point, blocks, spread, lambda rows, _: point.Z if rows is None else point.Z[:, rows])

    @property
    def hessian_blocks(self) -> int:
        """Blocks of rows in all the data."""
        return self.X.shape[0] // block_rows(self.X.shape[0], HESSIAN_ROWS)

    def forward(self, params: Params) -> Any:
        """Net input (k, N) of `params`."""
        return self.X.forward(params.W.astype(self.dtype)) + params.b.astype(self.dtype)[:, None]

    def backward(self, R: Any) -> Params:
        """(X^T R^T (m, k), row sums of R (k,), zero where the bias is not free) for R (k, N)."""
        dW, db = self.peers.total((self.X.backward(R), jnp.sum(R, axis=1)))
        return Params(dW, self.intercept * db)

    def loss(self, Z: Any) -> Any:
        """Weighted mean cross-entropy () of the net input Z (k, N)."""
        return self.peers.total(logits.loss(Z, self.T, self.weights))

    def objective(self, params: Params) -> Any:
        """J () at `params`: one forward product."""
        return self.loss(self.forward(params)) + self.l2 / 2 * jnp.vdot(params.W, params.W)

    def count(self, holds: Any, *points: Point) -> Any:
        """The number () of rows of positive weight for which `holds(T, Z of each point)` is true."""
        return self.peers.total(jnp.sum((self.weights > 0) & holds(self.T, *(point.Z for point in points))))

    def _point(self, params: Params, Z: Any) -> Point:
        loss, R, curvature = logits.residual(Z, self.T, self.weights)
        loss, curvature = self.peers.total((loss, curvature))
        if self.gradient == "autodiff":
            R = jax.grad(logits.loss)(Z, self.T, self.weights)
            dW, db = self.peers.total((self.X.transposed(R), jnp.sum(R, axis=1)))
            gradient = Params(dW + self.l2 * params.W, self.intercept * db)
        else:
            gradient = self._pull_back(R, params)
        J = loss + self.l2 / 2 * jnp.vdot(params.W, params.W)
        return Point(params, Z, J, gradient, curvature)

    def _pull_back(self, R: Any, params: Params) -> Params:
        dW, db = self.backward(R)
        return Params(dW + self.l2 * params.W, db)


class Data(NamedTuple):
    """One problem twice, sharing X: in the dtype of training, and in float64 with the exact weights and l2.

    Attributes:
      training: what solvers iterate on, a Problem or a BlockedProblem.
      exact: what certificates are evaluated on; `training` itself where that is float64.
      dtype: of the parameters to return.
      offset: (m,) by which the columns of X are shifted, or None (see offsets.py).
    """

    training: Any
    exact: Any
    dtype: Any
    offset: np.ndarray | None = None


def dense_hessian(problem: Any, point: Point, blocks: Any, spread: Spread | None, logits_of: Any) -> Any:
    """`Problem.hessian`, given `logits_of(rows, X)`: the logits (k, r) of the rows X (r, m), by index or all."""
    (N, m), k = problem.X.shape, point.curvature.shape[0]
    size = block_rows(N, HESSIAN_ROWS)
    mean = jnp.zeros(m, problem.dtype) if spread is None else spread.mean

    def add(i: Any, carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        total, seen, square = carry
        rows = None if size == N else comb((i * _scatter(N // size)) % (N // size), N, size)
        X, w = problem.X.take(rows).astype(problem.dtype), problem.weights if rows is None else problem.weights[rows]
        Z = logits_of(rows, X)
        X -= mean[None]
        A = jnp.concatenate([X, jnp.broadcast_to(problem.intercept, (size, 1))], axis=1)
        H = logits.dense_curvature(Z, A, w)
        return total + H, seen + jnp.sum(w), square + jnp.matmul(w, X**2, precision=PRECISION)

    zero = jnp.zeros((), problem.dtype)
    start = (jnp.zeros((k * (m + 1), k * (m + 1)), problem.dtype), zero, jnp.zeros(m, problem.dtype))
    sums = add(0, start) if size == N else lax.fori_loop(0, blocks, add, start)
    H, seen, square = problem.peers.total(sums)
    H, variance = (a / jnp.maximum(seen, jnp.finfo(seen.dtype).tiny) for a in (H, square))
    diagonal = jnp.zeros((k, m + 1), problem.dtype).at[:, :m].add(problem.l2)
    if spread is not None:
        missed = jnp.where(blocks < problem.hessian_blocks, missed_variance(variance, spread.variance), 0)
        diagonal = diagonal.at[:, :m].add(point.curvature[:, None] * missed[None])
    return H + jnp.diag(diagonal.reshape(-1))


def missed_variance(found: Any, variance: Any) -> Any:
    """What a sample of rows missed of each column's variance (m,), if it found less than a quarter of it, else zero.

    Rare values may occur in no row of a sample, and their column would look constant.
    """
    return jnp.where(found < variance / 4, variance - found, 0)


def composed(problem: Any, function: Any) -> Any:
    """The jitted `function` of `problem` as it is, or, where passes are loops in Python, what was jitted.

    Then its pure parts have to be jitted functions themselves.
    """
    return function.__wrapped__ if problem.is_streamed else function


def padded_rows(n: int) -> int:
    """N >= n such that few distinct N occur: at most 3 for n in [1000, 2000], at most 1.6 % more rows for large n."""
    if n <= 16:
        return 16
    octave = (n - 1).bit_length() - 1  # n in (2^octave, 2^(octave + 1)]
    step = 2 ** (octave - (1 if octave < 12 else 3 if octave < 16 else 6))
    return -(-n // step) * step


def _scatter(blocks: int) -> int:
    """A number coprime to `blocks` near its golden section: the first of its multiples are spread evenly."""
    step = max(1, round(0.618 * blocks))
    while math.gcd(step, blocks) > 1:
        step += 1
    return step
