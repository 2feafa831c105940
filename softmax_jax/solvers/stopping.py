"""When a fit has ended, and as what: the rules, for one problem and for each of many alike.

A chunk of steps ends when the distance that the training dtype estimates is below a target, when nothing moves any
more, or when the iterations are used up. Only a certificate makes a fit "converged". Where it misses `tol` although the
estimate did not, the target is lowered.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CHUNK = 64  # most steps in one dispatch
FIRST_CHUNK = 4  # steps, from which the time of a step is known
GROWTH = 4  # of a chunk, at most, from one to the next
CHUNK_WALL_S = 0.5
STALLED_STEPS = 6  # steps without visible progress after which a dtype has given what it can
FAILED_CERTIFICATES = 3  # above tol, after the estimate was below it, up to which a dtype goes on
ROUNDING_OF_J = 16 * float(np.finfo(np.float64).eps)  # of the difference of two values of J, in parts of 1 + J


def first_target(tol: float) -> float:
    """The estimated gap at which a certificate is tried first."""
    return 0.9 * tol


def next_target(target: float, tol: float, gap: float) -> float:
    """That after a certificate of `gap` above `tol`.

    Args:
      target: the one before.
      tol: to be proven.
      gap: what was.
    """
    return target * min(0.5, 0.5 * tol / gap)


def next_steps(steps: int, wall_s: float, done: int) -> int:
    """Steps of the next chunk, which is to take about CHUNK_WALL_S.

    Args:
      steps: of the last chunk, at most.
      wall_s: how long it took.
      done: steps that it made.
    """
    return int(np.clip(CHUNK_WALL_S * max(done, 1) / wall_s, 1, GROWTH * steps))


def verdict(gap: float, tol: float, *, stalled: bool, exhausted: bool, failed: int) -> str:
    """The status of a fit with a certified `gap`, or "" where it goes on.

    Args:
      gap: certified.
      tol: to be proven.
      stalled: whether nothing moves any more.
      exhausted: whether the iterations are used up.
      failed: certificates that missed `tol` although the estimate was below its target, this one included.
    """
    if gap <= tol:
        return "converged"
    if exhausted:
        return "max_iter"
    return "precision_floor" if stalled or failed > FAILED_CERTIFICATES else ""


def rounded(gap: Any, J: Any, rounded_J: Any) -> Any:
    """The gap of parameters that were proven at J, after rounding has moved them to `rounded_J`; arrays likewise.

    Args:
      gap: proven before.
      J: objective before, float64.
      rounded_J: after.
    """
    return gap + np.maximum(rounded_J - J, 0) + ROUNDING_OF_J * (1 + np.abs(rounded_J))


def still(status: str, gap: float, tol: float) -> str:
    """The status after rounding: converged only where the gap is still at most `tol`.

    Args:
      status: before rounding; others than "converged" stay.
      gap: proven after rounding, nats per sample.
      tol: to be proven, nats per sample.
    """
    return "precision_floor" if status == "converged" and gap > tol else status
