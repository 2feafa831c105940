"""What the platform decides: how much is worked on at a time, by where the data lie."""

from __future__ import annotations

from typing import Any

import jax
from jax.core import Tracer

from softmax_jax.problem.tiles import CACHED, FUSED, Tiles


def platforms_of(arrays: Any) -> set[str]:
    """The platforms on which the JAX arrays of a pytree lie; those of JAX's default where none of them lies anywhere.

    Args:
      arrays: a pytree; NumPy arrays in it, and arrays that are traced, lie nowhere.
    """
    placed = (a for a in jax.tree.leaves(arrays) if isinstance(a, jax.Array) and not isinstance(a, Tracer))
    found = next((a.sharding.device_set for a in placed), None)
    return {device.platform for device in found} if found else {default_device().platform}


def tiles_of(arrays: Any) -> Tiles:
    """The tiles for data that are, or are made of, `arrays`.

    Args:
      arrays: as for `platforms_of`.
    """
    return CACHED if platforms_of(arrays) == {"cpu"} else FUSED


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
