"""BlockedProblem: the passes by blocks of rows, so that logits exist only while their block is worked on.

A pass is the sum over blocks of a kernel: forward product, softmax and backward product of a block in one read of its
rows. How the blocks come about is the matter of the rows record alone: `DeviceRows` cuts them out of X in device
memory; `streamed.StreamedRows` reads them from where X is stored.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from softmax_jax.model import Params
from softmax_jax.problem import logits
from softmax_jax.problem.blocks import Block, add, finished, in_parts, net_input, no_total, pull_back
from softmax_jax.problem.collectives import ALONE, Peers
from softmax_jax.problem.features import DenseFeatures
from softmax_jax.problem.logits import block_rows
from softmax_jax.problem.problem import (
    HESSIAN_ROWS,
    Columns,
    Penalty,
    Point,
    Problem,
    Spread,
    dense_hessian,
    moved_to_l2,
)


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

        def block(i: Any) -> Any:
            return in_parts(kernel, lambda start, rows: self._take(i * self.size + start, rows), self.size, *args)

        if blocks == 1:
            return self.peers.total(block(0))
        first = jax.eval_shape(lambda: self._take(0, self.size))
        total = lax.fori_loop(0, blocks, lambda i, t: add(t, block(i)), no_total(kernel, first, *args))
        return self.peers.total(finished(total))

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

    def extent(self) -> tuple[Any, Any]:
        """As Problem.extent."""
        low, high = self.X.extent(self.weights)
        return self.peers.least(low), self.peers.largest(high)

    def _take(self, start: Any, rows: int) -> Block:
        """The rows from `start` on, widened."""
        T, w = (lax.dynamic_slice_in_dim(a, start, rows, axis=a.ndim - 1) for a in (self.T, self.weights))
        return Block(lax.dynamic_slice_in_dim(self.X.X, start, rows).astype(self.dtype), T, w)


def by_blocks_of(problem: Problem, rows: int) -> BlockedProblem:
    """The same problem, on dense X, by blocks of at most `rows` rows."""
    size = block_rows(problem.shape[0] // problem.peers.count, rows)
    held = DeviceRows(problem.X, problem.T, problem.weights, size, problem.peers)
    return BlockedProblem(held, problem.l2, problem.intercept, problem.columns, gradient=problem.gradient)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class BlockedProblem:
    """The regularised loss, by blocks of rows; its points store no logits.

    Attributes:
      rows: a record with `fold`, such as DeviceRows.
      l2: () scalar >= 0.
      intercept: () 1 where the bias is free, 0 where it stays as it is.
      columns: as in Problem.
      gradient: "closed_form" or "autodiff".
    """

    rows: Any
    l2: Any
    intercept: Any
    columns: Columns | None = None
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
        """What is no pass."""
        return Penalty(self.l2, self.intercept, self.columns)

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

    def variances(self) -> Spread:
        """As Problem.variances."""
        return Spread(*self.rows.variances(self.intercept))

    def extent(self) -> tuple[Any, Any]:
        """As Problem.extent."""
        return self.rows.extent()

    def target_totals(self, k: int) -> Any:
        """As Problem.target_totals."""
        return self.rows.target_totals(k)

    def hessian(self, point: Point, blocks: Any, spread: Spread | None = None) -> Any:
        """As Problem.hessian; in device memory only."""

        def logits_of(_: Any, X: Any) -> Any:
            return net_input(Block(X, None, None), point.params)

        return dense_hessian(self, point, blocks, spread, logits_of)

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
