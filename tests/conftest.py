"""Eight fake CPU devices, strict rank promotion, and shared small data for all tests."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import tempfile
from importlib.metadata import version
from pathlib import Path

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
if (
    "SOFTMAX_JAX_TESTS_OPTIMISED" not in os.environ  # which test_optimised.py sets
    and [int(part) for part in version("jaxlib").split(".")[:2]] == [0, 10]  # 0.11 ends the process at one of them
):
    # most of the tests' time is compilation; code that is optimised less computes the same
    os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0"
    os.environ["XLA_FLAGS"] += " --xla_cpu_parallel_codegen_split_count=1 --xla_llvm_disable_expensive_passes=true"
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")  # the lines that programs are from take time, too
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # one for this run: workers and child processes share programs
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="softmax_jax_tests_")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of a job in the background: tests press Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

import jax
import numpy as np
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")

gc.freeze()  # what is imported stays
gc.set_threshold(20_000, 20, 20)  # compilation leaves hundreds of thousands of objects, few of them in cycles


LONGEST = (  # files, each of which one worker takes
    "test_pages",
    "distributed/test_fitting",
    "solvers/test_unpenalised",
    "placement/test_span",
    "estimators/test_sklearn_checks",
    "problem/test_sparse",
    "placement/test_sharding",
    "cli/test_fit",
    "solvers/test_contract",
    "certificate/test_attacks",
    "runtime/test_host",
    "model_selection/test_path",
    "fitting/test_implicit",
    "storage/test_resuming",
    "model_selection/test_streamed_sweep",
    "model_selection/test_sweep",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that all workers end at about the same time."""
    rank = {Path(__file__).parent / f"{name}.py": i for i, name in enumerate(LONGEST)}
    assert all(path.exists() for path in rank)
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


MOST_MAPS = 15_000  # in a process: programs take some each, Linux allows about 65,000, and many are slow to let go


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
