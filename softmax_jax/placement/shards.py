"""Rows of host arrays onto devices: private copies, padded with rows of zeros, whole or cut over a mesh.

Padding rows get weight zero, so that any number of rows suits any number of devices, and data of similar size share
one compiled program.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from softmax_jax.inputs.conversion import is_sparse
from softmax_jax.placement.platforms import tiles_of
from softmax_jax.problem.features import DenseFeatures
from softmax_jax.problem.problem import padded_rows
from softmax_jax.problem.sparse import SparseFeatures, sparse_features, sparse_shards


class Shards(NamedTuple):
    """Where the rows go.

    Attributes:
      rows: of one shard, with its padding.
      counts: rows of each shard without padding; one shard for each place along the first mesh axis.
      first: the first of all shards of which this process holds the data.
      mesh: devices, or None for one device.
      device: that one, or None for JAX's default.
    """

    rows: int
    counts: tuple[int, ...]
    first: int = 0
    mesh: Mesh | None = None
    device: Any = None

    def features(self, X: Any) -> DenseFeatures | SparseFeatures:
        """The record of X (n, m): NumPy, canonical CSR, or a JAX array, which stays where it lies."""
        found = self._features(X)
        return dataclasses.replace(found, tiles=tiles_of(found))

    def _features(self, X: Any) -> DenseFeatures | SparseFeatures:
        if is_sparse(X):
            if self.mesh is None:
                return sparse_features(X, self.rows, self.device)
            place = NamedSharding(self.mesh, P(self.mesh.axis_names[0]))
            return jax.device_put(sparse_shards(X, self.counts, self.rows), place)
        if not isinstance(X, jax.Array):
            return DenseFeatures(self.spread(X))
        if self.mesh is None:
            return DenseFeatures(jnp.pad(X, ((0, self.rows - X.shape[0]), (0, 0))))
        cut = NamedSharding(self.mesh, P(self.mesh.axis_names[0]))
        if not X.sharding.is_equivalent_to(cut, 2):
            return DenseFeatures(self.spread(np.asarray(X)))
        room = ((0, self.rows - self.counts[0]), (0, 0))
        pad = jax.shard_map(lambda x: jnp.pad(x, room), mesh=self.mesh, in_specs=cut.spec, out_specs=cut.spec)
        return DenseFeatures(jax.jit(pad)(jax.device_put(X, cut)))  # each part gets padding of its own

    def spread(self, array: np.ndarray, axis: int = 0) -> jax.Array:
        """`array`, whose rows lie along `axis`, on the devices.

        Args:
          array: NumPy, the rows that this process holds, without padding.
          axis: along which the rows lie: 0 for X and weights, 1 for class-major soft targets.
        """
        if self.mesh is None:
            return jax.device_put(_padded(array, axis, self.rows), self.device)
        shape, spec = list(array.shape), [None] * array.ndim
        shape[axis], spec[axis] = self.rows * len(self.counts), self.mesh.axis_names[0]

        def shard(index: Any) -> np.ndarray:
            i = (index[axis].start or 0) // self.rows
            start = sum(self.counts[self.first : i])
            part = array[(slice(None),) * axis + (slice(start, start + self.counts[i]),)]
            return _padded(part, axis, self.rows)

        return jax.make_array_from_callback(tuple(shape), NamedSharding(self.mesh, P(*spec)), shard)

    def same(self, values: Any) -> Any:
        """`values`, the same for all rows, on every device."""
        return jax.device_put(values, self.device if self.mesh is None else NamedSharding(self.mesh, P()))


def shards_of(n: int, place: Any) -> Shards:
    """Where n rows go: on one device or, for a mesh, shared evenly along its first axis.

    Args:
      n: rows, without padding.
      place: a device, a Mesh, or None for JAX's default device.
    """
    if not isinstance(place, Mesh):
        return Shards(padded_rows(n), (n,), device=place)
    parts = place.devices.shape[0]
    counts = tuple(n // parts + (i < n % parts) for i in range(parts))
    return Shards(padded_rows(counts[0]), counts, mesh=place)


def _padded(array: np.ndarray, axis: int, rows: int) -> np.ndarray:
    """A private copy with `rows` rows along `axis`, in aligned memory that JAX takes over without another copy."""
    shape = list(array.shape)
    n, shape[axis] = shape[axis], rows
    size = int(np.prod(shape)) * array.dtype.itemsize
    room = np.empty(size + 64, np.uint8)
    offset = -room.ctypes.data % 64
    copy = room[offset : offset + size].view(array.dtype).reshape(shape)
    before = (slice(None),) * axis
    copy[(*before, slice(n))], copy[(*before, slice(n, None))] = array, 0
    return copy
