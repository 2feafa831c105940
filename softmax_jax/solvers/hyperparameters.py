"""From the words a user gives, such as solver="lbfgs" and eta=0.1, to the records that `fit` takes."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

import numpy as np

from softmax_jax.inputs.conversion import FLOATS
from softmax_jax.solvers import names
from softmax_jax.solvers.gradient_descent import SGD
from softmax_jax.solvers.protocol import Record, is_record


def _record(place: str) -> type[Record]:
    module, _, name = place.partition(".")
    return getattr(importlib.import_module(f"softmax_jax.solvers.{module}"), name)


SOLVERS = {name: place and _record(place) for name, place in names.SOLVERS.items()}
RECORDS = tuple(record for record in SOLVERS.values() if record)


def solver_record(solver: Any = "auto", *, max_epochs: int = 100, **given: Any) -> Any:
    """The solver for a name, or None for `fit` to choose.

    Args:
      solver: a name in SOLVERS, None for "auto", or a record, which is returned as it is.
      max_epochs: epochs of gradient descent where `given` has none.
      given: eta, epochs or minibatches, which select gradient descent where they are not None.

    Returns:
      A record such as LBFGS() or SGD(eta, epochs, minibatches), or None.

    Raises:
      ValueError: an unknown solver, or eta, epochs or minibatches out of range or beside an exact solver.
    """
    given = {name: value for name, value in given.items() if value is not None}
    solver = "auto" if solver is None else solver
    if isinstance(solver, str) and (solver == "sgd" or (solver == "auto" and given)):
        return SGD(**{"epochs": max_epochs, **given})
    if not (is_record(solver) or (isinstance(solver, str) and solver in SOLVERS)):
        raise ValueError(f"solver must be one of {list(SOLVERS)} or a record such as SGD(), got {solver!r}.")
    if given:
        words = ", ".join(given)
        raise ValueError(f"{words} select gradient descent and need solver='sgd' or 'auto', got {solver!r}.")
    if not isinstance(solver, str):
        return solver
    record = SOLVERS[solver]
    return None if record is None else record()


def float_dtype(dtype: Any) -> np.dtype | None:
    """`dtype` as a NumPy dtype of float16, bfloat16, float32 or float64; None stays None.

    Raises:
      ValueError: anything else.
    """
    if dtype is None:
        return None
    with contextlib.suppress(TypeError):
        if np.dtype(dtype).name in FLOATS:
            return np.dtype(dtype)
    raise ValueError(f"The 'dtype' parameter must be None or one of {', '.join(FLOATS)}. Got {dtype!r} instead.")
