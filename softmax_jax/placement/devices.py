"""Which devices a fit runs on: one, or a mesh whose first axis shares the rows and whose second shares the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

WORTH_SHARING = 2**28  # multiplications of a product, per device, below which devices are not shared unasked (judged)


def place_for(
    devices: Any,
    shape: tuple[int, int],
    k: int,
    *,
    lying: Any = None,
    minibatches: bool = False,
    by_blocks: bool = False,
) -> Any:
    """A device, a mesh, or None for where X is or JAX's default.

    Args:
      devices: as in `fit`.
      shape: (n, m) of the features.
      k: number of classes.
      lying: the features, where they are a JAX array.
      minibatches: whether the solver takes rows by index, which only one device can.
      by_blocks: whether X is read by blocks, which go to one device.

    Raises:
      ValueError: `devices` is not as described, too many, or does not suit the solver or k.
    """
    if devices is None:
        if minibatches or by_blocks:
            return None
        return _accelerators(shape[0] * shape[1] * k) if lying is None else mesh_under(lying)
    place = mesh_of(devices)
    if not isinstance(place, Mesh):
        return place
    if minibatches:
        raise ValueError(
            f"Gradient descent (SGD) runs on one device, got {place.size} in devices; give one, or an exact solver."
        )
    if by_blocks:
        raise ValueError(f"X that is read by blocks goes through one device, got {place.size} in devices; give one.")
    if place.devices.ndim == 2 and k % place.devices.shape[1]:
        raise ValueError(
            f"The second mesh axis of devices must divide the number of classes, got {place.devices.shape[1]} and {k}."
        )
    return place


def mesh_under(X: jax.Array) -> Mesh | None:
    """The devices that the rows of X are cut over, in their order; None where X is whole or cut otherwise.

    Raises:
      ValueError: some of them belong to other processes.
    """
    if not X.is_fully_addressable:
        raise ValueError("X lies on devices of several processes: give each its own rows in fit_distributed.")
    cuts = X.sharding.devices_indices_map(X.shape)
    starts = {device: rows.start or 0 for device, (rows, _) in cuts.items()}
    whole = all(columns in (slice(None), slice(0, X.shape[1])) for _, columns in cuts.values())
    if len(cuts) == 1 or not whole or len(set(starts.values())) < len(cuts):
        return None
    return Mesh(np.array(sorted(starts, key=starts.__getitem__)), ("rows",))


def _accelerators(work: int) -> Mesh | None:
    """All local devices, if several accelerators with enough work for each, and the user has chosen none."""
    settings: Any = jax.config
    if jax.default_backend() == "cpu" or settings.jax_default_device is not None:
        return None
    present = jax.local_devices()
    return Mesh(np.array(present), ("rows",)) if len(present) > 1 and work >= WORTH_SHARING * len(present) else None


def memories_of(place: Any) -> tuple[Any, int]:
    """One of the devices of `place`, and the number of memories that its rows are shared over: CPU devices have one."""
    if not isinstance(place, Mesh):
        return place, 1
    one = place.devices.flat[0]
    return one, 1 if one.platform == "cpu" else place.devices.shape[0]


def mesh_of(devices: Any) -> Any:
    """The mesh that `devices` asks for; a single device, or None, as it is.

    Args:
      devices: None; a device; a number of devices; several devices; or a Mesh of one axis (rows) or two (rows,
        classes), whose axes may be Explicit.

    Raises:
      ValueError: anything else, more devices than there are, or the same one twice.
    """
    if devices is None or isinstance(devices, jax.Device):
        return devices
    if isinstance(devices, Mesh):
        if len(devices.axis_names) > 2:
            raise ValueError(
                f"A mesh in devices must have one axis (rows) or two (rows, classes), got {devices.shape}."
            )
        return Mesh(devices.devices, devices.axis_names) if devices.size > 1 else devices.devices.flat[0]
    if isinstance(devices, int | np.integer) and not isinstance(devices, bool):
        present = jax.local_devices()
        if not 1 <= devices <= len(present):
            raise ValueError(f"devices must be between 1 and the {len(present)} present, got {devices}.")
        devices = present[:devices]
    return _mesh_of_several(devices)


def _mesh_of_several(devices: Any) -> Any:
    several = list(devices) if isinstance(devices, Sequence | np.ndarray) and not isinstance(devices, str) else []
    if not several or not all(isinstance(d, jax.Device) for d in several):
        raise ValueError(f"devices must be None, a number, jax devices or a jax.sharding.Mesh, got {devices!r}.")
    if len(set(several)) < len(several):
        raise ValueError(f"devices must be different ones, got {several}.")
    return Mesh(np.array(several), ("rows",)) if len(several) > 1 else several[0]
