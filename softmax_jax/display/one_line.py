"""Results of many fits in one line, as `repr` shows them: how many, how they ended, the worst gap; never the arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np


def one_line(kind: str, status: Sequence[str], duality_gap: Any, params: Any, **more: str) -> str:
    """`kind(...)` in a line.

    Args:
      kind: name of the class.
      status: how each fit ended.
      duality_gap: a gap for each fit, of any shape; the largest finite one is shown, inf where there is none.
      params: W and b, of which shape and dtype are shown.
      **more: further facts, name -> text.

    >>> from types import SimpleNamespace
    >>> params = SimpleNamespace(W=np.zeros((3, 4, 2)))
    >>> one_line("Many", ["converged", "max_iter", "converged"], [1e-7, 1e-3, 0], params)
    'Many(status=2 converged, 1 max_iter; worst gap=1.0e-03, W=(3, 4, 2) float64)'
    """
    gaps = np.asarray(duality_gap, np.float64)
    worst = float(np.max(gaps[np.isfinite(gaps)], initial=0.0)) if np.isfinite(gaps).any() else float("inf")
    ended = ", ".join(f"{count} {word}" for word, count in Counter(status).most_common())
    facts = "".join(f", {name}={text}" for name, text in more.items())
    return f"{kind}(status={ended}; worst gap={worst:.1e}{facts}, W={params.W.shape} {np.dtype(params.W.dtype).name})"


def range_text(values: Any) -> str:
    """How many values there are, and from where to where.

    >>> range_text([1.0, 1e-3, 0.1])
    '3 from 0.001 to 1'
    """
    values = np.asarray(values, np.float64)
    return f"{values.size} from {values.min():.3g} to {values.max():.3g}"
