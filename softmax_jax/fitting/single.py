"""fit(): check the input, place the data, choose a solver, run it, and return the optimum with its proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from softmax_jax.display.html import result_html
from softmax_jax.fitting.arguments import given, iterations, strength, tolerance
from softmax_jax.fitting.doors import door
from softmax_jax.fitting.predicting import predict, predict_proba
from softmax_jax.fitting.returned import SHARE_OF_TOL, continued, from_span, shifted_back
from softmax_jax.fitting.sparse import SparseFits, checked_sparse, fit_sparse
from softmax_jax.fitting.starts import class_mass, start_params, without_massless
from softmax_jax.fitting.warned import warn_of_fit
from softmax_jax.inputs.conversion import is_jax
from softmax_jax.inputs.samples import Samples
from softmax_jax.model import Params
from softmax_jax.placement.budget import first_rows, within_memory
from softmax_jax.placement.devices import place_for
from softmax_jax.placement.offsets import inward, shifted
from softmax_jax.placement.padding import Padding, padding_for
from softmax_jax.placement.place import Kind, place
from softmax_jax.placement.span import pays, spanned
from softmax_jax.problem.problem import Data
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers.driver import Progress, optimise
from softmax_jax.solvers.gradient_descent import SGD, descend
from softmax_jax.solvers.lbfgs import LBFGS
from softmax_jax.solvers.protocol import Record, Solver
from softmax_jax.solvers.selection import choose_solver, fallbacks, solvers_in_span
from softmax_jax.solvers.solutions import Outcome
from softmax_jax.storage.resuming import checked_interval, session_for
from softmax_jax.storage.saving import Saving


@with_documented_fields
class FitResult(NamedTuple):
    """The parameters and what is proven about them.

    Attributes:
      params: NumPy W (m, k) and b (k,), in the dtype of computation.
      classes: (k,) labels in sorted order, or 0..k-1 for soft targets.
      objective: J at params, nats per sample, evaluated in float64.
      duality_gap: proven bound on J - J*, nats per sample; inf for l2 = 0.
      status: converged, max_iter, precision_floor (the dtype can get no closer), nonfinite, diverging (no finite
        optimum, or a step size too large) or interrupted.
      n_iter: iterations, or epochs of gradient descent.
      n_passes: passes over the data, each a product with X and one with its transpose.
      history: J after each iteration, or the cost of each update of gradient descent before it.
      precision: of the products with X that led there, in the order in which they were used: "float32", "float64", or
        how float32 was made up on an accelerator; the certificate's are in float64 where the platform has it.
      l2: strength that it was fitted with; NaN where that is not known, as in files of older versions.
      l1: strength of Omega that it was fitted with.
      group: of Omega, as in `fit`; None where l1 is 0.
    """

    params: Params
    classes: np.ndarray
    objective: float
    duality_gap: float
    status: str
    n_iter: int
    n_passes: int
    history: np.ndarray
    precision: str = ""
    l2: float = float("nan")
    l1: float = 0.0
    group: str | None = None

    predict, predict_proba = predict, predict_proba

    @property
    def support(self) -> np.ndarray:
        """Indices of the features with a weight that is not zero."""
        return np.flatnonzero(np.asarray(self.params.W).any(axis=1))

    @property
    def n_nonzero(self) -> int:
        """Weights that are not zero."""
        return int(np.count_nonzero(self.params.W))

    def __repr__(self) -> str:
        """One line, without the arrays."""
        W, penalty = self.params.W, f"l1={self.l1:g}, " if self.l1 else ""
        penalty += "" if np.isnan(self.l2) else f"l2={self.l2:g}, "
        return (
            f"FitResult(status={self.status!r}, objective={self.objective:.8g}, duality_gap={self.duality_gap:.1e}, "
            f"n_iter={self.n_iter}, n_passes={self.n_passes}, {penalty}W={W.shape} {np.dtype(W.dtype).name})"
        )

    def _repr_html_(self) -> str:
        """The table that notebooks show."""
        m, k = self.params.W.shape
        penalty = ({"l1": self.l1} if self.l1 else {}) | {"l2": self.l2}
        return result_html("FitResult", self, **penalty, **{"features, classes": f"{m}, {k}"})


@on_host
@door
def fit(
    X: Any,
    y: Any,
    *,
    l2: float = 1e-4,
    solver: Record | str | None = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    sample_weight: Any = None,
    init: Any = None,
    fit_intercept: bool = True,
    callback: Callable[[Progress], Any] | None = None,
    seed: int = 0,
    checkpoint: Any = None,
    every: Any = None,
    devices: Any = None,
    l1: float = 0.0,
    group: str | None = None,
) -> FitResult:
    """Fit softmax regression: minimise J(W, b) to a certified duality gap of at most `tol`.

    With `l1` the penalty is l1 Omega(W) + l2/2 ||W||^2, and weights that do not help are exactly zero.

    float64 data are computed in float64, other data in float32 and finished with float64 gradients where `tol`
    asks for more than float32 can give.

    Args:
      X: (n, m) features, any real dtype; a SciPy sparse matrix stays sparse. A source of rows (see
        `softmax_jax.data.open_rows`), and a numpy.memmap larger than half of the free memory, are read by blocks, once
        a pass.
      y: (n,) labels of any one kind, or soft targets T (n, k) whose rows sum to 1.
      l2: strength of the penalty l2/2 ||W||^2, >= 0; b is not penalised.
      solver: None to choose by size, or `LBFGS()`, `NewtonCG()`, `Newton()`, `SGD(eta, epochs, minibatches)`; with
        l1 None or `ProximalNewton()`; or "auto", "lbfgs", "newton-cg", "newton", "sgd" (its epochs are max_iter),
        "proximal-newton".
      tol: bound on J - J* to prove, nats per sample; with l2 = 0 the norm of the gradient, each column's entries times
        its largest deviation over its variance, so that units do not matter.
      max_iter: most iterations; gradient descent counts `epochs` instead.
      sample_weight: (n,) >= 0, of any scale.
      init: None (zeros; N(0, 1) for gradient descent), "zeros", "normal" or Params.
      fit_intercept: whether the bias is free; else it stays at 0.
      callback: called between chunks of iterations with `Progress`; a true result stops the fit.
      seed: of the normal initialisation and of the order of minibatches.
      checkpoint: a directory in which the state of the fit is kept, and from which a fit with the same data and
        settings goes on: its result is that of a fit that was never stopped, bit for bit on the same hardware.
        max_iter (epochs, too) and callback may differ. Ctrl-C and SIGTERM then save the state first.
      every: seconds between checkpoints, 0 for one after every chunk of iterations; None for about a minute.
      devices: a device; a number of local devices, several devices or a `jax.sharding.Mesh` to share the rows, a second
        mesh axis sharing the classes; None for all local accelerators, or for those that the rows of X are shared over.
      l1: strength >= 0 of Omega(W), the sum of |W_ij|.
      group: None, or "features": Omega is the sum over features of the norm of W's row, so that a feature is kept or
        dropped for all classes at once.

    Returns:
      FitResult; look at `status` before using it. A fit that did not converge, and columns that differ in spread by
      more than 1e3, are warned of, with the cure.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
      CheckpointError: a ValueError; `checkpoint` is of another fit, damaged, or in use by another process.
      OSError: `checkpoint` cannot be written to.
      DeviceMemoryError: memory ran out, however small the blocks of rows.
      RuntimeError: this process was forked from one that had imported this module.

    Example:
        >>> result = fit([[0.0], [1.0], [2.0], [3.0]], ["a", "b", "a", "b"], l2=0.1)
        >>> result.status, result.duality_gap <= 1e-6, result.params.W.shape
        ('converged', True, (1, 2))
    """
    speaks = not isinstance(X, Samples)  # who gives these tells in another way
    X, T, classes, weight, kind = given(X, y, sample_weight, devices)
    (n, m), k = kind.shape, len(classes)
    l2, tol, max_iter = strength(l2), tolerance(tol), iterations(max_iter)
    every, sparse = checked_interval(checkpoint, every), checked_sparse(l1, group, solver)
    if sparse.l1 > 0:
        free: Any = {"fit_intercept": bool(fit_intercept), "solver": solver, "devices": devices}
        fits = SparseFits((X, T, weight), kind, k, group=sparse.group, **free)
        kept: Any = {"callback": callback, "checkpoint": checkpoint, "every": every}
        found = fit_sparse(fits, classes, sparse, l2, init=init, tol=tol, max_iter=max_iter, **kept)
        result = FitResult(found.params, classes, *found[1:], l2=l2, l1=sparse.l1, group=sparse.group)
        if speaks:
            rows = fits.sets.data.exact.rows if kind.is_streamed else None
            warn_of_fit(result, X, solver=solver, l2=l2, l1=sparse.l1, tol=tol, max_iter=max_iter, rows=rows)
        return result
    chosen = choose_solver(solver, kind, k, l2)
    way = {"minibatches": not chosen.is_exact, "by_blocks": kind.is_streamed}
    device = place_for(devices, kind.shape, k, lying=X if is_jax(X) else None, **way)
    block, padding = first_rows(kind, k, device), None
    if block is None:
        padding = _padding(kind, k, l2, chosen, device)
    inner = (kind, k) if padding is None else (kind._replace(shape=padding[:2]), padding.classes)
    chosen = choose_solver(solver, *inner, l2)
    others = fallbacks(chosen, *inner) if solver is None else ()
    settings = {"l2": l2, "tol": tol, "fit_intercept": bool(fit_intercept), "seed": seed}

    seen: list[Any] = []  # rows that were read by blocks, with what the first pass found
    free, shares = bool(fit_intercept), np.full(n, 1 / n) if weight is None else weight / weight.sum()

    def run(rows: int | None) -> Outcome:
        can = chosen.is_exact and l2 > 0 and padding is None and pays(kind, device, rows)
        needs: Any = solver or LBFGS()
        wide = spanned(X, T, shares, l2, free, needs, device) if can else None
        used, then = (chosen, others) if wide is None else solvers_in_span(solver, wide.inner, k)
        pad = None if rows else padding
        data = place(X, T, weight, l2, free, chosen, device, rows, pad) if wide is None else wide.inner
        seen[:] = [data.exact.rows] if kind.is_streamed else []
        start = start_params(init, used, m, len(classes), np.dtype(data.training.dtype), seed)
        if free and used.is_exact:
            start = without_massless(start, class_mass(T, weight, len(classes)))
        conditions = {"devices": data.training.rows.collectives.count, "rows per block": rows}
        agreed = {**settings, "start": start, "fallbacks": repr(then)}
        if wide is not None:
            agreed["in the span of the rows"] = True
        with session_for(checkpoint, every, lambda: (X, T, weight, classes), used, agreed, conditions) as session:
            if wide is None:
                begin = pad.inward(start) if pad else start
                found = run_solver(used, data, n, begin, tol, max_iter, callback, seed, session, then)
                return found._replace(params=pad.outward(found.params)) if pad else found
            begin, near = Params(*(p.astype(data.training.dtype) for p in wide.span.inward(start))), SHARE_OF_TOL * tol
            found = run_solver(used, data, n, begin, near, max_iter, callback, seed, session, then)

        def further(first: Outcome) -> Outcome:
            whole, left = place(X, T, weight, l2, free, chosen, device), max_iter - first.n_iter
            return continued(first, run_solver(chosen, whole, n, first.params, tol, left, callback, seed, None, others))

        return from_span(found, wide.span, wide.given, tol, further)

    outcome = within_memory(run, block, kind, k, device)
    result = FitResult(outcome.params, classes, *outcome[1:], l2=l2)
    if speaks:
        rows = seen[0] if seen else None
        warn_of_fit(result, X, solver=solver, l2=l2, tol=tol, max_iter=max_iter, rows=rows)
    return result


def _padding(kind: Kind, k: int, l2: float, solver: Record, device: Any) -> Padding | None:
    """How a small dense table is padded, for an exact solver and where there is a penalty.

    Over several devices as on one, so that a fit may go on from a checkpoint elsewhere; not where they share classes.
    """
    shared = isinstance(device, Mesh) and device.devices.ndim > 1
    if kind.is_sparse or kind.is_streamed or l2 == 0 or not solver.is_exact or shared:
        return None
    return padding_for(*kind.shape, k)


def run_solver(
    solver: SGD | Solver,
    data: Data,
    n: int,
    start: Params,
    tol: float,
    max_iter: int,
    callback: Any,
    seed: int,
    session: Saving | None = None,
    fallbacks: Sequence[Any] = (),
) -> Outcome:
    """Minimise from `start`, by gradient descent or by an exact solver on shifted columns.

    Args:
      solver: SGD, or the record of an exact solver.
      data: n rows and padding, in the training dtype and exactly, with columns as they were given.
      n: rows that are not padding.
      start: W (m, k) and b (k,), for columns as they were given.
      tol: nats per sample, gap to certify; for l2 = 0 the norm of the gradient.
      max_iter: most iterations; SGD has its epochs instead.
      callback: called with `Progress` after each chunk or epoch, a true result stops; or None.
      seed: of the order of minibatches; exact solvers draw nothing.
      session: where the state is saved, and found; None without a checkpoint.
      fallbacks: exact solvers that go on, one after the other, where the one before gets no further.
    """
    if isinstance(solver, SGD):
        return descend(solver, data, n, start, tol=tol, callback=callback, seed=seed, session=session)
    data = shifted(data)
    start = Params(*(np.asarray(p, data.training.dtype) for p in inward(start, data.offset)))
    more: Any = {"callback": callback, "session": session, "fallbacks": fallbacks}
    return shifted_back(optimise(solver, data, start, tol=tol, max_iter=max_iter, **more), data, tol)
