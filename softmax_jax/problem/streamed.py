"""Rows that are read by blocks from where X is stored, anew in each pass.

A pass is a loop in Python over blocks, with one compiled program per kernel and block, while a thread reads ahead. X is
kept in its storage dtype until it is on the device. The first pass, made when the data are placed, sees to it that all
of X is finite, and takes the mean and variance of each column and a sample of rows for the preconditioner.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from softmax_jax.data.rows.reading import first_infinite
from softmax_jax.data.rows.source import RowSource
from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.problem.blocks import (
    Block,
    Folded,
    Net,
    Part,
    Total,
    add,
    feature_major,
    finished,
    in_parts,
    kernel,
    no_total,
)
from softmax_jax.problem.collectives import ALONE
from softmax_jax.problem.features import DenseFeatures, sampled_rows
from softmax_jax.problem.prefetch import read_ahead
from softmax_jax.problem.sampling import sampled
from softmax_jax.problem.tiles import CACHED, Tiles

SURVEYED_BYTES = 2**25  # of a block in float64, of which the first pass makes several copies
LARGEST_FACTORISED = 2048  # features up to which a sample of rows for the covariance is kept


class Survey(NamedTuple):
    """What the first pass finds of each column (m,), and a sample of rows with their weights."""

    mean: np.ndarray
    variance: np.ndarray
    near: np.ndarray  # a row of positive weight
    about: np.ndarray  # weighted mean of (x - near)^2
    low: np.ndarray  # the least entry in rows of positive weight
    high: np.ndarray
    sample: np.ndarray
    sample_weight: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class StreamedRows:
    """Blocks of rows of a source.

    Attributes:
      source: of X (n, m).
      T: (n,) int32 class indices, or (n, k) soft targets.
      w: (n,) float64, summing to one.
      T_scale: (n,) float64 that rows of soft T are multiplied by, so that they sum to one; None for labels.
      size: rows of a block.
      dtype: of all computation.
      survey: of the first pass.
      offset: (m,) that is taken from the rows when they are promoted (see offsets.py).
      scale: (m,) that they are then multiplied by; the survey is of the rows after both.
      device: to compute on, or None for JAX's default.
      tiles: how much is worked on at a time there.
    """

    source: RowSource
    T: np.ndarray
    w: np.ndarray
    T_scale: np.ndarray | None
    size: int
    dtype: np.dtype
    survey: Survey
    offset: np.ndarray
    scale: np.ndarray
    device: Any = None
    tiles: Tiles = CACHED

    is_streamed, stores_logits, can_shift, can_scale, collectives = True, False, True, True, ALONE

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        return self.source.shape

    @property
    def count(self) -> int:
        """Rows that sums are taken over."""
        return self.source.shape[0]

    @property
    def stored_dtype(self) -> np.dtype:
        """The dtype in which X is stored."""
        return self.source.dtype

    @property
    def is_wide(self) -> bool:
        """Whether there are too many features for a sample of rows."""
        return self.shape[1] > LARGEST_FACTORISED

    def net(self, params: Params) -> Net:
        """`params` alone: no logits are stored."""
        return Net(params, None)

    def fold(self, part: Part, nets: tuple[Net, ...], *args: Any, pull: str | None = None) -> Folded:
        """As Rows.fold: one read of the source."""
        each, args = kernel(self.tiles, part, pull), (tuple(net.params for net in nets), *args)
        units = jax.device_put((self.offset.astype(self.dtype), self.scale.astype(self.dtype)), self.device)
        total = None
        for start, X in read_ahead(self.source, self.size):
            block = jax.device_put(Block(X, *self._beside(start)), self.device)
            if total is None:
                total = jax.device_put(no_total(each, jax.eval_shape(_promoted, block, units), *args), self.device)
            total = jax.block_until_ready(_added(self.tiles, each, total, block, units, args))  # before X is read over
        return _finished(total)

    def while_loop(self, unfinished: Any, body: Any, carry: Any) -> Any:
        """A loop in Python."""
        while bool(unfinished(carry)):
            carry = body(carry)
        return carry

    def target_totals(self, k: int) -> Any:
        """Weighted class totals of T (k,)."""
        labels = self.T.ndim == 1
        totals = np.bincount(self.T, weights=self.w, minlength=k) if labels else (self.w * self.T_scale) @ self.T
        return jnp.asarray(totals.astype(self.dtype))

    def squares(self) -> Any:
        """As Rows.squares, or above: ||x|| <= ||near|| + ||x - near||, which does not cancel; no pass."""
        _, _, near, about, *_ = self.survey
        return jnp.asarray(np.square(np.abs(near) + np.sqrt(about)).astype(self.dtype))

    def moments(self, centred: Any, rows: int) -> tuple[Any, Any]:
        """As Rows.moments, from the sample of the first pass, whatever `rows` is."""
        return _moments(self.survey.sample, self.survey.sample_weight.astype(self.dtype), centred)

    def variances(self, centred: Any) -> tuple[Any, Any]:
        """As Rows.variances."""
        mean, variance = self.survey.mean, self.survey.variance
        spread = variance if float(centred) else variance + mean**2
        return jnp.asarray((float(centred) * mean).astype(self.dtype)), jnp.asarray(spread.astype(self.dtype))

    def extent(self) -> tuple[Any, Any]:
        """As Rows.extent."""
        return jnp.asarray(self.survey.low.astype(self.dtype)), jnp.asarray(self.survey.high.astype(self.dtype))

    def scaled(self, scale: np.ndarray) -> StreamedRows:
        """The same rows with their columns multiplied by `scale` (m,)."""
        mean, variance, near, about, low, high, sample, weight = self.survey
        moved = mean * scale, variance * scale**2, near * scale, about * scale**2, low * scale, high * scale
        survey = Survey(*moved, sample.astype(np.float64) * scale, weight)
        return dataclasses.replace(self, survey=survey, scale=self.scale * scale)

    def shifted(self, offset: np.ndarray) -> StreamedRows:
        """The same rows, which have their own scale, less `offset` (m,)."""
        mean, variance, near, about, low, high, sample, weight = self.survey
        moved = mean - offset, variance, near - offset, about, low - offset, high - offset
        survey = Survey(*moved, sample - offset.astype(sample.dtype), weight)
        return dataclasses.replace(self, survey=survey, offset=self.offset + offset)

    def computed_in(self, dtype: np.dtype) -> StreamedRows:
        """The same rows, for computation in `dtype`."""
        return dataclasses.replace(self, dtype=dtype)

    def worked_by(self, tiles: Tiles) -> StreamedRows:
        """The same rows, worked on as `tiles` say."""
        return dataclasses.replace(self, tiles=tiles)

    def with_features_of(self, other: StreamedRows) -> StreamedRows:
        """These rows, in their own dtype, in the units of `other`."""
        return other.computed_in(self.dtype).worked_by(self.tiles)

    def _beside(self, start: int) -> tuple[np.ndarray, np.ndarray]:
        """Targets and weights of the block that starts there; zero where it is filled up."""
        T, w = (a[start : start + self.size] for a in (self.T, self.w))
        missing = self.size - len(w)
        if missing:
            T, w = np.pad(T, [(0, missing)] + [(0, 0)] * (T.ndim - 1)), np.pad(w, (0, missing))
        if self.T_scale is not None:
            T = T.astype(self.dtype)
            T[: self.size - missing] *= self.T_scale[start : start + self.size, None].astype(self.dtype)
        return T, w.astype(self.dtype)


def survey(source: RowSource, w: np.ndarray, size: int, wide: np.dtype) -> Survey:
    """The first pass over a source.

    Args:
      source: of X (n, m).
      w: (n,) float64, summing to one.
      size: most rows of a block; fewer are looked at together where they would take much memory in `wide`.
      wide: dtype of the sums.

    Raises:
      ValueError: X is not finite; the source cannot be read.
    """
    n, m = source.shape
    size = max(1, min(size, SURVEYED_BYTES // (m * wide.itemsize)))
    stride = -(-n // sampled_rows(m)) if m <= LARGEST_FACTORISED else n
    some = sampled(n, stride)
    sample = np.empty((len(some), m), source.dtype)
    sums, near = np.zeros((2, m)), None
    low, high = np.full(m, np.inf), np.full(m, -np.inf)
    for start, X in read_ahead(source, size):
        weights = np.pad(w[start : start + size], (0, max(0, start + size - n))).astype(wide)
        if near is None and weights.any():
            near = np.array(X[np.argmax(weights > 0)], np.float64)  # sums of squares about it do not cancel
        with scope(wide):
            about = np.zeros(m) if near is None else near
            new, least, largest, finite = jax.device_get(_surveyed(X, weights, about.astype(wide)))
        if not finite:
            _refuse(source, start, X)
        sums += new
        low, high = np.minimum(low, least), np.maximum(high, largest)
        first, last = np.searchsorted(some, (start, start + size))
        sample[first:last] = X[some[first:last] - start]
    near = np.zeros(m) if near is None else near
    return Survey(near + sums[0], np.maximum(sums[1] - sums[0] ** 2, 0), near, sums[1], low, high, sample, w[some])


@jax.jit
def _surveyed(X: Any, w: Any, near: Any) -> tuple[Any, Any, Any, Any]:
    """Sums over rows of w (x - near) and w (x - near)^2 (2, m), least and largest entries, and whether X is finite."""
    wide = X.astype(w.dtype)
    highest = jax.lax.Precision.HIGHEST
    counts = (w > 0)[:, None]
    moved = jnp.where(counts, wide - near[None], 0)
    sums = jnp.stack([jnp.matmul(w, moved, precision=highest), jnp.matmul(w, moved**2, precision=highest)])
    low = jnp.min(jnp.where(counts, wide, jnp.inf), axis=0)
    return sums, low, jnp.max(jnp.where(counts, wide, -jnp.inf), axis=0), jnp.all(jnp.isfinite(wide))


def _refuse(source: RowSource, start: int, X: np.ndarray) -> None:
    """Raise ValueError for the first entry of a block that is not finite."""
    row, words = first_infinite(source, start, X)
    raise ValueError(f"{words} (block {start // len(X)} of {len(X)} rows, row {row} of X); expected finite numbers.")


@jax.jit
def _moments(X: Any, w: Any, centred: Any) -> tuple[Any, Any]:
    return DenseFeatures(X).moments(w, centred, X.shape[0])


def _promoted(block: Block, units: tuple[Any, Any]) -> Block:
    """The block in the dtype of computation, its columns shifted and scaled."""
    T, (offset, scale) = block.T if block.T.ndim == 1 else block.T.T, units
    return Block((block.X.astype(block.w.dtype) - offset[None]) * scale[None], T, block.w)


@functools.partial(jax.jit, static_argnames=("tiles", "kernel"), donate_argnames="total")
def _added(tiles: Tiles, kernel: Any, total: Total, block: Block, units: tuple[Any, Any], args: tuple) -> Total:
    def take(start: Any, rows: int) -> Block:
        return _promoted(jax.tree.map(lambda a: lax.dynamic_slice_in_dim(a, start, rows), block), units)

    return add(total, in_parts(tiles, kernel, take, len(block.w), *args))


@jax.jit
def _finished(total: Total) -> Folded:
    return feature_major(finished(total))
