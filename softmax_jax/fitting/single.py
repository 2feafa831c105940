"""fit(): check the input, place the data, choose a solver, run it, and return the optimum with its proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data.rows.opening import as_source, is_source, open_rows, refuse_labels_among
from softmax_jax.display.html import result_html
from softmax_jax.dtypes import compute_dtype, scope
from softmax_jax.fitting.starts import class_mass, start_params, without_massless
from softmax_jax.inputs import checks
from softmax_jax.inputs.samples import Samples, samples
from softmax_jax.model import Params
from softmax_jax.placement.budget import first_rows, within_memory
from softmax_jax.placement.devices import memories_of, mesh_of, place_for
from softmax_jax.placement.memory import free_bytes
from softmax_jax.placement.offsets import inward, returned, shifted
from softmax_jax.placement.shards import Shards, shards_of
from softmax_jax.problem.blocked import by_blocks_of
from softmax_jax.problem.collectives import Peers
from softmax_jax.problem.problem import Data, Problem, composed
from softmax_jax.problem.streamed import stream
from softmax_jax.runtime.meshes import with_auto_axes
from softmax_jax.runtime.settings import on_host
from softmax_jax.solvers.driver import Outcome, Progress, optimise
from softmax_jax.solvers.gradient_descent import SGD, descend
from softmax_jax.solvers.newton import Newton
from softmax_jax.solvers.selection import choose_solver, fallbacks, has_float64
from softmax_jax.solvers.steps import objective_at
from softmax_jax.storage.resuming import checked_interval, session_for
from softmax_jax.storage.saving import Saving

MAPPED_SHARE = 0.5  # of the free memory, up to which a memory map is copied into memory rather than streamed
LARGEST_L2 = 1e30  # beyond it the weights are zero in any dtype
ROUNDING_OF_J = 16 * float(np.finfo(np.float64).eps)  # of the difference of two values of J, in parts of 1 + J


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
    """

    params: Params
    classes: np.ndarray
    objective: float
    duality_gap: float
    status: str
    n_iter: int
    n_passes: int
    history: np.ndarray

    def __repr__(self) -> str:
        """One line, without the arrays."""
        W = self.params.W
        return (
            f"FitResult(status={self.status!r}, objective={self.objective:.8g}, duality_gap={self.duality_gap:.1e}, "
            f"n_iter={self.n_iter}, n_passes={self.n_passes}, W={W.shape} {np.dtype(W.dtype).name})"
        )

    def _repr_html_(self) -> str:
        """The table that notebooks show."""
        m, k = self.params.W.shape
        return result_html("FitResult", self, **{"features, classes": f"{m}, {k}"})


@on_host
def fit(
    X: Any,
    y: Any,
    *,
    l2: float = 1e-4,
    solver: Any = None,
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
) -> FitResult:
    """Fit softmax regression: minimise J(W, b) to a certified duality gap of at most `tol`.

    float64 data are computed in float64, other data in float32 and finished with float64 gradients where `tol`
    asks for more than float32 can give.

    Args:
      X: (n, m) features, any real dtype; a SciPy sparse matrix stays sparse. A source of rows (see
        `softmax_jax.data.open_rows`), and a numpy.memmap larger than half of the free memory, are read by blocks, once
        a pass.
      y: (n,) labels of any one kind, or soft targets T (n, k) whose rows sum to 1.
      l2: L2 strength >= 0, nats per squared weight; b is not penalised.
      solver: None to choose by size, or `LBFGS()`, `NewtonCG()`, `Newton()`, `SGD(eta, epochs, minibatches)`.
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

    Returns:
      FitResult; look at `status` before using it.

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
    X, T, classes, weight = X if isinstance(X, Samples) else samples(checked_rows(X, devices), y, sample_weight)
    n = X.shape[0]
    refuse_labels_among(X, T)
    l2 = min(checks.number(l2, "l2", low=0, allow_inf=True), LARGEST_L2)
    tol = checks.number(tol, "tol", low=0, low_open=True)
    max_iter = checks.number(max_iter, "max_iter", low=0, integer=True)
    every = checked_interval(checkpoint, every)
    asked, solver = solver, choose_solver(solver, X, len(classes), l2)
    others = fallbacks(solver, X, len(classes)) if asked is None else ()
    home = place_for(devices, X, len(classes), minibatches=isinstance(solver, SGD), by_blocks=is_source(X))
    settings = {"l2": l2, "tol": tol, "fit_intercept": bool(fit_intercept), "seed": seed}

    def run(rows: int | None) -> Outcome:
        data = place(X, T, weight, l2, bool(fit_intercept), solver, home, rows)
        start = start_params(init, solver, X.shape[1], len(classes), np.dtype(data.training.dtype), seed)
        if fit_intercept and not isinstance(solver, SGD):
            start = without_massless(start, class_mass(T, weight, len(classes)))
        conditions = {"devices": data.training.peers.count, "rows per block": rows}
        agreed = {**settings, "start": start, "fallbacks": repr(others)}
        with session_for(checkpoint, every, (X, T, weight, classes), solver, agreed, conditions) as session:
            return run_solver(solver, data, n, start, tol, max_iter, callback, seed, session, others)

    k = len(classes)
    outcome = within_memory(run, first_rows(X, k, home), X, k, home)
    return FitResult(outcome.params, classes, *outcome[1:])


def place(
    X: Any,
    T: np.ndarray,
    weight: np.ndarray | None,
    l2: float,
    fit_intercept: bool,
    solver: Any,
    device: Any = None,
    rows: int | None = None,
) -> Data:
    """The data on the device, padded to `padded_rows` with rows of weight zero.

    Args:
      X: (n, m) checked features, dense or canonical CSR; a JAX array stays on its device.
      T: (n,) int32 labels or (n, k) soft targets.
      weight: (n,) or None.
      l2: strength.
      fit_intercept: whether the bias is free.
      solver: a record; dense Newton computes in float64 whatever the dtype of X.
      device: where to: a device, a mesh, or None for JAX's default.
      rows: of a block, where logits are not to be stored; None to store them.
    """
    n = X.shape[0]
    s = np.full(n, 1 / n) if weight is None else weight / weight.sum()
    if is_source(X):
        gradient = getattr(solver, "gradient", "closed_form")
        return stream(X, T, s, l2, fit_intercept, rows=rows, gradient=gradient, device=device)
    return place_shards(shards_of(n, device), X, T, s, l2, fit_intercept, solver, rows)


def place_shards(
    shards: Shards,
    X: Any,
    T: np.ndarray,
    s: np.ndarray,
    l2: float,
    fit_intercept: bool,
    solver: Any,
    rows: int | None = None,
) -> Data:
    """As `place`, with rows where `shards` says, and s (n,) float64 that sums to one over all rows."""
    dtype = compute_dtype(X)
    gradient = getattr(solver, "gradient", "closed_form")
    with scope(dtype):
        features = shards.features(X)

    def build(dtype: Any) -> Any:
        with scope(dtype):
            target = shards.spread(T) if T.ndim == 1 else shards.spread(T.T.astype(dtype), axis=1)
            scalars = shards.same((dtype.type(l2), dtype.type(fit_intercept)))
            weights = shards.spread(s.astype(dtype))
            peers = Peers(mesh=shards.mesh)
            problem = Problem(features, target, weights, *scalars, gradient=gradient, peers=peers)
            return problem if rows is None else by_blocks_of(problem, rows)

    wide = np.dtype(np.float64) if has_float64() else dtype
    exact = build(wide)
    return Data(exact if dtype == wide or isinstance(solver, Newton) else build(dtype), exact, dtype)


def checked_rows(X: Any, devices: Any) -> Any:
    """X in memory, checked, or a source of rows; a memory map is one where it would take too much of the memory."""
    if isinstance(X, np.memmap) and X.ndim == 2:
        one, _ = memories_of(mesh_of(devices))
        X = open_rows(X) if X.nbytes > MAPPED_SHARE * free_bytes(one) else X
    return as_source(X) if is_source(X) else with_auto_axes(checks.features(X, sparse=True))


def run_solver(
    solver: Any,
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
    """Minimise from `start`; the arguments are those of `descend` and `optimise`."""
    if isinstance(solver, SGD):
        return descend(solver, data, n, start, tol=tol, callback=callback, seed=seed, session=session)
    data = shifted(data)
    start = Params(*(np.asarray(p, data.training.dtype) for p in inward(start, data.offset)))
    more: Any = {"callback": callback, "session": session, "fallbacks": fallbacks}
    return shifted_back(optimise(solver, data, start, tol=tol, max_iter=max_iter, **more), data, tol)


def shifted_back(outcome: Outcome, data: Data, tol: float) -> Outcome:
    """The outcome of data with shifted columns, at the bias that belongs to the columns as they were given.

    That bias is larger by the offsets times W. What J gains by its rounding is added to the gap.
    """
    if data.offset is None:
        return outcome
    given, inside = returned(outcome.params, data.offset)
    with scope(data.exact.dtype):
        J = float(composed(data.exact, objective_at)(data.exact, inside))
    gap = outcome.duality_gap + max(J - outcome.objective, 0.0) + ROUNDING_OF_J * (1 + abs(J))
    lost = outcome.status == "converged" and outcome.duality_gap <= tol < gap
    status = "precision_floor" if lost else outcome.status
    return outcome._replace(params=given, objective=J, duality_gap=gap, status=status)
