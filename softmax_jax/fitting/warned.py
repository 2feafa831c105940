"""What functions warn of by themselves: fits that did not converge, and columns that differ too much in spread.

Estimators, runs and the command line tell in their own way: they give `Samples`, which nothing is warned of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from softmax_jax.display.user_warnings import NotConvergedWarning, SpreadWarning, warn_user
from softmax_jax.fitting.messages import convergence_message
from softmax_jax.fitting.spread import spread_message

_AS_MEANT = ("converged", "interrupted", "dropped")  # nothing that the caller does not know


def warn_of_fit(
    result: Any, X: Any, *, solver: Any, l2: float, tol: float, max_iter: int, l1: float = 0.0, rows: Any = None
) -> None:
    """Warn where one fit did not converge, or its columns differ in spread.

    Gradient descent that ends its epochs, and max_iter=0, which certifies the start, do what they were asked to.

    Args:
      result: what `fit` is about to return.
      X: (n, m) checked features.
      solver: the record that was given, or None.
      l2: strength.
      tol: bound to prove.
      max_iter: most iterations.
      l1: strength of Omega.
      rows: of the problem, where X is read by blocks; else None.
    """
    descent = solver is not None and not solver.is_exact
    ended = result.status == "max_iter" and (descent or max_iter == 0)
    if (
        result.status != "interrupted"
        and not ended
        and (words := convergence_message(result, solver=solver, l2=l2, tol=tol, l1=l1))
    ):
        warn_user(words, NotConvergedWarning)
    warn_of_spread(X, matters=l2 > 0 or l1 > 0, rows=rows)


def warn_of_fits(status: Iterable[str], X: Any, *, tol: float, max_iter: int, rows: Any = None) -> None:
    """Warn where some of many fits did not converge, or their columns differ in spread.

    Args:
      status: of each.
      X: (n, m) checked features.
      tol: bound to prove for each.
      max_iter: most iterations of each.
      rows: of the problem, where X is read by blocks; else None.
    """
    if words := unconverged_message(status, tol=tol, max_iter=max_iter):
        warn_user(words, NotConvergedWarning)
    warn_of_spread(X, rows=rows)


def unconverged_message(status: Iterable[str], *, tol: float, max_iter: int) -> str:
    """A sentence with the cure where some of many fits did not converge; else "".

    Args:
      status: of each fit.
      tol: bound to prove for each.
      max_iter: most iterations of each.
    """
    ended = Counter(status)
    short = {word: count for word, count in ended.items() if word not in _AS_MEANT}
    if not short:
        return ""
    kinds = ", ".join(f"{count} {word}" for word, count in short.items())
    cure = f"Raise max_iter={max_iter}, standardise" if "max_iter" in short else "Standardise"
    return (
        f"{sum(short.values())} of {ended.total()} fits did not converge ({kinds}): their numbers are not those of the "
        f"optimum. {cure} the features, or raise tol={tol:g}."
    )


def warn_of_spread(X: Any, *, matters: bool = True, rows: Any = None) -> None:
    """Warn where columns differ in spread.

    Args:
      X: (n, m) checked features.
      matters: whether there is a penalty, without which scales do not matter.
      rows: of the problem, where X is read by blocks; else None.
    """
    if matters and (words := spread_message(X, rows)):
        warn_user(words, SpreadWarning)
