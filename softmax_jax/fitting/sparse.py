"""Fits with l1 Omega(W): the data placed once, and solved at one strength after the other.

Solvers that need J to be smooth cannot do it. `ProximalNewton` works on few features at a time (see
`solvers/working_sets`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from softmax_jax.fitting.returned import shifted_back
from softmax_jax.fitting.starts import class_mass, given_start, without_massless
from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import is_jax
from softmax_jax.model import Params
from softmax_jax.penalties import check_group, largest_strength
from softmax_jax.placement.budget import first_rows, within_memory
from softmax_jax.placement.devices import place_for
from softmax_jax.placement.offsets import inward, shifted
from softmax_jax.placement.place import Kind, place
from softmax_jax.solvers.proximal_newton import ProximalNewton
from softmax_jax.solvers.solutions import Outcome
from softmax_jax.solvers.working_sets import WorkingSets
from softmax_jax.storage.resuming import session_for

LARGEST_L1 = 1e30  # beyond it the weights are zero in any dtype

Found = TypeVar("Found")


class Sparse(NamedTuple):
    """A checked penalty with l1."""

    l1: float
    group: str | None


def checked_sparse(l1: Any, group: Any, solver: Any = None) -> Sparse:
    """`l1` >= 0 and `group`, where `solver` can do with them.

    Args:
      l1: as the caller gave it.
      group: None or "features".
      solver: a record, or None to choose.

    Raises:
      ValueError: not as described, or a solver for smooth J only; with l1 = 0, one for l1 only.
    """
    check_group(group)
    strength = min(checks.number(l1, "l1", low=0, allow_inf=True), LARGEST_L1)
    sparse = isinstance(solver, ProximalNewton)
    if strength > 0 and not (solver is None or sparse):
        raise ValueError(
            f"solver must be None or ProximalNewton() where l1 > 0, got {solver!r}, which needs an objective without "
            f"corners, and l1={strength:g}."
        )
    if strength == 0 and sparse:
        raise ValueError(
            "solver ProximalNewton() is for l1 > 0, got l1=0; give l1, or solver=None, LBFGS() or another."
        )
    return Sparse(strength, group)


class SparseFits:
    """Fits of one data set with l1, on the device; what one strength leaves speeds up the next.

    Args:
      data: X, T and weight of `arguments.Given`.
      kind: of X.
      k: classes.
      group: as in `penalties.penalty`.
      fit_intercept: whether the bias is free.
      solver: None for ProximalNewton().
      devices: as in `fit`.
    """

    def __init__(
        self,
        data: tuple[Any, np.ndarray, np.ndarray | None],
        kind: Kind,
        k: int,
        *,
        group: str | None,
        fit_intercept: bool,
        solver: ProximalNewton | None = None,
        devices: Any = None,
    ) -> None:
        """Place the data."""
        self.X, self.T, self.weight = data
        self.kind, self.k, self.group, self.free = kind, k, group, fit_intercept
        self.solver = solver or ProximalNewton()
        lying = self.X if is_jax(self.X) else None
        self.device = place_for(devices, kind.shape, k, lying=lying, by_blocks=kind.is_streamed)
        self.rows = first_rows(kind, k, self.device)
        self._sets: WorkingSets | None = None
        self.within_memory(lambda: None)

    @property
    def sets(self) -> WorkingSets:
        """The fits on the device."""
        assert self._sets is not None
        return self._sets

    def within_memory(self, run: Callable[[], Found]) -> Found:
        """`run()`, with the data by ever smaller blocks of rows while memory runs out."""

        def attempt(rows: int | None) -> Found:
            if self._sets is None or rows != self.rows:
                self.rows = rows
                data = shifted(place(self.X, self.T, self.weight, 1.0, self.free, self.solver, self.device, rows))
                self._sets = WorkingSets(self.solver, data, self.group)
            return run()

        return within_memory(attempt, self.rows, self.kind, self.k, self.device)

    @property
    def dtype(self) -> np.dtype:
        """Of the parameters."""
        return np.dtype(self.sets.data.dtype)

    def start(self, init: Any = None) -> Params:
        """Where to begin: at zero, or at `init`, classes without mass aside."""
        params = given_start(init, self.kind.shape[1], self.k, self.dtype)
        return without_massless(params, class_mass(self.T, self.weight, self.k)) if self.free else params

    def l1_max(self) -> float:
        """The least l1 at which W = 0 is optimal, in float64."""
        zero = self._inward(self.start())
        return self.within_memory(lambda: largest_strength(self.sets.gradient(zero), self.group))

    def solve(
        self,
        l1: float,
        l2: float,
        start: Params,
        *,
        tol: float,
        max_iter: int,
        callback: Any = None,
        session: Any = None,
    ) -> Outcome:
        """The certified optimum.

        Args:
          l1: strength > 0.
          l2: strength >= 0.
          start: W (m, k) and b (k,), for columns as they were given.
          tol: bound on J - J* to prove, nats per sample.
          max_iter: most iterations.
          callback: as in `fit`.
          session: where the state is saved, and found.
        """
        begin = self._inward(start)
        more: Any = {"tol": tol, "max_iter": max_iter, "callback": callback, "session": session}
        found = self.within_memory(lambda: self.sets.solve(l1, l2, begin, **more))
        return shifted_back(found, self.sets.at(l1, l2), tol)

    def _inward(self, params: Params) -> Params:
        dtype = self.sets.data.training.dtype
        return Params(*(np.asarray(p, dtype) for p in inward(params, self.sets.data.offset)))


def fit_sparse(
    fits: SparseFits,
    classes: np.ndarray,
    sparse: Sparse,
    l2: float,
    *,
    init: Any,
    tol: float,
    max_iter: int,
    callback: Any,
    checkpoint: Any,
    every: float | None,
) -> Outcome:
    """What `fit` does where l1 > 0.

    Args:
      fits: of the data.
      classes: (k,) labels.
      sparse: l1 and group.
      l2: strength >= 0.
      init: as in `fit`; its zeros stay zeros.
      tol: as in `fit`.
      max_iter: as in `fit`.
      callback: as in `fit`.
      checkpoint: as in `fit`.
      every: as in `fit`.
    """
    start = fits.start(init)
    settings = {
        "l1": sparse.l1,
        "group": sparse.group,
        "l2": l2,
        "tol": tol,
        "fit_intercept": fits.free,
        "start": start,
    }
    count = fits.sets.data.training.rows.collectives.count
    conditions = {"devices": count, "rows per block": fits.rows}
    data = (fits.X, fits.T, fits.weight, classes)
    with session_for(checkpoint, every, lambda: data, fits.solver, settings, conditions) as session:
        more: Any = {"tol": tol, "max_iter": max_iter, "callback": callback, "session": session}
        return fits.solve(sparse.l1, l2, start, **more)
