"""Eight fake CPU devices, strict rank promotion, and shared small data for all tests."""

from __future__ import annotations

import gc
import os
from pathlib import Path

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"

import jax
import numpy as np
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


MOST_MAPS = 20_000  # of memory, in a process: each compiled program takes some, and Linux allows about 65,000


@pytest.fixture(autouse=True, scope="module")
def _not_too_many_programs():
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_text().count("\n") > MOST_MAPS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
