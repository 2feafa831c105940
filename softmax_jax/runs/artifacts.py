"""What a training run leaves on disk: pictures, numbers, and a model that predicts.

The model is a fitted SoftmaxRegression, or a Pipeline of StandardScaler and SoftmaxRegression: it applies the
standardisation of the training rows by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from softmax_jax.model_files.files import save_described
from softmax_jax.model_files.kinds import KINDS
from softmax_jax.model_files.parts import Stored
from softmax_jax.model_files.plain import describe_fit
from softmax_jax.runs.pictures import Shown, draw
from softmax_jax.runs.summary import TrainingRun
from softmax_jax.runs.training import predict

MODEL_FILE = "model.safetensors"


def write_run(
    run: TrainingRun, out: Path, draw: Callable[[Shown, Path], list[Path]] = draw, *, model: Path | None = None
) -> list[Path]:
    """Write model.safetensors, results.json, model.json, and then loss_curve.png and confusion_matrix.png.

    Args:
      run: from `train`.
      out: an existing folder, of which files of these names are replaced; or a .safetensors file for the model alone.
      draw: who draws the pictures.
      model: where `write_fitted` has written the model already.

    Returns:
      The paths written; without the loss curve where no iteration was done.
    """
    model = write_fitted(run, out) if model is None else model
    if not out.is_dir():
        return [model]
    numbers = [_write_json(out / "results.json", run.summary), _write_json(out / "model.json", _numbers(run))]
    return [model, *numbers, *draw(_shown(run), out)]


def _shown(run: TrainingRun) -> Shown:
    result, (rows, X, y) = run.result, run.split.judged_by()
    certified = result.history, result.objective, result.duality_gap, run.summary["tol"]
    words = f"{rows} rows of {run.data.name}"
    return Shown(*certified, run.summary["updates_per_epoch"], y, predict(result, X), result.classes, words)


def write_model(run: TrainingRun, out: Path) -> list[Path]:
    """Write the model, and the summary as results.json beside it where `out` is a folder.

    Args:
      run: from `train` or `train_distributed`.
      out: an existing folder, or a .safetensors file.

    Returns:
      The paths written.
    """
    model = write_fitted(run, out)
    return [_write_json(out / "results.json", run.summary), model] if out.is_dir() else [model]


def write_fitted(run: TrainingRun, out: Path) -> Path:
    """Write the model alone, for which the run needs no summary yet, and return its path.

    Args:
      run: from `train`.
      out: an existing folder, or a .safetensors file.
    """
    path = out / MODEL_FILE if out.is_dir() else out
    save_described(*_described(run), path)
    return path


def fitted_model(run: TrainingRun) -> Any:
    """The model that predicts from features as they were read.

    Args:
      run: from `train`.

    Returns:
      A fitted SoftmaxRegression, or a Pipeline of StandardScaler and SoftmaxRegression where `run` standardised;
      with the feature names of the data. Give the Pipeline float16 rows as float32, in which the run scaled them:
      scikit-learn's scaler works in the dtype of its rows.
    """
    kind, stored = _described(run)
    return KINDS[kind].restore(stored)


def _described(run: TrainingRun) -> tuple[str, Stored]:
    return describe_fit(run.result, run.data.feature_names, run.settings, run.split.scaling)


def to_json(values: dict[str, Any]) -> str:
    """Standard JSON: numbers that are not finite become null."""
    standard = json.loads(json.dumps(values), parse_constant=lambda name: None)
    return json.dumps(standard, indent=2, ensure_ascii=False)


def _write_json(path: Path, values: dict[str, Any]) -> Path:
    path.write_text(to_json(values) + "\n", encoding="utf-8")
    return path


def _numbers(run: TrainingRun) -> dict[str, Any]:
    """What predicting by hand takes: the class of the largest entry of ((x - mean) / scale) W + b."""
    return {
        "classes": run.result.classes.tolist(),
        "feature_names": list(run.data.feature_names),
        "mean": run.split.mean.tolist(),
        "scale": run.split.scale.tolist(),
        "W": run.result.params.W.tolist(),
        "b": run.result.params.b.tolist(),
    }
