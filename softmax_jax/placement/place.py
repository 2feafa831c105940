"""Checked data onto devices, as the one problem that solvers iterate on and certificates are evaluated on.

This is the one place that asks how rows are stored: dense or sparse in memory, or read by blocks from where they are.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, ClassVar, NamedTuple, Protocol

import jax
import numpy as np

from softmax_jax.data.rows.opening import as_source, is_source, open_rows
from softmax_jax.data.rows.source import RowSource, computed_in
from softmax_jax.dtypes import compute_dtype, has_float64, scope
from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import is_jax, is_sparse
from softmax_jax.inputs.targets import row_totals
from softmax_jax.placement.devices import memories_of, mesh_of
from softmax_jax.placement.memory import free_bytes
from softmax_jax.placement.padding import Padding
from softmax_jax.placement.platforms import (
    FLOAT32,
    default_device,
    device_of,
    precision_on,
    tiles_on,
    with_products,
)
from softmax_jax.placement.shards import Shards, shards_of
from softmax_jax.problem.blocks import streamed_rows
from softmax_jax.problem.collectives import Collectives
from softmax_jax.problem.device_rows import DeviceRows
from softmax_jax.problem.problem import Data, Problem
from softmax_jax.problem.streamed import StreamedRows, survey
from softmax_jax.runtime.meshes import with_auto_axes

MAPPED_SHARE = 0.5  # of the free memory, up to which a memory map is copied into memory rather than streamed


class Needs(Protocol):
    """What whoever works on the data asks of them; a solver's record says it.

    Attributes:
      gradient: its source, "closed_form" or "autodiff".
      precision: of products in float32, as `platforms.precision_on` takes it; full where a record says nothing.
      always_float64: whether all is computed in float64, whatever the dtype of X.
    """

    always_float64: ClassVar[bool]

    @property
    def gradient(self) -> str:
        """The source of gradients: "closed_form" or "autodiff"."""
        ...


@dataclasses.dataclass(frozen=True)
class InFloat64:
    """What a proof asks of the data."""

    gradient: str = "closed_form"

    always_float64: ClassVar[bool] = True


class Kind(NamedTuple):
    """How the rows of X (n, m) are stored."""

    shape: tuple[int, int]
    dtype: np.dtype
    is_sparse: bool
    is_streamed: bool

    @property
    def computed_in(self) -> np.dtype:
        """The dtype of training."""
        return compute_dtype(self)


def kind_of(X: Any) -> Kind:
    """How the rows of X, which `checked_rows` has checked, are stored."""
    return Kind((int(X.shape[0]), int(X.shape[1])), np.dtype(X.dtype), is_sparse(X), isinstance(X, RowSource))


def checked_rows(X: Any, devices: Any = None) -> Any:
    """X in memory, checked, or a source of rows; a memory map is one where it would take too much of the memory.

    Args:
      X: (n, m) features, or what is read by blocks.
      devices: as in `fit`.
    """
    source = stored_rows(X, devices)
    if source is not None:
        return source
    X = checks.features(X, sparse=True)
    return with_auto_axes(X) if is_jax(X) else X


def stored_rows(X: Any, devices: Any = None) -> RowSource | None:
    """The source of rows that X is, or that a memory map is where it would take too much of the memory; else None.

    Args:
      X: as the caller gave it.
      devices: as in `fit`.
    """
    if isinstance(X, np.memmap) and X.ndim == 2:
        one, _ = memories_of(mesh_of(devices))
        X = open_rows(X) if X.nbytes > MAPPED_SHARE * free_bytes(one) else X
    return as_source(X) if not isinstance(X, np.ndarray) and is_source(X) else None


def place(
    X: Any,
    T: np.ndarray,
    weight: np.ndarray | None,
    l2: float,
    fit_intercept: bool,
    needs: Needs,
    device: Any = None,
    rows: int | None = None,
    padding: Padding | None = None,
) -> Data:
    """The data on the device, padded to `padded_rows` with rows of weight zero; a source is read once.

    Args:
      X: (n, m) checked features, dense or canonical CSR; a JAX array stays on its device; or a source of rows.
      T: (n,) int32 labels or (n, k) soft targets.
      weight: (n,) or None.
      l2: strength.
      fit_intercept: whether the bias is free.
      needs: a solver's record.
      device: where to: a device, a mesh, or None for JAX's default.
      rows: of a block, where logits are not to be stored; None to store them.
      padding: of a small dense table; None for rows alone.
    """
    n = X.shape[0]
    s = np.full(n, 1 / n) if weight is None else weight / weight.sum()
    if isinstance(X, RowSource):
        return _streamed(X, T, s, l2, fit_intercept, needs, device, rows)
    shards, classes = shards_of(n, device), None
    if padding is not None:
        (X, T), classes = padding.columns(X, T), padding.k
        shards = shards if shards.mesh else shards._replace(rows=padding.rows)
    return place_shards(shards, X, T, s, l2, fit_intercept, needs, rows, classes)


def place_shards(
    shards: Shards,
    X: Any,
    T: np.ndarray,
    s: np.ndarray,
    l2: float,
    fit_intercept: bool,
    needs: Needs,
    rows: int | None = None,
    classes: int | None = None,
) -> Data:
    """As `place`, with rows where `shards` says, and s (n,) float64 that sums to one over all rows.

    Args:
      shards: where the rows go.
      X: (n, m), in memory.
      T: as in `place`.
      s: weights.
      l2: strength.
      fit_intercept: whether the bias is free.
      needs: a solver's record.
      rows: as in `place`.
      classes: how many there are, where the last columns of a padded T are none; None where T is not padded.
    """
    dtype, scale = compute_dtype(X), _scale_of(T)
    with scope(dtype):
        features = shards.features(X)
    wanted = _precision(needs, device_of(features))
    precision = FLOAT32 if features.is_sparse else wanted  # sparse products know no other

    @functools.cache
    def target(dtype: np.dtype) -> Any:
        with scope(dtype):
            return shards.spread(T) if T.ndim == 1 else shards.spread(T.T.astype(dtype, copy=False), axis=1)

    def build(dtype: np.dtype, precision: str = FLOAT32) -> Problem:
        stored = T.dtype if T.dtype.itemsize <= dtype.itemsize else dtype  # one T for both, unless it is wider
        with scope(dtype):
            scalars = shards.same((dtype.type(l2), dtype.type(fit_intercept)))
            weights, divisor = (None if a is None else shards.spread(a.astype(dtype)) for a in (s, scale))
            over = Collectives(mesh=shards.mesh)
            held = DeviceRows(features, target(stored), weights, divisor, collectives=over)
            held = held.worked_by(with_products(features.tiles, precision))
            present = None if classes is None else shards.same(dtype.type(classes))
            held = held if rows is None else held.by_blocks(rows)
            return Problem(held, *scalars, classes=present, gradient=needs.gradient)

    return _twice(build, dtype, needs, precision)


def _streamed(
    source: RowSource, T: np.ndarray, s: np.ndarray, l2: float, free: bool, needs: Needs, device: Any, rows: int | None
) -> Data:
    k = T.shape[1] if T.ndim == 2 else int(T.max()) + 1
    tiles = tiles_on(device)
    rows = rows or streamed_rows(tiles, source.shape[1] * source.dtype.itemsize, k, free_bytes(device))
    size = min(rows, 1 << (source.shape[0] - 1).bit_length())
    dtype = computed_in(source.dtype)
    seen = survey(source, s, size, np.dtype(np.float64) if has_float64() else dtype)
    m = source.shape[1]
    held = StreamedRows(source, T, s, _scale_of(T), size, dtype, seen, np.zeros(m), np.ones(m), device, tiles)

    def build(dtype: np.dtype, precision: str = FLOAT32) -> Problem:
        with scope(dtype):
            scalars = jax.device_put((dtype.type(l2), dtype.type(free)), device)
        rows = held.computed_in(dtype).worked_by(with_products(tiles, precision))
        return Problem(rows, *scalars, gradient=needs.gradient)

    return _twice(build, dtype, needs, _precision(needs, device or default_device()))


def _precision(needs: Needs, device: Any) -> str:
    return precision_on(device, getattr(needs, "precision", FLOAT32))


def _scale_of(T: np.ndarray) -> np.ndarray | None:
    """What rows of soft targets are multiplied by, so that they sum to one, (n,) float64; None for labels."""
    return None if T.ndim == 1 else 1 / row_totals(T)


def _twice(build: Any, dtype: np.dtype, needs: Needs, precision: str) -> Data:
    """What `build` makes in float64, where there is float64, and in the dtype of training with products as wanted."""
    wide = np.dtype(np.float64) if has_float64() else dtype
    exact, precision = build(wide), precision if dtype == np.float32 else FLOAT32
    same = needs.always_float64 or (dtype == wide and precision == FLOAT32)
    return Data(exact if same else build(dtype, precision), exact, dtype)
