"""A linear probe of data sets as files: split, tune by a protocol, fit the winner, test; what it leaves on disk.

The command `softmax-jax probe` without the command line.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data import Dataset, RowSource
from softmax_jax.data.columns import is_positions, matched
from softmax_jax.data.rows.reading import in_blocks, some_columns
from softmax_jax.data.rows.source import computed_in
from softmax_jax.display.user_warnings import NotConvergedWarning
from softmax_jax.model_files.files import save, save_described
from softmax_jax.probing.linear import linear_probe
from softmax_jax.probing.result import ProbeResult
from softmax_jax.probing.stored import as_estimator, described
from softmax_jax.runs.artifacts import MODEL_FILE, to_json
from softmax_jax.runs.metrics import Metrics, measure_blocks
from softmax_jax.runs.predict_table import predict_blocks
from softmax_jax.runs.splitting import Split, split_rows
from softmax_jax.runs.summary import found
from softmax_jax.runtime.host import on_host


class ProbeRun(NamedTuple):
    """What a probe used and found.

    Attributes:
      probe: what `linear_probe` returned.
      names: of the features, m.
      X_test: (n_test, m) as read, or a source of rows; empty where there is no test.
      y_test: (n_test,).
      metrics: of the winner on these, or None.
      summary: settings and numbers, ready for JSON.
    """

    probe: ProbeResult
    names: tuple[str, ...]
    X_test: Any
    y_test: np.ndarray
    metrics: Metrics | None
    summary: dict[str, Any]


@on_host
def train_probe(
    data: Dataset,
    val: Dataset | None = None,
    test_data: Dataset | None = None,
    *,
    test: float = 0.2,
    seed: int = 0,
    fitted: Callable[[ProbeResult], Any] = lambda probe: None,
    **settings: Any,
) -> ProbeRun:
    """Split, tune, fit the winner to training and validation rows, and test it.

    Args:
      data: features and labels.
      val: validation rows, with the same columns in any order; None to hold out a part of the training rows.
      test_data: test rows, likewise; None to take a part of `data`.
      test: that part, in [0, 1); neither tuning nor fitting sees it. Not used where there is `test_data`.
      seed: of both splits.
      fitted: called with what was found before it is tested.
      **settings: further arguments of `linear_probe`. Fits that did not converge are in the summary, not warned of.

    Raises:
      ValueError: an argument is out of range, the data are too few to split, or `val` does not fit `data`.
    """
    split = split_rows(data, test=0 if test_data is not None else test, standardise=False, seed=seed)
    X_val, y_val = (None, None) if val is None else aligned(data, val, "validation")
    X_test, y_test = (split.X_test, split.y_test) if test_data is None else aligned(data, test_data, "test")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)
        probe = linear_probe(split.X_train, split.y_train, X_val, y_val, seed=seed, **settings)
    if not is_positions(data.feature_names):
        probe = probe._replace(columns=data.feature_names)
    fitted(probe)
    metrics = None
    if len(y_test):
        blocks = predict_blocks(probe, X_test)
        metrics = measure_blocks((block.probabilities for block in blocks), y_test, probe.classes)
    tested = {"n_test": len(y_test), "accuracy_test": None if metrics is None else metrics.accuracy}
    notes = [*data.notes, *(f"validation: {note}" for note in (() if val is None else val.notes))]
    where = "held out of the training rows" if val is None else val.name
    summary = {
        **summary_of(probe, data, _fitted_rows(probe, split, X_val, y_val) | tested, notes=notes, seed=seed),
        "validation": f"{probe.folds} folds of the training rows" if probe.folds else where,
        "n_test": len(y_test),
        "test_share": None if test_data is not None else test,
        "test": None if metrics is None else metrics._asdict(),
    }
    return ProbeRun(probe, data.feature_names, X_test, y_test, metrics, summary)


def _fitted_rows(probe: ProbeResult, split: Split, X_val: Any, y_val: Any) -> dict[str, Any]:
    """How many rows the winner was fitted to, validation rows included, and its accuracy on these."""
    given = [(split.X_train, split.y_train)]
    if y_val is not None and probe.protocol.refit_on_all and not probe.stopped:
        given.append((X_val, y_val))
    right = sum(_right(probe, X, y) for X, y in given)
    n = sum(len(y) for _, y in given)
    return {"n_train": n, "accuracy_train": right / n}


def _right(probe: ProbeResult, X: Any, y: np.ndarray) -> int:
    """How many rows are predicted right."""
    blocks = in_blocks(X, len(probe.classes))
    return sum(int((probe.predict(block) == y[start : start + len(block)]).sum()) for start, block in blocks)


def summary_of(probe: ProbeResult, data: Dataset, fitted: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Settings and numbers of a probe, ready for JSON.

    Args:
      probe: what was found.
      data: what it was found on.
      fitted: n_train and accuracy_train of the winner.
      **more: what else is known.
    """
    winner = found(data, probe.result, probe.l2, **fitted) | {"l1": probe.l1, "group": probe.result.group}
    protocol = probe.protocol
    return {
        "data": data.name,
        "preset": protocol.name,
        "source": protocol.source,
        "convention": protocol.convention,
        "streamed": isinstance(data.X, RowSource),
        "standardised": probe.preparation.scaling is not None,
        "unit_rows": probe.preparation.normalise,
        "status": probe.status,
        "tol": probe.tol,
        "max_iter": probe.max_iter,
        "n_fits": probe.n_fits,
        "n_val": probe.n_val,
        "folds": probe.folds,
        "sparse": probe.sparse,
        "wall_s": round(probe.wall_s, 3),
        "strengths": certificate_table(probe),
        "best": probe.best,
        "val_accuracy": probe.val_accuracy,
        "standard_error": probe.standard_error,
        "within_standard_error": probe.n_within,
        "peaks": probe.peaks,
        "note": probe.note,
        "refit": winner,
        **more,
    }


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
        | ({"n_features": int(path.n_features[i])} if probe.sparse else {})
        | {name: kind(getattr(path, name)[i]) for name, kind in kinds.items()}
        | {"train_accuracy": float(probe.train_accuracy[i]), "train_loss": float(probe.train_loss[i])}
        for i, strength in enumerate(probe.strengths)
    ]


def write_probe(run: ProbeRun, folder: Path, *, model: Path | None = None) -> list[Path]:
    """Write model.safetensors and results.json, and then validation_curve.png, or sparse_path.png of few features.

    Args:
      run: from `train_probe`.
      folder: an existing folder; files of these names in it are replaced.
      model: where `write_winner` has written the model already.

    Returns:
      The paths written.
    """
    model = write_winner(run.probe, run.names, folder) if model is None else model
    (results := folder / "results.json").write_text(to_json(run.summary) + "\n", encoding="utf-8")
    from softmax_jax.plots import style  # matplotlib is an extra, and slow to import

    name = "sparse_path.png" if run.probe.sparse else "validation_curve.png"
    style.save(run.probe.plot(), picture := folder / name)
    return [model, results, picture]


def write_winner(probe: ProbeResult, names: Sequence[str], folder: Path) -> Path:
    """Write the winner as a model that predicts, and return its path.

    Args:
      probe: what `linear_probe` returned.
      names: of the features.
      folder: an existing folder.
    """
    path = folder / MODEL_FILE
    if probe.preparation.normalise:
        save(as_estimator(probe), path)
    else:
        save_described(*described(probe, names), path)
    return path


def aligned(data: Dataset, other: Dataset, what: str) -> tuple[Any, np.ndarray]:
    """Features of `other` with the columns of `data`, in memory in the dtype in which those are computed; and labels.

    Args:
      data: whose columns are wanted.
      other: with the same columns in any order.
      what: it is called in the error.
    """
    used = matched(data.feature_names, other.feature_names, f"{what} data {other.name}")
    at = {name: j for j, name in enumerate(other.feature_names)}
    X = other.X if list(other.feature_names) == used else some_columns(other.X, [at[name] for name in used])
    return X if isinstance(X, RowSource) else X.astype(computed_in(data.X.dtype), copy=False), other.y
