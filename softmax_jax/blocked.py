"""BlockedProblem: the passes by blocks of rows, so that logits exist only while their block is worked on.

A pass is the sum over blocks of a *kernel*, a jitted function of a block and some arguments: forward product, softmax
and backward product of a block in one read of its rows. Sums over blocks are compensated, so that their rounding is
that of one block. How the blocks come about is the matter of the rows record alone: `DeviceRows` cuts them out of X in
device memory; `streamed.StreamedRows` reads them from where X is stored.

References:
  Knuth, The Art of Computer Programming 2, 3rd ed. 1997, section 4.2.2, theorem B (the error of a sum, exactly).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from softmax_jax import logits
from softmax_jax.features import DenseFeatures
from softmax_jax.logits import block_rows
from softmax_jax.model import PRECISION, Params
from softmax_jax.peers import ALONE, Peers
from softmax_jax.problem import HESSIAN_ROWS, Penalty, Point, Problem, dense_hessian, moved_to_l2

BLOCK_BYTES = 2**26  # of the logits of a block, at most: large enough for fast products
FREE_SHARE = 64  # of the free memory, a block's logits take at most one part in so many
CACHED_ARRAYS = 6  # of n x k numbers that a fit takes where logits are stored
CACHED_SHARE = 0.25  # of the free memory that they may take


class Block(NamedTuple):
    """Some rows in the dtype of computation: X (r, m), T (r,) class indices or (k, r) soft targets, weights w (r,)."""

    X: Any
    T: Any
    w: Any


class Total(NamedTuple):
    """A sum over blocks so far, and what rounding has taken from it."""

    value: Any
    error: Any


def no_total(kernel: Any, block: Any, *args: Any) -> Total:
    """Zeros for the sum of `kernel`."""
    shapes = kernel.eval_shape(block, *args)
    zero, error = (jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes) for _ in range(2))
    return Total(zero, error)


def add(total: Total, part: Any) -> Total:
    """The total and one part more."""

    def error(old: Any, new: Any, x: Any, lost: Any) -> Any:
        taken = new - old
        return lost + ((old - (new - taken)) + (x - taken))

    value = jax.tree.map(jnp.add, total.value, part)
    return Total(value, jax.tree.map(error, total.value, value, part, total.error))


def finished(total: Total) -> Any:
    """The sum."""
    return jax.tree.map(jnp.add, total.value, total.error)


def net_input(block: Block, params: Params) -> Any:
    """Z (k, r) of a block."""
    return DenseFeatures(block.X).forward(params.W) + params.b[:, None]


def pull_back(block: Block, R: Any) -> Any:
    """R X (k, m) for R (k, r): the transpose of X^T R^T, so that blocks add up without transposing."""
    return jnp.matmul(R, block.X, precision=PRECISION)


class _Evaluation(NamedTuple):
    loss: Any
    G: Any  # (k, m)
    db: Any
    curvature: Any


@jax.jit
def _evaluated(block: Block, params: Params) -> _Evaluation:
    loss, R, curvature = logits.residual(net_input(block, params), block.T, block.w)
    return _Evaluation(loss, pull_back(block, R), jnp.sum(R, axis=1), curvature)


@jax.jit
def _differentiated(block: Block, params: Params) -> _Evaluation:
    """As `_evaluated`, with the gradient by autodiff."""

    def loss(params: Params) -> Any:
        return logits.loss(net_input(block, params), block.T, block.w)

    curvature = logits.residual(net_input(block, params), block.T, block.w)[2]
    value, gradient = jax.value_and_grad(loss)(params)
    return _Evaluation(value, gradient.W.T, gradient.b, curvature)


@jax.jit
def _curved(block: Block, params: Params, direction: Params) -> tuple[Any, Any]:
    S = logits.curvature_product(net_input(block, params), net_input(block, direction), block.w)
    return pull_back(block, S), jnp.sum(S, axis=1)


@jax.jit
def _lost(block: Block, params: Params) -> Any:
    return logits.loss(net_input(block, params), block.T, block.w)


@functools.cache
def _counting(holds: Any) -> Any:
    """The kernel that counts rows of positive weight for which `holds`."""

    @jax.jit
    def counted(block: Block, each: list[Params]) -> Any:
        true = holds(block.T, *(net_input(block, params) for params in each))
        return jnp.sum((block.w > 0) & true, dtype=jnp.int32)

    return counted


@jax.jit
def _assembled(penalty: Penalty, params: Params, sums: _Evaluation) -> Point:
    gradient = Params(sums.G.T + penalty.l2 * params.W, penalty.intercept * sums.db)
    J = sums.loss + penalty.l2 / 2 * jnp.vdot(params.W, params.W)
    return Point(params, None, J, gradient, sums.curvature)


@jax.jit
def _product_assembled(penalty: Penalty, direction: Params, G: Any, db: Any) -> Params:
    return Params(G.T + penalty.l2 * direction.W, penalty.intercept * db)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DeviceRows:
    """Blocks of rows of X in device memory.

    Attributes:
      X: features of N rows, dense.
      T: (N,) int32 class indices, or (k, N) soft targets.
      weights: (N,) summing to one, in the dtype of computation.
      size: rows of a block, a divisor of N.
      peers: as in Problem.
    """

    X: DenseFeatures
    T: Any
    weights: Any
    size: int = dataclasses.field(metadata={"static": True})
    peers: Peers = dataclasses.field(default=ALONE, metadata={"static": True})

    is_streamed = False

    @property
    def dtype(self) -> Any:
        """The dtype of all computation."""
        return self.weights.dtype

    @property
    def shape(self) -> tuple[int, int]:
        """(N, m)."""
        return self.X.shape

    @property
    def is_wide(self) -> bool:
        """As that of the features."""
        return self.X.is_wide

    def fold(self, kernel: Any, *args: Any) -> Any:
        """The sum over blocks of kernel(block, *args); traceable."""
        blocks = self.shape[0] // self.size
        if blocks == 1:
            return self.peers.total(kernel(self._block(0), *args))

        def body(i: Any, total: Total) -> Total:
            return add(total, kernel(self._block(i), *args))

        first = jax.eval_shape(lambda: self._block(0))
        return self.peers.total(finished(lax.fori_loop(0, blocks, body, no_total(kernel, first, *args))))

    def while_loop(self, unfinished: Any, body: Any, carry: Any) -> Any:
        """`lax.while_loop`."""
        return self.peers.while_loop(unfinished, body, carry)

    def target_totals(self, k: int) -> Any:
        """Weighted class totals of T (k,)."""
        return self.peers.total(logits.target_totals(self.T, self.weights, k))

    def moments(self, centred: Any, rows: int) -> tuple[Any, Any]:
        """As DenseFeatures.moments."""
        return self.X.moments(self.weights, centred, rows // self.peers.count, self.peers.total)

    def variances(self, centred: Any) -> tuple[Any, Any]:
        """As DenseFeatures.variances."""
        return self.X.variances(self.weights, centred, self.peers.total)

    def _block(self, i: Any) -> Block:
        """Block i, widened."""
        start = i * self.size
        T, w = (lax.dynamic_slice_in_dim(a, start, self.size, axis=a.ndim - 1) for a in (self.T, self.weights))
        return Block(lax.dynamic_slice_in_dim(self.X.X, start, self.size).astype(self.dtype), T, w)


def by_blocks_of(problem: Problem, rows: int) -> BlockedProblem:
    """The same problem, on dense X, by blocks of at most `rows` rows."""
    size = block_rows(problem.shape[0] // problem.peers.count, rows)
    held = DeviceRows(problem.X, problem.T, problem.weights, size, problem.peers)
    return BlockedProblem(held, problem.l2, problem.intercept, gradient=problem.gradient)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class BlockedProblem:
    """The regularised loss, by blocks of rows; its points store no logits.

    Attributes:
      rows: a record with `fold`, such as DeviceRows.
      l2: () scalar >= 0.
      intercept: () 1 where the bias is free, 0 where it stays as it is.
      gradient: "closed_form" or "autodiff".
    """

    rows: Any
    l2: Any
    intercept: Any
    gradient: str = dataclasses.field(default="closed_form", metadata={"static": True})

    @property
    def dtype(self) -> Any:
        """The dtype of all computation."""
        return self.rows.dtype

    @property
    def shape(self) -> tuple[int, int]:
        """(N, m) of the features."""
        return self.rows.shape

    @property
    def X(self) -> Any:
        """The features, where they are in device memory."""
        return self.rows.X

    @property
    def T(self) -> Any:
        """The targets, where they are in device memory."""
        return self.rows.T

    @property
    def weights(self) -> Any:
        """(N,), where they are in device memory."""
        return self.rows.weights

    @property
    def is_wide(self) -> bool:
        """Whether the m x m covariance of the features is too large to be factorised."""
        return self.rows.is_wide

    @property
    def is_streamed(self) -> bool:
        """Whether a pass is a loop in Python, which no compiled program can hold."""
        return self.rows.is_streamed

    @property
    def peers(self) -> Peers:
        """The devices that share the rows."""
        return ALONE if self.is_streamed else self.rows.peers

    @property
    def penalty(self) -> Penalty:
        """l2 and intercept alone."""
        return Penalty(self.l2, self.intercept)

    def while_loop(self, unfinished: Any, body: Any, carry: Any) -> Any:
        """For loops in which there are passes: `lax.while_loop`, or one in Python."""
        return self.rows.while_loop(unfinished, body, carry)

    def at(self, params: Params) -> Point:
        """The point at `params`: forward and backward product of each block, one read of X."""
        kernel = _differentiated if self.gradient == "autodiff" else _evaluated
        return _assembled(self.penalty, params, self.rows.fold(kernel, params))

    def with_l2_moved(self, point: Point, old_l2: Any) -> Point:
        """As Problem.with_l2_moved."""
        return moved_to_l2(self.l2, point, old_l2)

    def hessian_product(self, point: Point, direction: Params) -> Params:
        """The Hessian at `point` times `direction`: two forward products and a backward one, one read of X."""
        return _product_assembled(self.penalty, direction, *self.rows.fold(_curved, point.params, direction))

    def second_moment(self, rows: int) -> tuple[Any, Any]:
        """As Problem.second_moment."""
        return self.rows.moments(self.intercept, rows)

    def variances(self) -> tuple[Any, Any]:
        """As Problem.variances."""
        return self.rows.variances(self.intercept)

    def hessian(self, point: Point, blocks: Any) -> Any:
        """As Problem.hessian; in device memory only."""

        def logits_of(_: Any, X: Any) -> Any:
            return net_input(Block(X, None, None), point.params)

        return dense_hessian(self, point.params.b.shape[0], blocks, logits_of)

    @property
    def hessian_blocks(self) -> int:
        """As Problem.hessian_blocks."""
        return self.shape[0] // block_rows(self.shape[0], HESSIAN_ROWS)

    def objective(self, params: Params) -> Any:
        """J () at `params`."""
        return self.rows.fold(_lost, params) + self.l2 / 2 * jnp.vdot(params.W, params.W)

    def count(self, holds: Any, *points: Point) -> Any:
        """As Problem.count."""
        return self.rows.fold(_counting(holds), [point.params for point in points])


def replaced(problem: Any, **fields: Any) -> Any:
    """The problem with other X, T, weights, l2 or intercept, whether by blocks in device memory or not."""
    if not isinstance(problem, BlockedProblem):
        return dataclasses.replace(problem, **fields)
    of_rows = {name: fields.pop(name) for name in ("X", "T", "weights") if name in fields}
    return dataclasses.replace(problem, rows=dataclasses.replace(problem.rows, **of_rows), **fields)


def chosen_rows(n: int, k: int, itemsize: int, free: int) -> int | None:
    """Rows of a block, or None where all logits may be stored.

    Args:
      n: rows.
      k: classes.
      itemsize: bytes of a number in the dtype of training.
      free: bytes of free memory.
    """
    if CACHED_ARRAYS * n * k * itemsize <= CACHED_SHARE * free:
        return None
    return rows_per_block(k * itemsize, free)


def rows_per_block(row_bytes: int, free: int) -> int:
    """A power of two of rows that take at most BLOCK_BYTES and little of the `free` bytes, at least 1."""
    room = min(BLOCK_BYTES, free // FREE_SHARE) // row_bytes
    return 1 << max(0, room.bit_length() - 1)
