"""This package's passes and steps compiled for a device that need not be there, as HLO text.

The compiler of the target has to be installed: libtpu, or jax[cuda12] (5 GB; no GPU). It is given shapes alone.
"""

from __future__ import annotations

import functools
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding

from softmax_jax.model import Params
from softmax_jax.problem.collectives import Collectives
from softmax_jax.problem.device_rows import DeviceRows
from softmax_jax.problem.features import DenseFeatures
from softmax_jax.problem.problem import Problem, padded_rows
from softmax_jax.solvers import steps
from softmax_jax.solvers.lbfgs import LBFGS
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


class Shape(NamedTuple):
    """A problem on devices that share its rows.

    Attributes:
      n: rows of all devices.
      m: features.
      k: classes.
      dtype: in which X is stored.
      rows: of a block, or None where all logits are stored.
      devices: how many.
    """

    n: int
    m: int
    k: int
    dtype: str = "float32"
    rows: int | None = None
    devices: int = 1

    @property
    def local_rows(self) -> int:
        """Rows of one device, with their padding."""
        return padded_rows(-(-self.n // self.devices))


@functools.cache
def program(target: str, shape: Shape, what: str) -> str | None:
    """The text of a "pass" or of "steps" of L-BFGS for `target`; None without its compiler, or where it gives up."""
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    try:
        return _lowered(_topology(target, shape.devices), shape, what).compile().as_text()
    except (RuntimeError, ValueError, NotImplementedError) as error:  # jax.errors.JaxRuntimeError is the first
        print(f"{what} for {target}: by formulas, for the compiler said: {str(error).splitlines()[0][:100]}")
        return None


def _topology(target: str, devices: int) -> Any:
    if target != "H100":
        return topologies.get_topology_desc(
            platform="tpu", topology_name=f"{target}:{'2x4' if devices == 8 else '2x2'}"
        )
    options = {"topology": f"1x1x{devices}", "target_config": H100}
    return topologies.get_topology_desc(platform="cuda", topology_name="H100", **options)


def _lowered(topology: Any, shape: Shape, what: str) -> Any:
    whole, rows, matrix, logits, over = _places(topology.devices[: shape.devices])

    def array(dims: tuple[int, ...], place: Any = whole, dtype: Any = jnp.float32) -> Any:
        return jax.ShapeDtypeStruct(dims, dtype, sharding=place)

    N, m, k = shape.local_rows * shape.devices, shape.m, shape.k
    features = DenseFeatures(array((N, m), matrix, jnp.dtype(shape.dtype)))
    held = DeviceRows(features, array((N,), rows, jnp.int32), array((N,), rows), collectives=over)
    problem = Problem(held if shape.rows is None else held.by_blocks(shape.rows), array(()), array(()))
    params = Params(array((m, k)), array((k,)))
    if what == "pass":
        return steps.point_at.program.plain.lower(problem, params)
    moment, solver = SecondMoment(array((m,)), array((m,)), array((m, m))), LBFGS()
    chunk = jax.eval_shape(functools.partial(steps.begin.program.plain, solver), problem, moment, params)
    chunk = jax.tree.map(lambda x: array(x.shape, logits if x.shape == (k, N) else whole, x.dtype), chunk)
    return steps.run.program.plain.lower(solver, problem, chunk, array(()), array((), dtype=jnp.int32))


def _places(devices: Any) -> tuple[Any, Any, Any, Any, Collectives]:
    """Where go arrays that are the same everywhere, those of rows, X, and logits; and who shares the rows."""
    if len(devices) == 1:
        return (SingleDeviceSharding(devices[0]),) * 4 + (Collectives(),)
    mesh = Mesh(np.array(devices), ("rows",))
    specs = (), ("rows",), ("rows", None), (None, "rows")
    return (*(NamedSharding(mesh, PartitionSpec(*spec)) for spec in specs), Collectives(mesh=mesh))
