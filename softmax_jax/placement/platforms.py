"""What the platform decides, by where the data lie: how much is worked on at a time, and how products are computed.

On an accelerator a product in full float32 passes by the units that are made for products, or uses them six times:
three products of halves that fit them (bfloat16) carry 16 bits of each factor, at about twice the speed. What solvers
iterate on may be computed so, because only a certificate, in float64, ends a fit, and a fit that gets no closer goes on
in full precision. A platform that lacks an algorithm gets the nearest that it has; results say which. A CPU takes some
of their names, and computes in float32 all the same.

Relative errors seen on an H100: float32 1e-6, tf32x3 3e-7, bf16x6 2e-7, bf16x3 4e-6. (bf16x9 had 3e-4, not what its
name says, and is not offered.)
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.lax import DotAlgorithmPreset

from softmax_jax.problem.tiles import CACHED, FUSED, Tiles

FLOAT32 = "float32"
ALGORITHMS = {
    "tf32x3": DotAlgorithmPreset.TF32_TF32_F32_X3,
    "bf16x6": DotAlgorithmPreset.BF16_BF16_F32_X6,
    "bf16x3": DotAlgorithmPreset.BF16_BF16_F32_X3,
}
HAS = {"cuda": tuple(ALGORITHMS), "tpu": ("bf16x6", "bf16x3")}
INSTEAD = {"tf32x3": "bf16x6"}  # where it is lacking
FASTEST = {"cuda": "bf16x3", "tpu": "bf16x3"}
TENSOR_CORES = 8.0  # compute capability of the first GPUs of NVIDIA that have them for bfloat16


def is_on_cpu(arrays: Any) -> bool:
    """Whether the JAX arrays of a pytree lie on a CPU, or are to lie there where none of them lies anywhere.

    Args:
      arrays: a pytree; NumPy arrays in it, and arrays that are traced, lie nowhere.
    """
    return device_of(arrays).platform == "cpu"


def tiles_of(arrays: Any) -> Tiles:
    """The tiles for data that are, or are made of, `arrays`.

    Args:
      arrays: as for `is_on_cpu`.
    """
    return tiles_on(device_of(arrays))


def tiles_on(device: Any) -> Tiles:
    """The tiles for data on a device.

    Args:
      device: or None for JAX's default.
    """
    return CACHED if (device or default_device()).platform == "cpu" else FUSED


def default_device() -> Any:
    """Where JAX puts what is put nowhere."""
    chosen = getattr(jax.config, "jax_default_device", None)
    if isinstance(chosen, str):
        return jax.devices(chosen)[0]
    return chosen or jax.local_devices()[0]


def precision_on(device: Any, wanted: str) -> str:
    """The precision of products in float32 that a device gets: "float32", or a name of ALGORITHMS.

    Args:
      device: a JAX device, or a description of one.
      wanted: as in the records of solvers.

    Raises:
      ValueError: `wanted` is no name of a precision.
    """
    if wanted not in ("auto", FLOAT32, *ALGORITHMS):
        raise ValueError(f"precision must be one of auto, {FLOAT32}, {', '.join(ALGORITHMS)}, got {wanted!r}.")
    kind = _kind_of(device)
    if wanted == "auto":
        return FASTEST.get(kind, FLOAT32)
    wanted = wanted if wanted in HAS.get(kind, ()) else INSTEAD.get(wanted, FLOAT32)
    return wanted if wanted in HAS.get(kind, ()) else FLOAT32


def with_products(tiles: Tiles, precision: str) -> Tiles:
    """The tiles with products of a precision, which `precision_on` gave."""
    return tiles._replace(products=ALGORITHMS.get(precision))


def precision_of(tiles: Tiles, dtype: Any) -> str:
    """The name of the precision of products in `dtype`."""
    if tiles.products is None or dtype != np.float32:
        return np.dtype(dtype).name
    return next(name for name, preset in ALGORITHMS.items() if preset == tiles.products)


def copied(arrays: Any) -> Any:
    """A copy of JAX arrays that are about to be donated: on the host for a CPU, else where they lie.

    Args:
      arrays: a pytree, all on the same devices.
    """
    return jax.tree.map(np.array if is_on_cpu(arrays) else jnp.copy, arrays)


def device_of(arrays: Any) -> Any:
    """One of the devices on which the JAX arrays of a pytree lie, or JAX's default.

    Args:
      arrays: as for `is_on_cpu`.
    """
    placed = (a for a in jax.tree.leaves(arrays) if isinstance(a, jax.Array) and not isinstance(a, Tracer))
    return next((min(a.sharding.device_set, key=lambda d: d.id) for a in placed), None) or default_device()


def _kind_of(device: Any) -> str:
    """A key of HAS, or another word: a GPU of another maker, or without units for such products."""
    if device.platform not in ("gpu", "cuda"):
        return device.platform
    capability = str(getattr(device, "compute_capability", ""))
    is_number = capability.replace(".", "", 1).isdigit()
    return "cuda" if is_number and float(capability) >= TENSOR_CORES else "gpu"
