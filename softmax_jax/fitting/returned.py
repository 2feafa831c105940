"""Outcomes of transformed data as those of the data given; what rounding costs on the way is in the gap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from softmax_jax.certificate.bound import certify
from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.placement.offsets import inward, returned
from softmax_jax.placement.span import Span
from softmax_jax.problem.problem import Data
from softmax_jax.solvers.solutions import Outcome
from softmax_jax.solvers.steps import objective_at
from softmax_jax.solvers.stopping import rounded, still

SHARE_OF_TOL = 0.9  # that is proven in the span of the rows, so that the proof outside of it does not just miss


def shifted_back(outcome: Outcome, data: Data, tol: float) -> Outcome:
    """The outcome of data with shifted columns, at the bias that belongs to the columns as they were given.

    That bias is larger by the offsets times W. What J gains by its rounding is added to the gap.

    Args:
      outcome: of an exact solver on `data`, in the training dtype.
      data: with shifted columns; where it has no offset the outcome is returned as it is.
      tol: nats per sample, gap up to which "converged" stays true.
    """
    if data.offset is None:
        return outcome
    given, inside = returned(outcome.params, data.offset)
    with scope(data.exact.dtype):
        J = float(objective_at(data.exact, inside))
    gap = float(rounded(outcome.duality_gap, outcome.objective, J))
    status = still(outcome.status, gap, tol) if outcome.duality_gap <= tol else outcome.status
    return outcome._replace(params=given, objective=J, duality_gap=gap, status=status)


def from_span(
    found: Outcome, span: Span, given: Data, tol: float, further: Callable[[Outcome], Outcome] | None = None
) -> Outcome:
    """What was found in the span of the rows, rounded to the dtype of training and certified on X as it was given.

    Args:
      found: in the span, to SHARE_OF_TOL of `tol`.
      span: the basis.
      given: the problem on X, exactly.
      tol: nats per sample, gap up to which it is "converged".
      further: goes on outside of the span, where rounding in the basis cost more than `tol`; or None.
    """
    inside = inward(span.outward(found.params), given.offset)
    narrow = Params(*(p.astype(given.dtype) for p in inside))
    params, J, gap = _certified(given, narrow)
    status = "converged" if gap <= tol and found.status != "interrupted" else still(found.status, gap, tol)
    outcome = found._replace(params=params, objective=J, duality_gap=gap, status=status)
    lost = found.status == "converged" and gap > tol
    if lost and further is not None and (given.dtype == np.float64 or _certified(given, inside)[2] > tol):
        return further(shifted_back(outcome, given, tol))
    return shifted_back(outcome, given, tol)


def _certified(given: Data, params: Params) -> tuple[Params, float, float]:
    """The parameters with the bias refitted, J and the gap there; inf where there is none."""
    with scope(np.float64):
        params, J, gap = certify(given.exact, params)
        return Params(*(np.array(p) for p in params)), float(J), float(gap) if np.isfinite(gap) else float("inf")


def continued(first: Outcome, then: Outcome) -> Outcome:
    """The outcome `then` of a fit that went on from `first`, with the steps of both."""
    history: Any = np.concatenate([first.history, then.history])
    counts = first.n_iter + then.n_iter, first.n_passes + then.n_passes
    return then._replace(n_iter=counts[0], n_passes=counts[1], history=history)
