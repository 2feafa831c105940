"""A probe in words: the cells of its table, the facts below it, and what a reader should know."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.display.plain_words import MEANING, ended_words, gap_words
from softmax_jax.probing.uncertainty import within

_SCORES = ("gap", "status", "validation loss", "accuracy")
_OURS = "mean of losses + l2/2 ||W||^2"
_MOST_NAMED = 10  # features


def heads(unit: str, sparse: Any = 0) -> tuple[str, ...]:
    """The names of the columns of a table of strengths.

    Args:
      unit: what the protocol calls a strength; one column suffices where it is l2.
      sparse: whether the probe is of few features: their number stands in the place of l2, which is 0.
    """
    return ("", "l2", *_SCORES) if unit == "l2" else ("", unit, "features" if sparse else "l2", *_SCORES)


def title(probe: Any) -> str:
    """The protocol and its source."""
    return f"{probe.protocol.name} ({probe.protocol.source})"


def penalty(probe: Any) -> str:
    """What the protocol calls its penalty, and what that is as l2."""
    unit, _, objective = probe.protocol.convention.partition(": ")
    if not objective or probe.protocol.unit in ("l1", "l2"):
        return probe.protocol.convention
    return f"{unit} is the penalty as the source counts it ({objective}), l2 the same as counted here ({_OURS})"


def row_cells(
    mark: str, unit: str, strength: float, penalty: float, gap: float, status: str, loss: float, accuracy: float
) -> list[str]:
    """The cells of one strength.

    Args:
      mark: such as "best".
      unit: what the protocol calls a strength.
      strength: in the protocol's convention.
      penalty: the same as l2; or the number of features, in a probe of few.
      gap: proven, nats per sample.
      status: of the fit.
      loss: on the validation rows, nats per sample; NaN where it was given up.
      accuracy: on these.
    """
    scores = ["" if np.isnan(score) else f"{score:.4f}" for score in (loss, accuracy)]
    both = [f"{strength:.3g}"] if unit == "l2" else [f"{strength:.3g}", f"{penalty:.3g}"]
    return [mark, *both, f"{gap:.1e}" if np.isfinite(gap) else "", status, *scores]


def table(probe: Any) -> tuple[tuple[str, ...], list[list[str]]]:
    """The heads and the rows of a ProbeResult's table."""
    rows = [cells(probe, i) for i in range(len(probe.strengths))]
    return heads(probe.protocol.unit, probe.sparse), rows


def cells(probe: Any, i: int) -> list[str]:
    """The cells of the i-th strength of a ProbeResult."""
    path = probe.path
    numbers = (path.duality_gap[i], path.status[i], path.val_loss[i], path.val_accuracy[i])
    penalty = path.n_features[i] if probe.sparse else path.l2_values[i]
    mark = "best" if i == probe.best else ""
    return row_cells(mark, probe.protocol.unit, probe.strengths[i], penalty, *numbers)


def facts(probe: Any) -> dict[str, str]:
    """What is said below the table: name -> words."""
    result = probe.result
    where = "training and validation rows" if probe.protocol.refit_on_all or probe.folds else "the training rows"
    fitted = "as found on the training rows" if probe.stopped else f"fitted again on {where}"
    told = {
        "penalty": penalty(probe),
        "features": probe.preparation.words() + departure(probe),
        "validation": validation(probe),
        "winner": _winner(probe, fitted),
        "kept": kept(probe),
        "cost": f"{result.objective:.8g} nats per sample" if np.isfinite(result.objective) else "",
        "duality gap": gap_words(result.duality_gap) if not probe.stopped or np.isfinite(result.duality_gap) else "",
        "status": ended_words(result.status, result.n_iter, result.n_passes),
        "time": f"{probe.wall_s:.2f} s for {probe.n_fits} fits, compilation included"
        if np.isfinite(probe.wall_s)
        else "",
        "note": " ".join(notes(probe)),
    }
    return {name: words for name, words in told.items() if words}


def _winner(probe: Any, fitted: str) -> str:
    named = f"{probe.protocol.unit} = {probe.strengths[probe.best]:.3g}"
    return f"{named}, {fitted}" + (f" with {strength(probe)}" if named != strength(probe) else "")


def strength(probe: Any) -> str:
    """The winner's strength in words, on the rows that it was fitted to last."""
    return f"l1 = {probe.l1:.3g} of whole features" if probe.sparse else f"l2 = {probe.l2:.3g}"


def kept(probe: Any) -> str:
    """How many features the winner of few uses, and which, where these are not many; "" for others."""
    if not probe.sparse:
        return ""
    support = probe.result.support
    named = [str(probe.columns[j]) if probe.columns else str(j) for j in support]
    which = f": {', '.join(named)}" if 0 < len(named) <= _MOST_NAMED else ""
    return f"{len(support)} of {len(probe.result.params.W)} features{which}"


def departure(probe: Any) -> str:
    """What of the features is another than in the source of the protocol."""
    if probe.preparation.scaling is None or probe.protocol.standardised:
        return ""
    return f"; {probe.protocol.name} itself takes them as they are (standardise=False, --no-standardise)"


def validation(probe: Any) -> str:
    """The winner's validation accuracy, and how sure it is."""
    held = f"{probe.n_val} rows, each held out once in {probe.folds} folds" if probe.folds else f"{probe.n_val} rows"
    if not probe.n_val:
        return f"accuracy {probe.val_accuracy:.4f}"
    n, count = probe.n_within, int(np.isfinite(probe.scores).sum())
    ties = "no other penalty is" if n == 1 else f"{n} of the {count} penalties tried are"
    ties += " within one standard error of the best"
    error = f"accuracy {probe.val_accuracy:.4f}, standard error {probe.standard_error:.4f} ({held})"
    equal = within(probe.scores, probe.best, 0.0)
    by_loss = f"; {equal} share this accuracy, and the least validation loss decides" if equal > 1 else ""
    return f"{error}; {ties}{by_loss}"


def notes(probe: Any) -> list[str]:
    """What a reader should know before using the winner, a sentence each."""
    told = []
    if probe.stopped:
        when = f"The probe was interrupted after {len(probe.strengths)} penalties, before the winner was fitted again"
        told.append(f"{when}: penalties not tried may be better.")
    if len(probe.peaks) > 1:
        places = f"{probe.protocol.unit} = " + ", ".join(f"{probe.strengths[i]:.3g}" for i in probe.peaks)
        by = " by more than a standard error" if probe.n_val else ""
        told.append(
            f"The validation accuracy has {len(probe.peaks)} peaks{by}, at {places}: the best penalty is uncertain."
        )
    ends = probe.protocol.strengths[[0] if probe.sparse else [0, -1]]  # where no feature is used there is no wider
    if not probe.stopped and len(probe.protocol.strengths) > 1 and probe.strengths[probe.best] in ends:
        told.append("The best penalty is the last one at its end of the range: a wider range may have a better one.")
    for status in sorted({*probe.path.status, probe.result.status} & {"max_iter", "precision_floor", "nonfinite"}):
        told.append(f"{status!r} says of a fit that {MEANING[status]}.")
    return told
