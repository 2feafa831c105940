"""What is compiled for: devices that are not there, and the sizes of the problems."""

from __future__ import annotations

from typing import Any, NamedTuple

from absent_devices import h100s, tpus

LARGE = 1_281_167, 1024, 1000  # rows, features and classes: ImageNet's training set as a network sees it
SWEEP = 50_000, 512, 100
FOLDS = 5  # of the sweep
SPARSE = 200_000, 30_000, 20
ENTRIES = 2**22  # of the sparse features, on each device


class Target(NamedTuple):
    """Devices to compile for.

    Attributes:
      platform: "cuda" or "tpu".
      topology: as JAX names it.
      count: of devices.
      memory: GiB of one.
    """

    platform: str
    topology: str
    count: int
    memory: int

    @property
    def devices(self) -> list[Any]:
        """Their descriptions."""
        if self.platform == "cuda":
            return h100s(self.count)
        one = {"chips_per_host_bounds": (1, 1, 1), "num_slices": 1} if self.count == 1 else {}
        return tpus(self.topology, **one)


TARGETS = {
    "one H100": Target("cuda", "1x1x1", 1, 80),
    "eight H100": Target("cuda", "1x1x8", 8, 80),
    "one v5e": Target("tpu", "v5e:1x1", 1, 16),
    "eight v5e": Target("tpu", "v5e:2x4", 8, 16),
}
