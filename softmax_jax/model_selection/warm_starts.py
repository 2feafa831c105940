"""Where to begin at one strength, from the optima at others."""

from __future__ import annotations

import numpy as np

from softmax_jax.model import Params

FARTHEST = 1.5  # how far beyond two solutions their line is followed, in their distance
TINY_L2 = 1e-30  # stands for l2 = 0 on the axis of log l2


def start_at(l2: float, solved: dict[float, Params], first: Params) -> Params:
    """Where the line through the two nearest solutions, in log l2, leads.

    Args:
      l2: strength >= 0.
      solved: optima by their strengths > 0, with any leading axes.
      first: where to begin without any.

    Returns:
      The point on the line; the nearest solution, or `first`, without two.
    """
    if not solved:
        return first
    at = np.log(max(l2, TINY_L2))
    near = sorted(solved, key=lambda other: abs(np.log(other) - at))[:2]
    nearest = solved[near[0]]
    if len(near) == 1:
        return nearest
    a, b = np.log(near)
    along = float(np.clip((at - a) / (a - b), -1, FARTHEST))
    second = solved[near[1]]
    return Params(*(p + p.dtype.type(along) * (p - q) for p, q in zip(nearest, second, strict=True)))
