"""A linear probe of data sets as files: split, standardise, tune by a protocol, fit the winner, test; what it leaves.

The command `softmax-jax probe` without the command line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data import Dataset
from softmax_jax.data.columns import matched
from softmax_jax.model_selection.probes import ProbeResult, linear_probe
from softmax_jax.runs.artifacts import write_model
from softmax_jax.runs.splitting import Split, split_rows
from softmax_jax.runs.summary import TrainingRun
from softmax_jax.runs.training import summarise
from softmax_jax.runtime.host import on_host


class ProbeRun(NamedTuple):
    """What a probe used and found.

    Attributes:
      probe: what `linear_probe` returned.
      training: the winner, fitted again, as a run of its own; its split has the rows it was fitted to.
      summary: settings and numbers, ready for JSON.
    """

    probe: ProbeResult
    training: TrainingRun
    summary: dict[str, Any]


@on_host
def train_probe(
    data: Dataset,
    val: Dataset | None = None,
    *,
    preset: str = "clip",
    test: float = 0.2,
    standardise: bool = True,
    tol: float = 1e-6,
    max_iter: int = 1000,
    seed: int = 0,
    callback: Callable[[Any], Any] | None = None,
    sparse: int | None = None,
) -> ProbeRun:
    """Split, standardise, tune, fit the winner to training and validation rows, evaluate.

    Args:
      data: features and labels.
      val: validation rows, with the same columns in any order; None to hold out a part of the training rows.
      preset: name of a protocol.
      test: fraction of the rows of `data`, in [0, 1), that neither tuning nor fitting sees.
      standardise: whether to scale features to mean 0 and variance 1 over the training rows.
      tol: bound on J - J* to prove for every fit, nats per sample.
      max_iter: most iterations of a fit.
      seed: of both splits.
      callback: called after each fit of the search, with a ProbeProgress.
      sparse: most features to use, as of `linear_probe`; the preset is then not used.

    Raises:
      ValueError: an argument is out of range, the data are too few to split, or `val` does not fit `data`.
    """
    split = split_rows(data, test=test, standardise=standardise, seed=seed)
    X_val, y_val = (None, None) if val is None else _validation(data, val, split)
    settings = {"tol": tol, "max_iter": max_iter, "seed": seed}
    start = time.perf_counter()
    how = {"preset": preset, "sparse": sparse, "callback": callback}
    probe = linear_probe(split.X_train, split.y_train, X_val, y_val, **how, **settings)
    wall_s = time.perf_counter() - start
    if X_val is not None and y_val is not None and probe.protocol.refit_on_all:
        X, y = np.concatenate([split.X_train, X_val]), np.concatenate([split.y_train, y_val])
        split = split._replace(X_train=X, y_train=y)
    penalty = {"l2": probe.l2, "l1": probe.l1, "group": None if sparse is None else "features"}
    refit = summarise(data, split, probe.result, probe.l2) | penalty
    training = TrainingRun(data, split, probe.result, refit, {"solver": None, **penalty, **settings})
    summary = {
        "data": data.name,
        "notes": [*data.notes, *(f"validation: {note}" for note in (() if val is None else val.notes))],
        "validation": "held out of the training rows" if val is None else val.name,
        "preset": probe.protocol.name,
        "source": probe.protocol.source,
        "convention": probe.protocol.convention,
        **settings,
        "test": test,
        "standardised": standardise,
        "n_fits": probe.n_fits,
        "wall_s": round(wall_s, 3),
        "strengths": certificate_table(probe),
        "best": probe.best,
        "peaks": probe.peaks,
        "note": probe.note,
        "refit": refit,
    }
    return ProbeRun(probe, training, summary)


def certificate_table(probe: ProbeResult) -> list[dict[str, Any]]:
    """What is proven and scored at each strength tried, strong to weak, ready for JSON."""
    path = probe.path
    kinds = {
        "duality_gap": float,
        "status": str,
        "n_iter": int,
        "n_passes": int,
        "val_loss": float,
        "val_accuracy": float,
    }
    return [
        {"strength": float(strength), "l2": float(path.l2_values[i])}
        | ({"n_features": int(path.n_features[i])} if probe.l1 else {})
        | {name: kind(getattr(path, name)[i]) for name, kind in kinds.items()}
        for i, strength in enumerate(probe.strengths)
    ]


def write_probe(run: ProbeRun, folder: Path) -> list[Path]:
    """Write validation_curve.png, or sparse_path.png of few features, results.json and model.safetensors.

    Args:
      run: from `train_probe`.
      folder: an existing folder; files of these names in it are replaced.

    Returns:
      The paths written.
    """
    from softmax_jax import plots  # matplotlib is an extra, and slow to import
    from softmax_jax.plots import style

    path = run.probe.path
    if run.probe.l1:
        names = run.training.data.feature_names
        ax = plots.plot_sparse_path(
            path.strengths, path.params.W, scores=path.val_accuracy, best=run.probe.best, feature_names=names
        )
        style.save(ax, picture := folder / "sparse_path.png")
        return [picture, *write_model(run.training._replace(summary=run.summary), folder)]
    ax = plots.plot_validation_curve(path.l2_values, path.val_accuracy, kind="accuracy")
    style.save(ax, curve := folder / "validation_curve.png")
    return [curve, *write_model(run.training._replace(summary=run.summary), folder)]


def _validation(data: Dataset, val: Dataset, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Validation rows with the columns of `data`, scaled as the training rows are."""
    used = matched(data.feature_names, val.feature_names, f"validation data {val.name}")
    at = {name: j for j, name in enumerate(val.feature_names)}
    X = val.X if list(val.feature_names) == used else val.X[:, [at[name] for name in used]]
    X = X.astype(split.X_train.dtype)
    return (X if split.scaling is None else split.scaling.apply(X)), val.y
