"""A training run whose rows are shared by several processes: each reads shards of its own, the first one writes.

The command `softmax-jax fit --distributed` without the command line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from softmax_jax._version import __version__
from softmax_jax.data import Dataset
from softmax_jax.data.arrays import shard_reader
from softmax_jax.data.columns import positions
from softmax_jax.data.shards import Shards, find_shards
from softmax_jax.distributed.agreement import gather, together
from softmax_jax.distributed.fitting import fit_distributed, read_shards
from softmax_jax.model_files.files import save
from softmax_jax.runs.artifacts import MODEL_FILE, fitted_model, to_json
from softmax_jax.runs.splitting import Split
from softmax_jax.runs.training import TrainingRun, predict
from softmax_jax.runtime.host import on_host


@on_host
def train_distributed(folder: Path, *, seed: int = 0, **settings: Any) -> TrainingRun:
    """Fit to the shards of a folder that all processes see; to be called by all, after `initialise`.

    Args:
      folder: shards X*.npy, at least one per process, and their labels y*.npy, paired by the numbers in their names
        (or one y.npy for all of them).
      seed: of the solver.
      **settings: further arguments of `fit_distributed`, such as l2, solver, tol.

    Returns:
      TrainingRun; its data are the rows of this process, its result and summary those of all together.

    Raises:
      ValueError: the same on every process: one cannot read its files, or they disagree.
    """
    shards = together(lambda: _shards(folder))
    X, y = read_shards(shards.features, together(lambda: _reader(shards)))
    start = time.perf_counter()
    result = fit_distributed(X, y, seed=seed, **settings)
    fit_wall_s = time.perf_counter() - start
    hits = gather([int((predict(result, X) == y).sum()), len(y)])
    known = {"l2": 1e-4, "solver": None, "tol": 1e-6, "max_iter": 1000}
    known |= {name: value for name, value in settings.items() if name in known}
    m, n = X.shape[1], sum(rows for _, rows in hits)
    summary = {
        "data": folder.name,
        "notes": list(shards.notes),
        "n_processes": jax.process_count(),
        "n_devices": jax.device_count(),
        "n_train": n,
        "n_of_processes": [rows for _, rows in hits],
        "n_features": m,
        "n_classes": len(result.classes),
        "l2": float(known["l2"]),
        "cost": result.objective,
        "duality_gap": result.duality_gap,
        "status": result.status,
        "n_iter": result.n_iter,
        "n_passes": result.n_passes,
        "accuracy_train": sum(right for right, _ in hits) / n,
        "device": jax.devices()[0].device_kind,
        "dtype": result.params.W.dtype.name,
        "tol": float(known["tol"]),
        "max_iter": known["max_iter"],
        "solver": "auto" if known["solver"] is None else type(known["solver"]).__name__,
        "fit_wall_s": round(fit_wall_s, 3),
        "seed": seed,
        "versions": {"softmax_jax": __version__, "jax": jax.__version__},
    }
    split = Split(X, y, X[:0], y[:0], np.zeros(m, X.dtype), np.ones(m, X.dtype))
    return TrainingRun(
        Dataset(folder.name, X, y, positions(m), notes=shards.notes), split, result, summary, known | {"seed": seed}
    )


def write_distributed(run: TrainingRun, out: Path) -> list[Path]:
    """Write the model, and results.json beside it where `out` is a folder; for one process to call.

    Args:
      run: from `train_distributed`.
      out: an existing folder, or a .safetensors file.

    Returns:
      The paths written.
    """
    if not out.is_dir():
        save(fitted_model(run), out)
        return [out]
    numbers, model = out / "results.json", out / MODEL_FILE
    numbers.write_text(to_json(run.summary) + "\n", encoding="utf-8")
    save(fitted_model(run), model)
    return [numbers, model]


def _shards(folder: Path) -> Shards:
    """The shards of the folder, all of them .npy files."""
    if not folder.is_dir():
        raise ValueError(f"DATA must be a folder of shards X*.npy and y*.npy, got {folder}.")
    shards = find_shards(folder)
    if shards.features[0].suffix.lower() != ".npy":
        raise ValueError(f"DATA must be a folder of shards X*.npy and y*.npy, got {shards.features[0]}.")
    return shards


def _reader(shards: Shards) -> Callable[[Path], tuple[np.ndarray, np.ndarray]]:
    read = shard_reader(shards)

    def rows(path: Path) -> tuple[np.ndarray, np.ndarray]:
        found, y = read(path)
        return found.X, y

    return rows
