"""How much memory is free, and what is said when it is not enough."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from softmax_jax.placement.platforms import default_device

_CGROUP = (  # limit and use, of version 2 and of version 1
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
_UNKNOWN = 8 * 2**30  # where the system does not tell


class DeviceMemoryError(MemoryError):
    """A device has not the memory for a computation, however small the blocks."""


def free_bytes(device: Any = None) -> int:
    """Bytes that a computation on `device` may still take: of the accelerator, or else of the machine.

    Args:
      device: a JAX device, or None for JAX's default.
    """
    device = device or default_device()
    statistics = None if getattr(device, "platform", "cpu") == "cpu" else device.memory_stats()
    if statistics and "bytes_limit" in statistics:
        return max(0, statistics["bytes_limit"] - statistics.get("bytes_in_use", 0))
    return free_on_host()


def is_exhausted(error: BaseException) -> bool:
    """Whether `error` says that memory ran out, on a device or on the host."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def free_on_host() -> int:
    """The least of what the machine, the control group and the address space have left."""
    free = [_UNKNOWN]
    available = [line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemAvailable")]
    if available:
        free = [int(available[0]) * 1024]
    for limit, used in _CGROUP:
        numbers = [*_lines(limit)[:1], *_lines(used)[:1]]
        if len(numbers) == 2 and all(number.strip().isdigit() for number in numbers):
            free.append(int(numbers[0]) - int(numbers[1]))
    return max(0, min([*free, *_left_of_address_space()]))


def _left_of_address_space() -> list[int]:
    """What RLIMIT_AS leaves, where there is such a limit."""
    try:
        import resource  # not on Windows
    except ImportError:
        return []
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    pages = [line.split()[0] for line in _lines("/proc/self/statm")]
    if limit == resource.RLIM_INFINITY or not pages:
        return []
    return [limit - int(pages[0]) * os.sysconf("SC_PAGE_SIZE")]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
