"""A file larger than the memory a process may take, fitted exactly: python experiments/streaming.py [--gib 6].

A .npy file of float32 is written, block by block; the fit runs in a process of its own whose address space is limited
to what it had after the imports and --limit-gib more (RLIMIT_AS counts what a process maps, of which the libraries
alone take several GiB; what it fills is stated as peak_mib). A pass is timed against reading the same file by the same
calls without computing, from the page cache as far as that holds it. On Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from recording import record
from rich.console import Console
from rich.table import Table

FIT_ALONE = """
import json, resource, sys, time
import numpy as np
import softmax_jax as sj
from softmax_jax.data import open_rows
from softmax_jax.placement.memory import free_bytes
path, labels, limit = sys.argv[1], np.load(sys.argv[2]), int(sys.argv[3])
def mib(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field)) / 1024
small = np.random.default_rng(0).standard_normal((64, 4)).astype(np.float32)
sj.fit(small, np.arange(64) % 2, tol=1e-3)  # JAX's own threads and pools are there before the limit is
held = int(mib("VmSize") * 2**20)
resource.setrlimit(resource.RLIMIT_AS, (held + limit, held + limit))
before, free = mib("VmRSS"), free_bytes()
source = open_rows(path)
times = []
begin = time.perf_counter()
result = sj.fit(source, labels, l2=1e-3, tol=1e-6, callback=lambda p: times.append((time.perf_counter(), p.n_passes)))
wall_s = time.perf_counter() - begin
pace = [(t1 - t0) / (p1 - p0) for (t0, p0), (t1, p1) in zip(times, times[1:]) if p1 > p0]  # without certificates
print(json.dumps({
    "status": result.status, "duality_gap": result.duality_gap, "objective": result.objective, "n_iter": result.n_iter,
    "n_passes": result.n_passes, "wall_s": wall_s, "s_per_pass": float(np.median(pace)), "free_mib": free / 2**20,
    "before_mib": before, "peak_mib": mib("VmHWM"),
}))
"""


def write(folder: Path, gib: float, m: int, k: int) -> tuple[Path, Path]:
    """A file of correlated features, and the labels that a softmax of them draws."""
    n, step = int(gib * 2**30 / (4 * m)), 1 << 15
    rng = np.random.default_rng(0)
    mix, W = rng.standard_normal((m, m)).astype(np.float32) / np.float32(np.sqrt(m)), rng.standard_normal((m, k))
    y = np.empty(n, np.int32)
    with (folder / "X.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (n, m)})
        for start in range(0, n, step):
            X = rng.standard_normal((min(step, n - start), m), np.float32) @ mix
            y[start : start + step] = np.argmax(X @ W / np.sqrt(m) * 2 + rng.gumbel(size=(len(X), k)), axis=1)
            file.write(X.tobytes())
    np.save(folder / "y.npy", y)
    return folder / "X.npy", folder / "y.npy"


def read_alone(path: Path) -> list[float]:
    """Seconds of three passes that only read, by the thread and the buffers of a fit."""
    from softmax_jax.data import open_rows
    from softmax_jax.problem.blocks import streamed_rows
    from softmax_jax.problem.prefetch import read_ahead
    from softmax_jax.problem.tiles import CACHED

    source = open_rows(path)
    rows, walls = streamed_rows(CACHED, source.shape[1] * 4, 10, 2**34), []
    for _ in range(3):
        start = time.perf_counter()
        for _, _ in read_ahead(source, rows):
            pass
        walls.append(time.perf_counter() - start)
    return walls


def main() -> None:
    """Write, read, fit; print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gib", type=float, default=6.0)
    parser.add_argument("--limit-gib", type=float, default=2.0)
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--classes", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, labels = write(Path(folder), options.gib, options.features, options.classes)
        walls = read_alone(path)
        limit = str(int(options.limit_gib * 2**30))
        command = [sys.executable, "-c", FIT_ALONE, str(path), str(labels), limit]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        walls += read_alone(path)
    fitted: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    gib = options.gib
    result = {
        "file_gib": gib,
        "features": options.features,
        "classes": options.classes,
        "limit_gib": options.limit_gib,
        "read_s": walls,
        "read_gib_per_s": gib / float(np.median(walls)),
        "pass_gib_per_s": gib / fitted["s_per_pass"],
        "share_of_reading": float(np.median(walls)) / fitted["s_per_pass"],
        **fitted,
    }
    table = Table("file", "limit beyond imports", "reading", "a pass", "share", "passes", "gap", "peak")
    table.add_row(
        f"{gib:g} GiB",
        f"{options.limit_gib:g} GiB",
        f"{result['read_gib_per_s']:.2f} GiB/s",
        f"{result['pass_gib_per_s']:.2f} GiB/s",
        f"{result['share_of_reading']:.0%}",
        str(result["n_passes"]),
        f"{result['duality_gap']:.1e}",
        f"{result['peak_mib']:.0f} MiB",
    )
    Console(width=120).print(table)
    print(f"written: {record('streaming', result)}")


if __name__ == "__main__":
    main()
