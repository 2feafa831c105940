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

from softmax_jax.data import Dataset
from softmax_jax.data.arrays import shard_reader
from softmax_jax.data.columns import positions
from softmax_jax.data.shards import Shards, find_shards
from softmax_jax.distributed.agreement import gather, together
from softmax_jax.distributed.fitting import fit_distributed, read_shards
from softmax_jax.runs.splitting import split_rows
from softmax_jax.runs.summary import TrainingRun, asked, found, known_settings
from softmax_jax.runs.training import predict
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
    known, counts = known_settings(settings, seed), [rows for _, rows in hits]
    data = Dataset(folder.name, X, y, positions(X.shape[1]), notes=shards.notes)
    split = split_rows(data, test=0, standardise=False, seed=0)
    summary = found(
        data,
        result,
        known["l2"],
        n_processes=jax.process_count(),
        n_devices=jax.device_count(),
        n_train=sum(counts),
        n_of_processes=counts,
        accuracy_train=sum(right for right, _ in hits) / sum(counts),
    )
    return TrainingRun(data, split, result, summary | asked(known, fit_wall_s), known)


def _shards(folder: Path) -> Shards:
    """The shards of the folder, all of them .npy files."""
    shards = find_shards(folder) if folder.is_dir() else None
    if shards is None or shards.features[0].suffix.lower() != ".npy":
        raise ValueError(f"DATA must be a folder of shards X*.npy and y*.npy, got {folder}.")
    return shards


def _reader(shards: Shards) -> Callable[[Path], tuple[np.ndarray, np.ndarray]]:
    read = shard_reader(shards)

    def rows(path: Path) -> tuple[np.ndarray, np.ndarray]:
        found, y = read(path)
        return found.X, y

    return rows
