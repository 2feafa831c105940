"""What XLA's compilers make of the package for accelerators that are not there: loops, launches, sums, memory.

`make aot` installs the compilers and runs this; elsewhere it is skipped. Bounds are of what was measured, with room.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from aot.reports import Loop, Report, kinds, loops
from aot.targets import ENTRIES, FOLDS, LARGE, SPARSE, SWEEP, TARGETS
from places import ROOT, TESTS

MODULES = {"tpu": ("libtpu",), "cuda": ("jax_plugins.xla_cuda12", "jax_plugins.xla_cuda13")}
GPUS = ("one H100", "eight H100")
EIGHT = ("eight H100", "eight v5e")
STORED = ("one H100", "eight H100", "eight v5e")  # where there is memory for the logits of the large problem
MEMORY = 20  # pairs that L-BFGS keeps
# Kernels of a step outside the recursions, one trial of its search among them: 82, 94 and 90 were counted, half of them
# copies, counters and last sums of a few bytes.
LAUNCHES = {"one H100": 88, "eight H100": 100, "eight v5e": 98}
TEMPORARY = {"one H100": 6.0, "eight H100": 0.8, "eight v5e": 0.8}  # GiB; the change of the logits has 4.8 and 0.6
HALVES = 15.0  # GiB on one H100: those of X and of the logits' change beside it
ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",  # the process computes there, whatever is installed
    "TPU_SKIP_MDS_QUERY": "1",  # and asks no network what TPU it is on
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "PYTHONPATH": os.pathsep.join(map(str, (ROOT, TESTS, ROOT / "experiments"))),
}
FOR_CPU = ("XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR")  # that conftest sets


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@functools.cache
def _compiled(target: str) -> dict[str, Report]:
    """The reports on all programs for a target."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "reports.pickle")
        environment = {name: value for name, value in os.environ.items() if name not in FOR_CPU} | ENVIRONMENT
        command = [sys.executable, "-m", "aot.programs", target, str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr[-6000:]}"
        return pickle.loads(out.read_bytes())


@pytest.fixture
def target(request) -> str:
    """The name of a target that there is a compiler for."""
    if not any(map(_is_installed, MODULES[TARGETS[request.param].platform])):
        pytest.skip(f"no compiler for {request.param} here: pip install 'softmax_jax[aot]' on Linux, or make aot")
    return request.param


def of(*names: str):
    """For some targets."""
    return pytest.mark.parametrize("target", names, indirect=True)


def _step(report: Report) -> tuple[Loop, Loop, list[Loop]]:
    """The loop over steps of a fit, that of its line search, and those of its recursions."""
    (chunk,) = report.program.inner
    first, second, search = chunk.inner  # in the order of the step
    return chunk, search, [first, second]


@of(*TARGETS)
def test_every_program_fits_the_memory_of_a_device(target):
    reports = _compiled(target)
    assert len(reports) == (11 if TARGETS[target].platform == "cuda" else 9)
    assert {name: r.memory for name, r in reports.items() if r.memory > TARGETS[target].memory} == {}


@of(*TARGETS)
def test_float64_is_in_the_certificate_alone_and_nowhere_on_a_tpu(target):
    wide = {name for name, report in _compiled(target).items() if report.float64}
    assert wide == ({"certificate"} if TARGETS[target].platform == "cuda" else set())


@of(*STORED)
@pytest.mark.parametrize("program", ["run", "sparse run"])
def test_the_loops_of_a_fit_are_steps_recursions_and_line_search_none_over_logits(target, program):
    chunk, search, recursions = _step(_compiled(target)[program])
    assert not any(loop.inner for loop in (search, *recursions))
    assert chunk.turns is search.turns is None
    assert {loop.turns for loop in recursions} <= {None, MEMORY}


@of(*STORED)
def test_a_start_has_no_loop(target):
    assert _compiled(target)["begin"].program.inner == []


@of(*STORED)
def test_a_step_is_few_kernels(target):
    chunk, search, _ = _step(_compiled(target)["run"])
    assert chunk.kernels + search.kernels <= LAUNCHES[target]


@of(*STORED)
def test_a_fit_stores_one_more_array_like_the_logits_and_no_other(target):
    assert _compiled(target)["run"].temporary <= TEMPORARY[target]


@of("one H100")
def test_products_of_halves_store_the_halves(target):
    full, halves = (_compiled(target)[name].temporary for name in ("run", "halves run"))
    assert full < halves <= HALVES  # without the kernels that split as they multiply, which need a GPU to be chosen on


@of(*EIGHT)
def test_devices_sum_a_gradient_once_a_step_and_else_a_few_numbers(target):
    (_, m, k), report = LARGE, _compiled(target)["run"]
    chunk, search, recursions = _step(report)
    sizes = sorted(elements for _, elements in chunk.collectives)
    assert m * k <= sizes[-1] <= m * k + 3 * k and sum(sizes[:-1]) <= 3 * k
    assert sum(elements for _, elements in search.collectives) <= 3 * k
    assert not any(loop.collectives for loop in recursions)


@of(*EIGHT)
def test_no_rows_are_gathered(target):
    found = {
        (name, kind)
        for name, report in _compiled(target).items()
        for loop in (report.program, *loops(report.program))
        for kind in kinds(loop)
    }
    assert {kind for _, kind in found} == {"all-reduce"}


@of(*GPUS)
def test_folds_of_a_sweep_share_the_loops_of_one_fit(target):
    chunk, search, recursions = _step(_compiled(target)["sweep's run"])
    assert not any(loop.inner for loop in (search, *recursions))
    n, m, k = SWEEP
    logits, pairs = (4 * FOLDS * size / 2.0**30 for size in (n * k / TARGETS[target].count, 2 * MEMORY * m * k))
    assert _compiled(target)["sweep's run"].temporary <= 3 * logits + pairs


@of(*GPUS)
def test_sparse_features_are_never_made_dense(target):
    n, m, _ = SPARSE
    dense = 4 * n * m / 2.0**30 / TARGETS[target].count
    reports = _compiled(target)
    most = max(reports[name].memory for name in ("sparse begin", "sparse run"))
    assert 2 * 8 * ENTRIES / 2.0**30 < most < dense / 8
