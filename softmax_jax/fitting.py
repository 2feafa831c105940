"""fit(): check the input, place the data, choose a solver, run it, and return the optimum with its proof."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax import border
from softmax_jax.blocked import by_blocks_of
from softmax_jax.budget import within_memory
from softmax_jax.conversion import is_sparse
from softmax_jax.data.row_sources import as_source, is_source, open_rows
from softmax_jax.dtypes import compute_dtype, scope
from softmax_jax.features import DenseFeatures
from softmax_jax.memory import free_bytes
from softmax_jax.meshes import with_auto_axes
from softmax_jax.model import Params, init_params
from softmax_jax.problem import Data, Problem, padded_rows
from softmax_jax.solvers.gradient_descent import SGD, descend
from softmax_jax.solvers.lbfgs import LBFGS
from softmax_jax.solvers.newton import ROWS_PER_UNKNOWN, Newton
from softmax_jax.solvers.newton_cg import NewtonCG
from softmax_jax.solvers.optimise import Outcome, Progress, optimise
from softmax_jax.sparse import LARGEST_BLOCK, SparseFeatures, sparse_features
from softmax_jax.streamed import stream

DENSE_NEWTON_SIZE = 1000  # unknowns up to which a dense Hessian is considered
DENSE_NEWTON_WORK = 1e8  # multiplications for a Hessian that cost nothing worth mentioning
DENSE_NEWTON_PASSES = 15  # multiplications for a Hessian, in forward products, up to which it saves more than it costs
MAPPED_SHARE = 0.5  # of the free memory, up to which a memory map is copied into memory rather than streamed
LARGEST_L2 = 1e30  # beyond it the weights are zero in any dtype
_PID = os.getpid()


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
      tol: bound on J - J* to prove, nats per sample; with l2 = 0 the norm of the gradient.
      max_iter: most iterations; gradient descent counts `epochs` instead.
      sample_weight: (n,) >= 0, of any scale.
      init: None (zeros; N(0, 1) for gradient descent), "zeros", "normal" or Params.
      fit_intercept: whether the bias is free; else it stays at 0.
      callback: called between chunks of iterations with `Progress`; a true result stops the fit.
      seed: of the normal initialisation and of the order of minibatches.
      checkpoint: reserved; not available in this version.
      every: reserved; not available in this version.
      devices: None, or the one device to compute on.

    Returns:
      FitResult; look at `status` before using it.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
      DeviceMemoryError: memory ran out, however small the blocks of rows.
      RuntimeError: this process was forked from one that had imported this module.
    """
    _refuse_fork()
    X = _checked_features(X, _one_device(devices))
    n = X.shape[0]
    T, classes = border.targets(y, n)
    weight = border.weights(sample_weight, n)
    l2 = min(border.number(l2, "l2", low=0, allow_inf=True), LARGEST_L2)
    tol = border.number(tol, "tol", low=0, low_open=True)
    max_iter = border.number(max_iter, "max_iter", low=0, integer=True)
    if checkpoint is not None or every is not None:
        raise NotImplementedError("checkpoint and every are not available in this version; leave them None.")
    solver = _choose(solver, X, len(classes), l2)
    with jax.numpy_dtype_promotion("standard"), jax.transfer_guard("allow"):  # whatever the user has set
        device = _one_device(devices)

        def run(rows: int | None) -> Outcome:
            data = place(X, T, weight, l2, bool(fit_intercept), solver, device, rows)
            start = _start(init, solver, X.shape[1], len(classes), np.dtype(data.training.dtype), seed)
            return _run(solver, data, n, start, tol, max_iter, callback, seed)

        outcome = within_memory(run, X, len(classes), device)
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
      device: where to, or None for JAX's default.
      rows: of a block, where logits are not to be stored; None to store them.
    """
    n = X.shape[0]
    gradient = getattr(solver, "gradient", "closed_form")
    s = np.full(n, 1 / n) if weight is None else weight / weight.sum()
    if is_source(X):
        return stream(X, T, s, l2, fit_intercept, rows=rows, gradient=gradient, device=device)
    N, dtype = padded_rows(n), compute_dtype(X)
    s = np.pad(s, (0, N - n))
    T = np.pad(T, (0, N - n)) if T.ndim == 1 else np.pad(T.T, ((0, 0), (0, N - n)))
    with scope(dtype):
        X = _place_features(X, N, device)

    def build(dtype: Any) -> Any:
        with scope(dtype):
            target = T if T.ndim == 1 else T.astype(dtype)
            leaves = (target, s.astype(dtype), dtype.type(l2), dtype.type(fit_intercept))
            problem = Problem(X, *jax.device_put(leaves, device), gradient=gradient)
            return problem if rows is None else by_blocks_of(problem, rows)

    wide = np.dtype(np.float64) if _has_float64() else dtype
    exact = build(wide)
    return Data(exact if dtype == wide or isinstance(solver, Newton) else build(dtype), exact, dtype)


def _checked_features(X: Any, device: Any) -> Any:
    """X in memory, checked, or a source of rows; a memory map is one where it would take too much of the memory."""
    if isinstance(X, np.memmap) and X.ndim == 2 and X.nbytes > MAPPED_SHARE * free_bytes(device):
        return open_rows(X)
    return as_source(X) if is_source(X) else with_auto_axes(border.features(X, sparse=True))


def _refuse_fork() -> None:
    """Raise RuntimeError in a forked process: JAX's threads are not there, and the first computation would hang."""
    if os.getpid() != _PID:
        raise RuntimeError(
            f"softmax_jax was imported in process {_PID}, from which this process was forked; JAX does not survive a "
            "fork and would hang. Start workers by 'spawn', 'forkserver' or joblib's 'loky'."
        )


def _place_features(X: Any, N: int, device: Any) -> DenseFeatures | SparseFeatures:
    """The features record of X with N rows, on the device."""
    if is_sparse(X):
        return sparse_features(X, N, device)
    return DenseFeatures(jax.device_put(_padded(X, N), None if isinstance(X, jax.Array) else device))


def _padded(X: Any, N: int) -> Any:
    """A private copy of X with N rows, in aligned memory that JAX takes over without another copy."""
    n, m = X.shape
    if isinstance(X, jax.Array):
        return jnp.pad(X, ((0, N - n), (0, 0)))
    room = np.empty(N * m * X.dtype.itemsize + 64, np.uint8)
    offset = -room.ctypes.data % 64
    copy = room[offset : offset + N * m * X.dtype.itemsize].view(X.dtype).reshape(N, m)
    copy[:n], copy[n:] = X, 0
    return copy


def _choose(solver: Any, X: Any, k: int, l2: float) -> Any:
    """The solver asked for, or the fastest for the size."""
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
    n, m = X.shape
    if is_source(X):
        return LBFGS()
    unknowns = (m + 1) * k
    hessian = min(n, ROWS_PER_UNKNOWN * unknowns) * unknowns**2
    cheap = hessian <= max(DENSE_NEWTON_WORK, DENSE_NEWTON_PASSES * n * unknowns)
    return Newton() if unknowns <= DENSE_NEWTON_SIZE and cheap and _has_float64() else LBFGS()


def _check_minibatch(solver: SGD, X: Any) -> None:
    """Raise ValueError where the minibatches of sparse X, which are made dense, would take too much memory."""
    samples, m = min(solver.minibatches or X.shape[0], X.shape[0]), X.shape[1]
    if samples * m > LARGEST_BLOCK:
        raise ValueError(
            f"Gradient descent makes the minibatches of sparse X dense, here {samples} x {m}; give minibatches of at "
            f"most {LARGEST_BLOCK // m} samples, or solver LBFGS() or NewtonCG(), which keep X sparse."
        )


def _has_float64() -> bool:
    return jax.default_backend() != "tpu"


def _one_device(devices: Any) -> Any:
    devices = list(devices) if isinstance(devices, (list, tuple)) else [devices]
    if len(devices) > 1:
        raise NotImplementedError("several devices are not available in this version; give one, or None.")
    return devices[0] if devices else None


def _start(init: Any, solver: Any, m: int, k: int, dtype: np.dtype, seed: int) -> Params:
    """The parameters to start from; exact solvers take out the shift of all classes, which only costs penalty."""
    descent = isinstance(solver, SGD)
    if init is None:
        init = "normal" if descent else "zeros"
    if isinstance(init, str):
        if init not in ("zeros", "normal"):
            raise ValueError(f"init must be None, 'zeros', 'normal' or Params, got {init!r}.")
        params = init_params(m, k, seed, zeros=init == "zeros", dtype=dtype)
    else:
        params = _checked_params(init, m, k, dtype)
    if descent:
        return params
    return Params(params.W - params.W.mean(axis=1, keepdims=True), params.b)


def _checked_params(init: Any, m: int, k: int, dtype: np.dtype) -> Params:
    try:
        W, b = (np.array(p, dtype) for p in init)
    except (TypeError, ValueError) as error:
        raise ValueError(f"init must be None, 'zeros', 'normal' or Params(W, b), got {type(init).__name__}.") from error
    if W.shape != (m, k) or b.shape != (k,):
        raise ValueError(
            f"init must have W of shape {(m, k)} and b of shape {(k,)} to match X and y, got {W.shape} and {b.shape}."
        )
    if not (np.isfinite(W).all() and np.isfinite(b).all()):
        raise ValueError("init must be finite, got NaN or infinity in it.")
    return Params(W, b)


def _run(
    solver: Any, data: Data, n: int, start: Params, tol: float, max_iter: int, callback: Any, seed: int
) -> Outcome:
    if isinstance(solver, SGD):
        return descend(solver, data, n, start, tol=tol, callback=callback, seed=seed)
    return optimise(solver, data, start, tol=tol, max_iter=max_iter, callback=callback)
