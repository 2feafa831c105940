"""How long kernels take on a device, from published figures: the slowest of its products, its memory and a launch.

A kernel takes max(FLOP / (reached share x peak), bytes / bandwidth, launch), a collective its bytes around a ring, and
what runs one after the other adds up. Peaks are those of data sheets; the shares of them that products reach were
measured on one H100 (`REACHED`) and are assumed elsewhere. A sum says which of the four binds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

GPU_LAUNCH_S = 5e-6  # assumed: of a kernel that is short, launched from a program
TPU_LAUNCH_S = 1e-6  # assumed: of an operation within one program
ALL_REDUCE_TURNS = 2  # times that a ring moves an all-reduce's bytes: to be summed, and to be handed out


class Device(NamedTuple):
    """One device, from its maker's data sheet; dense figures, without sparsity."""

    float32: float  # FLOP/s without tensor cores; 0 where there are only bfloat16 products
    tf32: float
    bf16: float
    float64: float  # 0 where there is none
    bandwidth: float  # bytes/s of its memory
    memory: float  # bytes
    link: float  # bytes/s to other devices, one way
    launch_s: float = GPU_LAUNCH_S
    compiled_for: str = "H100"  # the target that stands for it, see device_programs


DEVICES = {
    "H100": Device(66.9e12, 494.7e12, 989.4e12, 33.5e12, 3.35e12, 80e9, 450e9),
    "H200": Device(66.9e12, 494.7e12, 989.4e12, 33.5e12, 4.8e12, 141e9, 450e9),
    "A100": Device(19.5e12, 156e12, 312e12, 9.7e12, 2.04e12, 80e9, 300e9),
    "RTX 4090": Device(82.6e12, 82.6e12, 165.2e12, 1.29e12, 1.01e12, 24e9, 32e9),
    "TPU v5e": Device(0, 0, 197e12, 0, 0.819e12, 16e9, 200e9, TPU_LAUNCH_S, "v5e"),
    "TPU v6e": Device(0, 0, 918e12, 0, 1.64e12, 32e9, 448e9, TPU_LAUNCH_S, "v6e"),
    "V100": Device(15.7e12, 0, 0, 7.8e12, 0.9e12, 32e9, 150e9),
    "L4": Device(30.3e12, 60e12, 121e12, 0.47e12, 0.3e12, 24e9, 32e9),
    "T4": Device(8.1e12, 0, 0, 0.25e12, 0.32e12, 16e9, 16e9),
}
TPU_KINDS = {"TPU v5 lite": "TPU v5e", "TPU v5e": "TPU v5e", "TPU v6 lite": "TPU v6e", "TPU v6e": "TPU v6e"}


def device_of(kind: str) -> str | None:
    """The name in DEVICES of a JAX `device_kind`; None where it is not there."""
    words = f" {kind.replace('-', ' ')} "
    return TPU_KINDS.get(kind) or next((name for name in DEVICES if f" {name} " in words), None)


class Precision(NamedTuple):
    """How a float32 product is made: `products` of a kind that the device is fast at, at a share of its peak."""

    kind: str  # a field of Device
    products: int
    reached: float


# 2.65e12 FLOP, forward and backward, on one H100: 55 and 58 ms in float32, 40 and 64 in three TF32 products, 25 and 37
# in three bfloat16 ones.
REACHED = {
    "float32": Precision("float32", 1, 0.70),
    "3 bf16": Precision("bf16", 3, 0.26),
    "3 TF32": Precision("tf32", 3, 0.31),
    "float64": Precision("float64", 1, 0.70),
}
ON_TPU = {  # float32 at its highest precision is six products there; the share is assumed
    "float32": Precision("bf16", 6, 0.70),
    "3 bf16": Precision("bf16", 3, 0.70),
}


class Kernel(NamedTuple):
    """What is launched as one, `times` times."""

    name: str
    flops: float = 0.0  # of matrix products
    bytes: float = 0.0  # read and written, or added up over the devices
    times: float = 1.0
    is_collective: bool = False

    def repeated(self, times: float) -> Kernel:
        """The kernel in a loop."""
        return self._replace(times=self.times * times)


class Work(NamedTuple):
    """What kernels come to."""

    flops: float
    bytes: float
    launches: float
    collectives: float
    seconds: float
    shares: dict[str, float]  # of the seconds, by what binds: products, memory, launches, collectives

    @property
    def binds(self) -> str:
        """What most of the time is for."""
        return max(self.shares, key=lambda name: self.shares[name])


def precision_on(device: Device, name: str) -> Precision | None:
    """How a product of `name` is made on the device; None where it cannot be."""
    found = REACHED.get(name) if device.float32 else ON_TPU.get(name)
    return found if found and getattr(device, found.kind) else None


def rate(device: Device, precision: Precision, *, reached: bool = True) -> float:
    """FLOP/s of float32 products: of the peak, or as much of it as products reach."""
    return getattr(device, precision.kind) / precision.products * (precision.reached if reached else 1)


def work(
    kernels: Iterable[Kernel], device: Device, precision: Precision, devices: int = 1, *, reached: bool = True
) -> Work:
    """The sum over kernels that run one after the other.

    Args:
      kernels: of one device.
      device: with its figures.
      precision: of products.
      devices: that share collectives, in a ring.
      reached: whether products run at the share of the peak that they reach, or at the peak.
    """
    kernels = list(kernels)
    seconds = dict.fromkeys(("products", "memory", "launches", "collectives"), 0.0)
    for kernel in kernels:
        kind, each = _slowest(kernel, device, rate(device, precision, reached=reached), devices)
        seconds[kind] += kernel.times * each
    total = sum(seconds.values())
    alone = [kernel for kernel in kernels if not kernel.is_collective]
    return Work(
        sum(kernel.times * kernel.flops for kernel in alone),
        sum(kernel.times * kernel.bytes for kernel in alone),
        sum(kernel.times for kernel in alone),
        sum(kernel.times for kernel in kernels if kernel.is_collective),
        total,
        {name: s / total if total else 0.0 for name, s in seconds.items()},
    )


def _slowest(kernel: Kernel, device: Device, flops_per_s: float, devices: int) -> tuple[str, float]:
    """What a kernel waits for, and how long."""
    if kernel.is_collective:
        around = ALL_REDUCE_TURNS * (devices - 1) / devices * kernel.bytes / device.link
        return "collectives", max(around, 2 * (devices - 1) * device.launch_s)
    times = {
        "products": kernel.flops / flops_per_s,
        "memory": kernel.bytes / device.bandwidth,
        "launches": device.launch_s,
    }
    slowest = max(times, key=lambda name: times[name])
    return slowest, times[slowest]
