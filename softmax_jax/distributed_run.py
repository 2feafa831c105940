"""A training run whose rows are shared by several processes: each reads shards of its own, the first one writes.

The command `softmax-jax fit --distributed` without the command line.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from softmax_jax._version import __version__
from softmax_jax.agreement import gather, together
from softmax_jax.data import Dataset
from softmax_jax.data.arrays import read_array_features, read_labels
from softmax_jax.data.columns import positions
from softmax_jax.distributed import fit_distributed, read_shards
from softmax_jax.files import save
from softmax_jax.host import on_host
from softmax_jax.run_files import MODEL_FILE, fitted_model, to_json
from softmax_jax.splitting import Split
from softmax_jax.training import TrainingRun, predict


@on_host
def train_distributed(folder: Path, *, seed: int = 0, **settings: Any) -> TrainingRun:
    """Fit to the shards of a folder that all processes see; to be called by all, after `initialise`.

    Args:
      folder: X*.npy and y*.npy of the same names otherwise, at least one of each per process.
      seed: of the solver.
      **settings: further arguments of `fit_distributed`, such as l2, solver, tol.

    Returns:
      TrainingRun; its data are the rows of this process, its result and summary those of all together.

    Raises:
      ValueError: the same on every process: one cannot read its files, or they disagree.
    """
    paths = together(lambda: _shards(folder))
    X, y = read_shards(paths, _read)
    start = time.perf_counter()
    result = fit_distributed(X, y, seed=seed, **settings)
    fit_wall_s = time.perf_counter() - start
    hits = gather([int((predict(result, X) == y).sum()), len(y)])
    known = {"l2": 1e-4, "solver": None, "tol": 1e-6, "max_iter": 1000}
    known |= {name: value for name, value in settings.items() if name in known}
    m, n = X.shape[1], sum(rows for _, rows in hits)
    summary = {
        "data": folder.name,
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
    return TrainingRun(Dataset(folder.name, X, y, positions(m)), split, result, summary, known | {"seed": seed})


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


def _shards(folder: Path) -> list[Path]:
    """The X*.npy of the folder, each of which has its y*.npy."""
    paths = sorted(folder.glob("X*.npy"))
    if not paths:
        raise ValueError(f"DATA must be a folder of shards X*.npy and y*.npy, got {folder} without X*.npy.")
    for path in paths:
        if not _labels(path).exists():
            raise ValueError(f"{path.name} in {folder} must have its labels in {_labels(path).name}, which is missing.")
    return paths


def _labels(path: Path) -> Path:
    return path.with_name("y" + path.name[1:])


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """One shard."""
    X, y = read_array_features(path).X, read_labels(_labels(path))
    if y.shape != (len(X),):
        raise ValueError(f"{_labels(path).name} has labels of shape {y.shape}, but {path.name} has {len(X)} rows.")
    return X, y
