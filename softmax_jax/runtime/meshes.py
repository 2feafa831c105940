"""Arrays that a user has sharded over a mesh of several devices.

`jax.make_mesh` makes meshes with Explicit axes by default. JAX then refuses X^T R as ambiguous, because the
sharded rows are summed over. With Auto axes it chooses the all-reduce itself. The data stay where they are:
only the type of the axes in their sharding changes.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding


def with_auto_axes(array: Any) -> Any:
    """`array` on the same devices with Auto mesh axes, sharing its memory; anything else as it is.

    A traced array is left alone: under `jax.jit` an Explicit mesh is JAX's to judge.
    """
    if not isinstance(array, jax.Array) or isinstance(array, Tracer):
        return array
    place = array.sharding
    if not isinstance(place, NamedSharding) or AxisType.Explicit not in place.mesh.axis_types:
        return array
    mesh = Mesh(np.asarray(place.mesh.devices), place.mesh.axis_names)
    return jax.device_put(array, NamedSharding(mesh, place.spec, memory_kind=place.memory_kind))
