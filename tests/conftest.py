"""Eight fake CPU devices, strict rank promotion, and shared small data for all tests."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
if [int(part) for part in version("jaxlib").split(".")[:2]] == [0, 10]:  # 0.11 ends the process at one of them
    # most of the tests' time is compilation; code that is optimised less computes the same
    os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0"
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # one for this run: workers and child processes share programs
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="softmax_jax_tests_")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

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
