"""fit_path along l1: from the least strength at which W = 0 downwards, each fit from the one before.

With `l1_ratio` both penalties fall together, as in an elastic net: l1 = l1_ratio lambda, l2 = (1 - l1_ratio) lambda.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.fitting.arguments import Given, check_strengths, given, strength
from softmax_jax.fitting.sparse import SparseFits, checked_sparse
from softmax_jax.inputs import checks
from softmax_jax.model import Params
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers.solutions import Solutions

FARTHEST = 1.5  # how far beyond two solutions their line is followed, in their distance
LEAST_SHARE = 0.01  # of l1_max, at which a path ends unless it is said


@on_host
def l1_max(
    X: Any,
    y: Any,
    *,
    group: str | None = None,
    sample_weight: Any = None,
    fit_intercept: bool = True,
    devices: Any = None,
) -> float:
    """The least l1 at which all weights are zero, whatever l2: where a path of sparse fits begins.

    Args:
      X: (n, m) features, or a source of rows, as for `fit`.
      y: (n,) labels, or soft targets (n, k).
      group: as in `fit`.
      sample_weight: (n,) >= 0, of any scale.
      fit_intercept: whether the bias is free.
      devices: as in `fit`.

    Returns:
      The largest |X^T w (O - T)|, or with group="features" its largest row norm, where O is what the best bias alone
      gives; in float64, up to rounding.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.

    Example:
        >>> from softmax_jax import fit
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["a", "a", "b", "b"]
        >>> round(l1_max(X, y), 3), fit(X, y, l1=0.51, l2=0.0).n_nonzero, fit(X, y, l1=0.4, l2=0.0).n_nonzero
        (0.5, 0, 1)
    """
    checked_sparse(0.0, group)
    data = given(X, y, sample_weight, devices)
    return sparse_fits(data, group=group, fit_intercept=bool(fit_intercept), devices=devices).l1_max()


def sparse_fits(data: Given, **settings: Any) -> SparseFits:
    """The fits of checked data.

    Args:
      data: of `arguments.given`.
      settings: of SparseFits, by keyword.
    """
    return SparseFits((data.X, data.T, data.weight), data.kind, len(data.classes), **settings)


def sparse_strengths(
    fits: SparseFits, l1_values: Any, n_l1: Any, l1_ratio: Any, l2: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Strengths l1 (L,) and l2 (L,) of a path.

    Args:
      fits: of the data, which say where W = 0.
      l1_values: strengths > 0, all different, in any order; or None.
      n_l1: how many, evenly on a logarithmic scale from l1_max to LEAST_SHARE of it; or None.
      l1_ratio: in (0, 1], l1 / (l1 + l2); or None for l2 as it is.
      l2: strength >= 0 at each l1.

    Raises:
      ValueError: not as described, both of the first two, or an l1_ratio beside l2.
    """
    l2 = strength(l2)
    if l1_ratio is not None:
        l1_ratio = checks.number(l1_ratio, "l1_ratio", low=0, low_open=True)
        if l1_ratio > 1:
            raise ValueError(f"l1_ratio must be in (0, 1], got {l1_ratio:g}.")
        if l2:
            raise ValueError(f"l2 must be 0 where l1_ratio says what it is, got l2={l2:g} and l1_ratio={l1_ratio:g}.")
    if l1_values is None:
        count = checks.number(n_l1, "n_l1", low=1, integer=True)
        largest = fits.l1_max()
        if not largest > 0:
            raise ValueError(
                "n_l1 needs features that tell the classes apart, but no l1 > 0 gives other weights than 0."
            )
        l1 = np.geomspace(largest, LEAST_SHARE * largest, count) if count > 1 else np.array([largest])
    else:
        if n_l1 is not None:
            raise ValueError(f"Give l1_values or n_l1, not both; got n_l1={n_l1!r} beside l1_values.")
        l1 = check_strengths(l1_values, "l1_values", positive=True)
    return l1, np.full(len(l1), l2) if l1_ratio is None else l1 * (1 - l1_ratio) / l1_ratio


class SparseSweep:
    """Fits along l1 in turn: what `Sweep` is for l2.

    Args:
      fits: of the data.
      l1: (L,) strengths.
      l2: (L,) strengths beside them.
      max_iter: most iterations for each.
    """

    finishers: tuple[Any, ...] = ()
    wide = None

    def __init__(self, fits: SparseFits, l1: np.ndarray, l2: np.ndarray, max_iter: int) -> None:
        """Nothing is solved yet."""
        self.fits, self.max_iter = fits, max_iter
        self._beside = dict(zip(l1.tolist(), l2.tolist(), strict=True))
        self.solver, self.rows = fits.solver, fits.rows
        self.shape = (fits.kind.shape[1], fits.k)
        self.solved: dict[float, Params] = {}
        self.first = fits.start()

    @property
    def dtype(self) -> np.dtype:
        """Of the parameters."""
        return self.fits.dtype

    @property
    def device_count(self) -> int:
        """Devices that share the rows."""
        return self.fits.sets.data.training.rows.collectives.count

    def start_from(self, params: Params) -> None:
        """Begin at W (m, k), b (k,) in place of zero."""
        self.first = self.fits.start(params)

    def solve(self, l1: float, tol: float) -> Solutions:
        """The certified optimum (1, ...) at a strength, from the one before.

        Args:
          l1: one of the strengths.
          tol: gap to certify, nats per sample.
        """
        found = self.fits.solve(l1, self._beside[l1], self._start(l1), tol=tol, max_iter=self.max_iter)
        if found.status == "interrupted":
            raise KeyboardInterrupt  # of the path, too
        if np.isfinite(found.params.W).all():
            last = list(self.solved.items())[-1:]
            self.solved = {**dict(last), l1: found.params}
        return Solutions.of([found])

    def memory(self) -> dict[str, np.ndarray]:
        """What the next strength depends on beside `solved`, as tensors."""
        return self.fits.sets.memory()

    def recall(self, tensors: dict[str, np.ndarray]) -> None:
        """Go back to what `memory` gave."""
        self.fits.sets.recall(tensors)

    def _start(self, l1: float) -> Params:
        """As far beyond the last solution as it is from the one before, in log l1; weights that are zero stay zero."""
        if not self.solved:
            return self.first
        (nearest, found), others = list(self.solved.items())[-1], list(self.solved.items())[:-1]
        if not others:
            return found
        (before, other) = others[0]
        along = np.log(nearest / l1) / np.log(before / nearest)
        along = found.W.dtype.type(np.clip(along, 0, FARTHEST))
        W, b = (p + along * (p - q) for p, q in zip(found, other, strict=True))
        kept = (W * found.W > 0) & (other.W != 0)
        return Params(np.where(kept, W, found.W), b)
