"""What a reader needs to be told of a fit, in words that take no glossary."""

from __future__ import annotations

import math

from softmax_jax.display.html import bound_text

MEANING = {  # of the statuses other than "converged"
    "max_iter": "it ran out of iterations",
    "precision_floor": "rounding in this number format lets it get no closer",
    "nonfinite": "it met numbers beyond the range of this number format",
    "diverging": "there is no finite optimum, or its steps are too long",
    "interrupted": "it was stopped before it was done",
    "dropped": "it was given up, because it cannot win",
}


def ended_words(status: str, n_iter: int, n_passes: int, unit: str = "iterations") -> str:
    """How a fit ended, and what it took.

    Args:
      status: of the fit.
      n_iter: iterations or epochs.
      n_passes: passes over the data.
      unit: what n_iter counts.

    >>> ended_words("precision_floor", 6, 11)
    'precision_floor after 6 iterations (11 passes over the data): rounding in this number format lets it get no closer'
    """
    words = f"{status} after {n_iter} {unit} ({n_passes} passes over the data)"
    return words if status == "converged" else f"{words}: {MEANING.get(status, 'see the documentation')}"


def gap_words(gap: float) -> str:
    """What a duality gap proves.

    >>> gap_words(1.234e-7)
    '1.2e-07: the cost is proven to be at most this far above the least possible'
    """
    if not math.isfinite(gap):
        return bound_text(gap)
    return f"{bound_text(gap)}: the cost is proven to be at most this far above the least possible"
