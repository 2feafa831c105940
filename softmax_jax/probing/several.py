"""Several data sets as files, of the same rows: their features by name, compared, and what is left on disk.

The command `softmax-jax probe` with more than one DATA, with --seeds or --shots, without the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.data import Dataset
from softmax_jax.model_files.files import save
from softmax_jax.probing.comparison import ProbeComparison, compare_probes
from softmax_jax.probing.run import aligned
from softmax_jax.probing.shots import FewShotCurve, few_shot_curve
from softmax_jax.probing.stored import as_estimator
from softmax_jax.probing.trials import quiet
from softmax_jax.runs.artifacts import MODEL_FILE, to_json
from softmax_jax.runtime.host import on_host


@on_host
def probe_several(
    data: Sequence[Dataset],
    test_data: Sequence[Dataset] | None = None,
    *,
    shots: Sequence[int] | None = None,
    **settings: Any,
) -> ProbeComparison | FewShotCurve:
    """Compare the features of several data sets, or their few-shot curves.

    Args:
      data: of the same rows in the same order: their labels must agree.
      test_data: test rows of each, in the same order; None to take a part of the rows.
      shots: rows a class, for few-shot curves.
      **settings: further arguments of `compare_probes` or `few_shot_curve`. Fits that did not converge are counted in
        the result, not warned of.

    Raises:
      ValueError: labels disagree, or an argument is not as described.
    """
    names = _names(data)
    y = _shared_labels(data, "DATA")
    features = {name: each.X for name, each in zip(names, data, strict=True)}
    X_test, y_test = None, None
    if test_data is not None:
        tested = [aligned(each, other, "test") for each, other in zip(data, test_data, strict=True)]
        X_test = {name: X for name, (X, _) in zip(names, tested, strict=True)}
        y_test = _shared_labels(test_data, "--test-file")
    call: Callable[..., Any] = compare_probes if shots is None else few_shot_curve
    more = {} if shots is None else {"shots": shots}
    with quiet():
        return call(features, y, X_test, y_test, **more, **settings)


def summary_of_several(found: ProbeComparison | FewShotCurve) -> dict[str, Any]:
    """Numbers of a comparison or of few-shot curves, ready for JSON."""
    common = {"features": found.names, "seeds": found.seeds, "n_test": found.n_test, "stopped": found.stopped}
    common |= {"accuracy": found.accuracy.tolist(), "n_unconverged": found.n_unconverged}
    if isinstance(found, FewShotCurve):
        means = {"mean": found.mean.tolist(), "deviation": found.deviation.tolist(), "l2": found.l2.tolist()}
        return {**common, "shots": found.shots, **means}
    each = [[_winner(probe) for probe in probes] for probes in found.probes]
    return {
        **common,
        "mean_accuracy": found.mean_accuracy.tolist(),
        "standard_error": found.errors.tolist(),
        "differences": [d._asdict() for d in found.differences],
        "probes": each,
    }


def write_several(found: ProbeComparison | FewShotCurve, folder: Path) -> list[Path]:
    """Write results.json; of a comparison the model of the best features, under the first seed, before it.

    Args:
      found: from `probe_several`.
      folder: an existing folder; files of these names in it are replaced.

    Returns:
      The paths written.
    """
    written = []
    if not isinstance(found, FewShotCurve):
        best = next(probe for probe in found.probes[found.best] if probe is not None)
        save(as_estimator(best), model := folder / MODEL_FILE)
        written.append(model)
    (results := folder / "results.json").write_text(to_json(summary_of_several(found)) + "\n", encoding="utf-8")
    return [*written, results]


def draw_several(found: ProbeComparison | FewShotCurve, folder: Path) -> Path:
    """Draw comparison.png, or few_shot.png, and return its path.

    Args:
      found: from `probe_several`.
      folder: an existing folder.
    """
    from softmax_jax.plots import style  # matplotlib is an extra, and slow to import

    picture = folder / ("few_shot.png" if isinstance(found, FewShotCurve) else "comparison.png")
    style.save(found.plot(), picture)
    return picture


def _winner(probe: Any) -> dict[str, Any] | None:
    if probe is None:
        return None
    strengths = {"l2": float(probe.l2)}
    if probe.sparse:
        strengths |= {"l1": float(probe.l1), "n_features_kept": len(probe.result.support)}
    numbers = strengths | {"val_accuracy": probe.val_accuracy, "standard_error": probe.standard_error}
    return {**numbers, "status": probe.status, "duality_gap": float(probe.result.duality_gap), "note": probe.note}


def _names(data: Sequence[Dataset]) -> list[str]:
    """Names of data sets, numbered where two have the same."""
    names = [each.name for each in data]
    return [name if names.count(name) == 1 else f"{name} ({i + 1})" for i, name in enumerate(names)]


def _shared_labels(data: Sequence[Dataset], what: str) -> np.ndarray:
    """The labels that all of them have, row by row."""
    first = data[0].y
    for each in data[1:]:
        if each.y.shape != first.shape or not (each.y == first).all():
            raise ValueError(f"{what} must be of the same rows: {each.name} has other labels than {data[0].name}.")
    return first
