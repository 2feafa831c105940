"""From the words of a user, such as solver="auto" and eta=0.1, to the record for a fit with l1 or without."""

from __future__ import annotations

from typing import Any

from softmax_jax.solvers.hyperparameters import solver_record
from softmax_jax.solvers.proximal_newton import ProximalNewton

_CAN = "solver must be 'auto' or 'proximal-newton' where l1 > 0"
_CANNOT = "needs an objective without corners"


def record_for(solver: Any, l1: float, *, max_epochs: int = 100, **given: Any) -> Any:
    """The solver for a name and l1, or None for `fit` to choose.

    Args:
      solver: a name in SOLVERS, or a record.
      l1: strength >= 0.
      max_epochs: epochs of gradient descent where `given` has none.
      given: eta, epochs or minibatches, which select gradient descent where they are not None.

    Raises:
      ValueError: as of `solver_record`; a solver that cannot do with l1 > 0, or one for l1 only without it.
    """
    record = solver_record(solver, max_epochs=max_epochs, **given)
    sparse, words = isinstance(record, ProximalNewton), [name for name, value in given.items() if value is not None]
    if l1 > 0 and words:
        raise ValueError(
            f"{', '.join(words)} select gradient descent, which {_CANNOT}; leave them out where l1 > 0, got l1={l1:g}."
        )
    if l1 > 0 and not (record is None or sparse):
        raise ValueError(f"{_CAN}, got {solver!r}, which {_CANNOT}, and l1={l1:g}.")
    if not l1 > 0 and sparse:
        raise ValueError(f"solver {solver!r} is for l1 > 0, got l1={l1:g}; give l1, or solver='auto' or another.")
    return record
