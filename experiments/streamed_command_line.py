"""fit, predict, evaluate and probe on a file that they never hold: python experiments/streamed_command_line.py.

A .npy file of float32 is written, block by block; each verb runs on it with --stream in a process of its own, whose
peak of resident memory and wall time the system tells. Rows are read by read(), so that no page of a map counts. The
probe tries --strengths to a gap of --tol, and fits the better again. The folder for temporary files (TMPDIR) needs room
for the file. On Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from recording import record
from rich.console import Console
from rich.table import Table

STEP = 1 << 15  # rows written at a time


def write(folder: Path, n: int, m: int, k: int) -> None:
    """X.npy of correlated features in different units, and y.npy, the labels that a softmax of them draws."""
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((m, m)).astype(np.float32) / np.float32(np.sqrt(m))
    W, units = rng.standard_normal((m, k)), 10.0 ** rng.uniform(-2, 2, m).astype(np.float32)
    y = np.empty(n, np.int64)
    with (folder / "X.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (n, m)})
        for start in range(0, n, STEP):
            X = rng.standard_normal((min(STEP, n - start), m), np.float32) @ mix
            y[start : start + STEP] = np.argmax(X @ W / np.sqrt(m) * 2 + rng.gumbel(size=(len(X), k)), axis=1)
            file.write((X * units).astype(np.float32).tobytes())
    np.save(folder / "y.npy", y)


def measured(words: list[str], folder: Path) -> dict[str, Any]:
    """What a verb prints as JSON, its peak of resident memory and its wall time."""
    printed, start = folder / "printed.json", time.perf_counter()
    actions = [(os.POSIX_SPAWN_OPEN, 1, str(printed), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
    command = [sys.executable, "-m", "softmax_jax", *words, "--json"]
    child = os.posix_spawn(sys.executable, command, os.environ, file_actions=actions)
    _, status, used = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{' '.join(words)} ended with exit code {os.waitstatus_to_exitcode(status)}.")
    found = {"peak_mib": round(used.ru_maxrss / 1024, 1), "wall_s": round(time.perf_counter() - start, 1)}
    return {"command": " ".join(["softmax-jax", *words]), **found, "told": json.loads(printed.read_text())}


def few(told: dict[str, Any]) -> dict[str, Any]:
    """What of a verb's numbers is worth keeping."""
    names = "rows n accuracy log_loss status cost duality_gap n_iter n_passes accuracy_train accuracy_test n_train"
    names += " n_test fit_wall_s n_fits val_accuracy n_val dtype notes counts"
    winner = {f"winner_{name}": told["refit"][name] for name in ("duality_gap", "l2")} if "refit" in told else {}
    return {name: told[name] for name in names.split() if name in told} | winner


def main() -> None:
    """Write the file, run the verbs, print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_500_000)
    parser.add_argument("--features", type=int, default=256)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--tol", default="1e-5")
    parser.add_argument("--strengths", default="1e-4,1e-2")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder, options.rows, options.features, options.classes)
        os.chdir(folder)
        data, truth = ["X.npy", "--stream"], ["--labels", "y.npy"]
        verbs = {
            "fit": ["fit", *data, *truth, "--tol", options.tol, "--out", "fitted"],
            "predict": ["predict", "fitted", *data, "--proba", "--out", "predictions.parquet"],
            "evaluate": ["evaluate", "fitted", *data, *truth],
            "probe": ["probe", *data, *truth, "--l2-grid", options.strengths, "--tol", options.tol, "--out", "probed"],
        }
        found = {name: measured(words, folder) for name, words in verbs.items()}
        size = (folder / "X.npy").stat().st_size
        os.chdir("/")
    found = {name: {**each, "told": few(each["told"])} for name, each in found.items()}
    sizes = {"rows": options.rows, "features": options.features, "classes": options.classes, "file_mib": size / 2**20}
    table = Table("verb", "peak", "time", "gap", "accuracy")
    for name, each in found.items():
        told = each["told"]
        accuracy = told.get("accuracy", told.get("accuracy_test", ""))
        gap = told.get("duality_gap", told.get("winner_duality_gap", ""))
        table.add_row(name, f"{each['peak_mib']:.0f} MiB", f"{each['wall_s']:.0f} s", str(gap), str(accuracy))
    Console(width=120).print(f"a file of {size / 2**20:.0f} MiB", table)
    print(f"written: {record('streamed_command_line', {**sizes, **found})}")


if __name__ == "__main__":
    main()
