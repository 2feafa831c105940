"""Accelerators that are not there: XLA's own compilers for them need a description, and no device.

The compiler of the target has to be installed: libtpu, or jax[cuda12] (5 GB; no GPU). The process computes on CPUs; a
device of a topology can hold shapes and shardings alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, SingleDeviceSharding
from jax.sharding import PartitionSpec as P

from softmax_jax.model import Params
from softmax_jax.problem.collectives import Collectives
from softmax_jax.problem.device_rows import DeviceRows
from softmax_jax.problem.features import DenseFeatures
from softmax_jax.problem.problem import Problem, padded_rows
from softmax_jax.problem.sparse import CSR, SparseFeatures
from softmax_jax.problem.tiles import FUSED
from softmax_jax.solvers.preconditioner import SecondMoment

H100 = """
gpu_device_info {
  threads_per_block_limit: 1024  threads_per_warp: 32  shared_memory_per_block: 49152
  shared_memory_per_core: 233472  threads_per_core_limit: 2048  core_count: 132  fpus_per_core: 128
  block_dim_limit_x: 2147483647  block_dim_limit_y: 65535  block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000  l2_cache_size: 52428800  clock_rate_ghz: 1.98
  device_memory_size: 84942979072  shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 minor: 0 }
  registers_per_core_limit: 65536  registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 8 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""


def h100s(count: int) -> list[Any]:
    """Descriptions of H100s with 80 GB in one machine."""
    options = {"topology": f"1x1x{count}", "target_config": H100}
    return list(topologies.get_topology_desc(platform="cuda", topology_name="H100", **options).devices)


def tpus(name: str, **options: Any) -> list[Any]:
    """Descriptions of the chips of a topology, such as v5e:2x4."""
    return list(topologies.get_topology_desc(platform="tpu", topology_name=name, **options).devices)


class Shapes:
    """Arrays on some devices that have a shape, a dtype and a sharding, and nothing in them."""

    def __init__(self, devices: Sequence[Any]) -> None:
        """All devices along one axis of a mesh, or a single one."""
        self.count = len(devices)
        self.mesh = None if self.count == 1 else Mesh(np.array(devices), ("rows",))
        self._one = devices[0]

    def array(self, shape: tuple[int, ...], dtype: Any = np.float32, *axes: Any) -> Any:
        """One array, cut along the mesh as `axes` of a PartitionSpec say."""
        sharding = SingleDeviceSharding(self._one) if self.mesh is None else NamedSharding(self.mesh, P(*axes))
        return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)

    def features(self, n: int, m: int, dtype: Any = np.float32) -> DenseFeatures:
        """Dense X, padded as `placement/shards` does."""
        return DenseFeatures(self.array((self.padded(n), m), dtype, "rows"), tiles=FUSED)

    def sparse(self, n: int, m: int, entries: int) -> SparseFeatures:
        """Sparse X with as many entries on each device."""

        def compressed(rows: int) -> CSR:
            kinds = ((entries, np.float32), (entries, np.int32), (rows + 1, np.int32))
            return CSR(*(self.array((self.count * size,), dtype, "rows") for size, dtype in kinds))

        return SparseFeatures(compressed(self.padded(n) // self.count), compressed(m), m)

    def problem(self, n: int, X: Any, dtype: Any = np.float32, folds: int | None = None) -> Problem:
        """J over n rows X with class indices, computed in `dtype`; weights and l2 of each of some folds."""
        batch, N = () if folds is None else (folds,), self.padded(n)
        weights = self.array((*batch, N), dtype, *(None for _ in batch), "rows")
        rows = DeviceRows(X, self.array((N,), np.int32, "rows"), weights, collectives=Collectives(mesh=self.mesh))
        return Problem(rows, self.array(batch, dtype), self.array((), dtype))

    def params(self, m: int, k: int, dtype: Any = np.float32, folds: int | None = None) -> Params:
        """W and b, of each of some folds."""
        batch = () if folds is None else (folds,)
        return Params(self.array((*batch, m, k), dtype), self.array((*batch, k), dtype))

    def moment(self, m: int) -> SecondMoment:
        """What L-BFGS prepares."""
        return SecondMoment(self.array((m,)), self.array((m,)), self.array((m, m)))

    def scalar(self, dtype: Any = np.float32, *batch: int) -> Any:
        """One number, or one for each problem of a batch."""
        return self.array(batch, dtype)

    def padded(self, n: int) -> int:
        """Rows on all devices, with their padding."""
        return self.count * padded_rows(-(-n // self.count))
