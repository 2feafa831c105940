"""Which solver suits a problem, and which cannot solve it."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.dtypes import has_float64
from softmax_jax.placement.place import Kind
from softmax_jax.problem.problem import Data
from softmax_jax.problem.sparse import LARGEST_BLOCK
from softmax_jax.solvers.gradient_descent import SGD
from softmax_jax.solvers.lbfgs import LBFGS
from softmax_jax.solvers.names import SOLVERS
from softmax_jax.solvers.newton import ROWS_PER_UNKNOWN, Newton
from softmax_jax.solvers.newton_cg import NewtonCG
from softmax_jax.solvers.protocol import Record, Solver, is_record

DENSE_NEWTON_SIZE = 1000  # unknowns up to which a dense Hessian is considered
FINISHER_UNKNOWNS = 2000  # unknowns up to which dense Newton takes over what other solvers could not certify
DENSE_NEWTON_WORK = 1e8  # multiplications for a Hessian that cost nothing worth mentioning
DENSE_NEWTON_PASSES = 15  # multiplications for a Hessian, in forward products, up to which it saves more than it costs


def check_exact(solver: Any) -> None:
    """Raise ValueError unless `solver` is None or an exact solver's record."""
    if solver is None or (is_record(solver) and solver.is_exact):
        return
    words = "; gradient descent proves no gap" if is_record(solver) else _names(solver)
    raise ValueError(f"solver must be None or an exact solver such as LBFGS(), got {solver!r}{words}.")


def choose_solver(solver: Any, kind: Kind, k: int, l2: float, *, n: int | None = None) -> Any:
    """The solver asked for, or the fastest for the size.

    Args:
      solver: a record, or None.
      kind: of the features.
      k: classes.
      l2: strength.
      n: rows, where `kind` is of a part of them.

    Raises:
      ValueError: `solver` is none, or not one for such data.
    """
    if solver is not None:
        _check(solver, kind)
        return solver
    if kind.is_streamed:
        return LBFGS()
    n, m = n or kind.shape[0], kind.shape[1]
    unknowns = (m + 1) * k
    hessian = min(n, ROWS_PER_UNKNOWN * unknowns) * unknowns**2
    cheap = hessian <= max(DENSE_NEWTON_WORK, DENSE_NEWTON_PASSES * n * unknowns)
    return Newton() if unknowns <= DENSE_NEWTON_SIZE and cheap and has_float64() else LBFGS()


def solvers_in_span(solver: Any, data: Data, k: int) -> tuple[Solver, tuple[Solver, ...]]:
    """The exact solver for features whose covariance is diagonal, and those that go on after it.

    Preconditioned by that covariance, L-BFGS needs few passes, each over a matrix no larger than the rows squared.

    Args:
      solver: the one asked for, or None.
      data: in the span of the rows.
      k: classes.
    """
    kind = Kind(data.exact.shape, np.dtype(data.dtype), is_sparse=False, is_streamed=False)
    return (LBFGS(), fallbacks(LBFGS(), kind, k)) if solver is None else (solver, ())


def fallbacks(solver: Record, kind: Kind, k: int) -> tuple[Solver, ...]:
    """The solvers that go on where `solver`, which `choose_solver` chose, gets no further.

    Args:
      solver: the one before them.
      kind: of the features.
      k: classes.
    """
    if solver.needs_rows:
        return (LBFGS(), NewtonCG())
    unknowns = (kind.shape[1] + 1) * k
    if unknowns > FINISHER_UNKNOWNS or not has_float64() or kind.is_streamed:
        return (NewtonCG(),)
    return (Newton(), NewtonCG()) if unknowns <= DENSE_NEWTON_SIZE else (NewtonCG(), Newton())


def _check(solver: Any, kind: Kind) -> None:
    """Raise ValueError where `solver` is none, or not one for such features."""
    if not is_record(solver):
        raise ValueError(f"solver must be None, LBFGS, NewtonCG, Newton or SGD, got {solver!r}{_names(solver)}.")
    if not (solver.is_exact or isinstance(solver, SGD)):
        raise ValueError(f"solver must be an exact one or SGD, got {solver!r}.")
    if isinstance(solver, SGD) and kind.is_sparse:
        _check_minibatch(solver, *kind.shape)
    if solver.needs_rows and kind.is_streamed:
        raise ValueError(
            f"solver must be None, LBFGS() or NewtonCG() where X is read by blocks, got {type(solver).__name__}: "
            "it takes rows in another order than that in which they are stored."
        )


def _names(solver: Any) -> str:
    """What to say of a name that is none."""
    return f"; the names are {', '.join(map(repr, SOLVERS))}" if isinstance(solver, str) else ""


def _check_minibatch(solver: SGD, n: int, m: int) -> None:
    """Raise ValueError where the minibatches of sparse X, which are made dense, would take too much memory."""
    samples = min(solver.minibatches or n, n)
    if samples * m > LARGEST_BLOCK:
        raise ValueError(
            f"Gradient descent makes the minibatches of sparse X dense, here {samples} x {m}; give minibatches of at "
            f"most {LARGEST_BLOCK // m} samples, or solver LBFGS() or NewtonCG(), which keep X sparse."
        )
