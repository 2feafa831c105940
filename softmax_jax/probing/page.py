"""A probe as one HTML page that needs nothing else: the search, its picture and table, and how the winner does."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax._version import __version__
from softmax_jax.probing import words
from softmax_jax.report.evaluation import Evaluation
from softmax_jax.report.judged import calibration, confusion, metrics, mistakes
from softmax_jax.report.page import figure, page, parts
from softmax_jax.runs.metrics import indices, measure, told
from softmax_jax.runtime.host import in_numpy
from softmax_jax.storage.atomic import write_atomically

_CAPTION = (
    "Bars are one standard error of the validation accuracy, from the number of rows alone; penalties in the band are "
    "as good as the best one as far as these rows can tell. Below: how far each fit is from its optimum, at most."
)
_OF_FEW = (
    "Strong penalties are at the left; along the top is the number of features in use. The line marks the best "
    "strength with no more features than were asked for."
)


@in_numpy
def write_page(probe: Any, path: Any, test: tuple[np.ndarray, Any] | None, name: str) -> Path:
    """Write the page of a probe.

    Args:
      probe: a ProbeResult.
      path: the HTML file to write; one that is there is replaced.
      test: probabilities (n, k) and labels (n,) of test rows, or None.
      name: of the data, for the title.

    Returns:
      The path written.
    """
    path = Path(path)
    write_atomically(path, page_html(probe, test, name).encode("utf-8"))
    return path


def page_html(probe: Any, test: tuple[np.ndarray, Any] | None, name: str) -> str:
    """The page of `write_page` as a string.

    Args:
      probe: a ProbeResult.
      test: probabilities and labels of test rows, or None.
      name: of the data.
    """
    good, gap, (m, k) = probe.status == "converged", probe.result.duality_gap, probe.result.params.W.shape
    made = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    cards = {"validation accuracy": f"{probe.val_accuracy:.4f}", "its standard error": f"{probe.standard_error:.4f}"}
    sections = {"Search": _search(probe), "Penalties tried": [_table(probe)]}
    if test is not None:
        O, y = np.asarray(test[0]), np.asarray(test[1])
        cards = {"accuracy, test rows": f"{measure(O, y, probe.classes).accuracy:.4f}"} | cards
        sections |= _test(O, y, probe.classes)
    cards["most it can be above the optimum"] = f"{gap:.1e}" if math.isfinite(gap) else "none"
    verdict = "✓ converged: every fit is proven" if good else f"! {probe.status}: not every fit is proven"
    return page(
        name=name,
        size=f"Linear probe by the protocol {probe.protocol.name}: {m} features, {k} classes, {probe.n_fits} fits",
        good=good,
        verdict=verdict,
        cards=cards,
        sections=sections,
        footer=f"Written by softmax_jax {__version__} on {made}.",
    )


def _search(probe: Any) -> list[str]:
    about = parts.text(words.title(probe) + ".") + parts.facts(words.facts(probe))
    if probe.sparse:
        return [about, figure(probe.plot(), "Weights and accuracy against the strength of the penalty.", _OF_FEW)]
    return [about, figure(probe.plot(), "Accuracy and loss against the strength of the penalty.", _CAPTION)]


def _table(probe: Any) -> str:
    return parts.grid(*words.table(probe))


def _test(O: np.ndarray, y: np.ndarray, classes: np.ndarray) -> dict[str, list[str]]:
    at, known = indices(y, classes)
    with np.errstate(divide="ignore"):
        Z = np.maximum(np.log(O[known].astype(np.float64)), -700)
    judged = Evaluation(f"all {int(known.sum())} test rows", at[known], Z, O[known], classes)
    found = {"Test": [parts.facts(told(measure(O, y, classes)))]}
    if not known.any():
        return found
    found |= {"Metrics per class": [metrics(judged), mistakes(judged)], "Confusion": [confusion(judged)]}
    return found | ({"Calibration": calibration(judged)} if len(classes) > 1 else {})
