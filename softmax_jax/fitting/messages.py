"""What the status of a fit means, in words that name the next thing to do."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.solvers.protocol import Record


class NonFiniteError(FloatingPointError):
    """Numbers left the range of their dtype before a single step of the fit was done."""


def convergence_message(result: Any, *, solver: Record | None, l2: float, tol: float, l1: float = 0.0) -> str:
    """One or two sentences for a fit that did not converge; "" for one that did.

    Args:
      result: what `fit` returned.
      solver: the record it ran, or None where it chose itself.
      l2: strength it was given.
      tol: bound it was given.
      l1: strength of Omega it was given, which has a certificate without l2, too.

    Returns:
      What happened, how far from the optimum it ended, and what to try next.
    """
    descent = solver is not None and not solver.is_exact
    distance = f"duality gap {result.duality_gap:.3g} against tol={tol:g}"
    penalised, stronger = l2 > 0 or l1 > 0, "l1 or l2" if l1 > 0 else "l2"
    if not penalised:
        distance = f"no duality gap where l2=0; the gradient's norm is above tol={tol:g}"
    dtype = np.dtype(result.params.W.dtype).name
    words = {
        "max_iter": _exhausted(result.n_iter, distance, descent, stronger),
        "precision_floor": (
            f"{dtype} rounding ended the fit after {result.n_iter} iterations ({distance}). "
            + ("" if dtype == "float64" else "Pass float64 features. ")
            + ("Scale the features, or raise " + (f"{stronger} or tol." if penalised else "tol."))
        ),
        "nonfinite": (
            f"The fit met numbers beyond the range of {dtype} after {result.n_iter} iterations and kept the "
            "last finite parameters. Scale the features" + (", or lower eta." if descent else f", or raise {stronger}.")
        ),
        "diverging": (
            f"Gradient descent diverged: its cost rose to {result.objective:.3g}. Lower "
            f"eta={getattr(solver, 'eta', np.nan):g} or scale the features."
            if descent
            else "No finite maximum-likelihood solution: the classes are separable, and with l2=0 the "
            "coefficients grow without bound. Set l2 > 0."
        ),
        "interrupted": f"The fit was interrupted after {result.n_iter} iterations ({distance}).",
    }
    return words.get(result.status, "")


def check_moved(result: Any, X: Any, *, solver: Record | None) -> None:
    """Raise NonFiniteError if `result` left its start for want of one finite step: there is no model to keep.

    Args:
      result: what `fit` returned.
      X: (n, m) features, of which the largest entry is named.
      solver: the record that `fit` ran, or None where it chose itself.

    Raises:
      NonFiniteError: as above.
    """
    if result.status != "nonfinite" or result.n_iter > int(solver is not None and not solver.is_exact):
        return
    largest = float(abs(X).max())
    raise NonFiniteError(
        f"The first step of the fit went beyond the range of {np.dtype(result.params.W.dtype)}: the largest |X| is "
        f"{largest:.3g}. Scale the features (StandardScaler)."
    )


def _exhausted(n_iter: int, distance: str, descent: bool, stronger: str) -> str:
    if descent:
        return (
            f"Gradient descent ended its {n_iter} epochs short of the optimum ({distance}). Give more epochs, "
            "a larger eta, scale the features, or use an exact solver (solver='auto' without eta, epochs and "
            "minibatches)."
        )
    return (
        f"The fit did not converge in {n_iter} iterations ({distance}). Raise max_iter, scale the features "
        f"(StandardScaler), or raise {stronger} or tol."
    )
