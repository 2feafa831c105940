"""Which solver suits a problem, and which cannot solve it."""

from __future__ import annotations

from typing import Any

import jax

from softmax_jax.data.rows.opening import is_source
from softmax_jax.inputs.conversion import is_sparse
from softmax_jax.problem.sparse import LARGEST_BLOCK
from softmax_jax.solvers.gradient_descent import SGD
from softmax_jax.solvers.lbfgs import LBFGS
from softmax_jax.solvers.newton import ROWS_PER_UNKNOWN, Newton
from softmax_jax.solvers.newton_cg import NewtonCG

DENSE_NEWTON_SIZE = 1000  # unknowns up to which a dense Hessian is considered
FINISHER_UNKNOWNS = 2000  # unknowns up to which dense Newton takes over what other solvers could not certify
DENSE_NEWTON_WORK = 1e8  # multiplications for a Hessian that cost nothing worth mentioning
DENSE_NEWTON_PASSES = 15  # multiplications for a Hessian, in forward products, up to which it saves more than it costs


def check_exact(solver: Any) -> None:
    """Raise ValueError unless `solver` is None or an exact solver's record."""
    if solver is not None and not isinstance(solver, (LBFGS, NewtonCG, Newton)):
        words = "; gradient descent proves no gap" if isinstance(solver, SGD) else ""
        raise ValueError(f"solver must be None or an exact solver such as LBFGS(), got {solver!r}{words}.")


def choose_solver(solver: Any, X: Any, k: int, l2: float, *, n: int | None = None) -> Any:
    """The solver asked for, or the fastest for the size; n rows where X is a part of them."""
    if solver is not None:
        if not isinstance(solver, (LBFGS, Newton, NewtonCG, SGD)):
            raise ValueError(f"solver must be None, LBFGS, NewtonCG, Newton or SGD, got {solver!r}.")
        if isinstance(solver, SGD) and is_sparse(X):
            _check_minibatch(solver, X)
        if isinstance(solver, (SGD, Newton)) and is_source(X):
            raise ValueError(
                f"solver must be None, LBFGS() or NewtonCG() where X is read by blocks, got {type(solver).__name__}: "
                "it takes rows in another order than that in which they are stored."
            )
        return solver
    if is_source(X):
        return LBFGS()
    n, m = n or int(X.shape[0]), X.shape[1]
    unknowns = (m + 1) * k
    hessian = min(n, ROWS_PER_UNKNOWN * unknowns) * unknowns**2
    cheap = hessian <= max(DENSE_NEWTON_WORK, DENSE_NEWTON_PASSES * n * unknowns)
    return Newton() if unknowns <= DENSE_NEWTON_SIZE and cheap and has_float64() else LBFGS()


def fallbacks(solver: Any, X: Any, k: int) -> tuple[Any, ...]:
    """The solvers that go on where `solver`, which `choose_solver` chose, gets no further."""
    if isinstance(solver, Newton):
        return (LBFGS(), NewtonCG())
    unknowns = (X.shape[1] + 1) * k
    if unknowns > FINISHER_UNKNOWNS or not has_float64() or is_source(X):
        return (NewtonCG(),)
    return (Newton(), NewtonCG()) if unknowns <= DENSE_NEWTON_SIZE else (NewtonCG(), Newton())


def _check_minibatch(solver: SGD, X: Any) -> None:
    """Raise ValueError where the minibatches of sparse X, which are made dense, would take too much memory."""
    samples, m = min(solver.minibatches or X.shape[0], X.shape[0]), X.shape[1]
    if samples * m > LARGEST_BLOCK:
        raise ValueError(
            f"Gradient descent makes the minibatches of sparse X dense, here {samples} x {m}; give minibatches of at "
            f"most {LARGEST_BLOCK // m} samples, or solver LBFGS() or NewtonCG(), which keep X sparse."
        )


def has_float64() -> bool:
    """Whether the default device computes in float64: TPUs do not."""
    return jax.default_backend() != "tpu"
