"""fit_many: thousands of small problems in one call, each certified.

Either different labels on the same X, or a stack of X of one shape, as of the layers of a network. Problems are batch
of one compiled program (see solvers/batched.py), taken in groups that fit in memory. With fewer rows than
features, they are solved in the span of their rows, and proven on X.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.display.one_line import one_line
from softmax_jax.dtypes import compute_dtype, has_float64, scope
from softmax_jax.fitting.arguments import iterations, tolerance
from softmax_jax.fitting.doors import door
from softmax_jax.fitting.returned import SHARE_OF_TOL
from softmax_jax.fitting.starts import class_mass, without_massless
from softmax_jax.model import Params
from softmax_jax.model_selection.stack import Stack, checked_stack, group, picked
from softmax_jax.placement.offsets import column_offsets, returned
from softmax_jax.placement.place import Kind
from softmax_jax.placement.platforms import tiles_on
from softmax_jax.placement.span import Span, pays, span_of
from softmax_jax.problem.device_rows import DeviceRows
from softmax_jax.problem.features import DenseFeatures
from softmax_jax.problem.problem import Problem, padded_rows
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers.batched import advance_batch, at_rounded, begin_batch
from softmax_jax.solvers.batched_passes import Batch, certify, prepare
from softmax_jax.solvers.lbfgs import LBFGS
from softmax_jax.solvers.protocol import Solver
from softmax_jax.solvers.selection import check_exact
from softmax_jax.solvers.solutions import Solutions, joined
from softmax_jax.solvers.stopping import still

GROUP_ELEMENTS = 2**25  # logits, features and memory of the problems solved at a time


@with_documented_fields
class ManyResult(NamedTuple):
    """What is found for each of B problems.

    Attributes:
      params: NumPy W (B, m, k) and b (B, k).
      classes: (k,) labels of all problems together.
      objective: (B,) J, nats per sample.
      duality_gap: (B,) proven bounds on J - J*.
      status: as of `fit`, one per problem.
      n_iter: (B,) iterations.
      n_passes: (B,) passes over the data.
    """

    params: Params
    classes: np.ndarray
    objective: np.ndarray
    duality_gap: np.ndarray
    status: list[str]
    n_iter: np.ndarray
    n_passes: np.ndarray

    def __repr__(self) -> str:
        """One line, without the arrays."""
        return one_line("ManyResult", self.status, self.duality_gap, self.params)


@on_host
@door
def fit_many(
    X: Any,
    Y: Any,
    *,
    l2: Any = 1e-4,
    solver: Solver | str | None = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    sample_weight: Any = None,
    fit_intercept: bool = True,
) -> ManyResult:
    """Fit B problems, each to a certified gap of at most `tol`.

    A class that does not occur in a problem keeps its column there; its probability goes towards zero.

    Args:
      X: (n, m) features that all problems share, or (B, n, m) a stack.
      Y: (B, n) labels, a row per problem; (n,) for the same labels on a stack; or soft targets (B, n, k).
      l2: strength > 0, or (B,) one per problem, of the penalty l2/2 ||W||^2.
      solver: None for L-BFGS, or an exact solver's record or name.
      tol: bound on J - J* to prove, nats per sample.
      max_iter: most iterations of a problem.
      sample_weight: None, (n,), or (B, n) >= 0.
      fit_intercept: whether the biases are free.

    Returns:
      ManyResult.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    tol = tolerance(tol)
    max_iter = iterations(max_iter, least=1)
    check_exact(solver)
    stack = checked_stack(X, Y, l2, sample_weight, fit_intercept)
    record: Any = LBFGS() if solver is None else solver
    B, n, k, m = len(stack.T), stack.X.shape[-2], len(stack.classes), stack.X.shape[-1]
    r, own = min(n, m) if _pays(stack) else m, stack.X.ndim == 3
    memory = 2 * getattr(record, "memory", 1) * r * k + 4 * n * k
    memory += n * m + (4 * m * m if r == m else n * n) if own else 0
    memory += 3 * (k * (r + 1)) ** 2 if record.always_float64 else 0
    size = max(1, min(B, GROUP_ELEMENTS // memory))
    size = -(-B // -(-B // size))  # groups of nearly the same size, so that one program serves them
    found = [_solve(group(stack, first, size), record, tol, max_iter) for first in range(0, B, size)]
    params, *numbers = joined(found, B)
    return ManyResult(params, stack.classes, *numbers)


def _pays(stack: Stack) -> bool:
    """Whether the problems are quicker solved in the spans of their rows."""
    return pays(Kind(stack.X.shape[-2:], stack.X.dtype, is_sparse=False, is_streamed=False), None)


def _solve(stack: Stack, solver: Solver, tol: float, max_iter: int) -> Solutions:
    dtype = compute_dtype(stack.X)
    extent = stack.X.min(axis=-2), stack.X.max(axis=-2)
    offset = column_offsets(*extent, stack.X.dtype) if stack.intercept else None
    if offset is not None:
        stack = stack._replace(X=stack.X - offset[..., None, :].astype(stack.X.dtype))
    spans = _spans(stack) if _pays(stack) else None
    batch = _batch(stack, solver, dtype)
    if spans is None:
        found = _minimised(stack, batch, solver, tol, max_iter)
    else:
        found = _minimised_in(spans, stack, batch, solver, tol, max_iter)
    return found if offset is None else _shifted_back(found, batch, offset, tol)


def _minimised(stack: Stack, batch: Batch, solver: Solver, tol: float, max_iter: int) -> Solutions:
    """The optima of a batch, from zero."""
    training = batch.training
    with scope(training.dtype):
        batch = batch._replace(preconditioner=_prepared(solver, training, batch.varying))
    shape = (len(stack.T), stack.X.shape[-1], len(stack.classes))
    start = Params(np.zeros(shape), np.zeros((shape[0], shape[2])))
    if stack.intercept:
        mass = [class_mass(T, w, shape[2]) for T, w in zip(stack.T, stack.weights, strict=True)]
        start = without_massless(start, np.stack(mass))
    chunk = begin_batch(solver, batch, start)
    return advance_batch(solver, batch, chunk, tol=tol, max_iter=max_iter)[0]


def _spans(stack: Stack) -> list[Span] | None:
    """The span of the rows that all problems share, or of each one's own; None where one has none."""
    if stack.X.ndim == 2:
        spans = [span_of(stack.X, stack.weights.mean(axis=0), stack.intercept)]
    else:
        spans = [span_of(X, w, stack.intercept) for X, w in zip(stack.X, stack.weights, strict=True)]
    return [span for span in spans if span is not None] if all(span is not None for span in spans) else None


def _minimised_in(
    spans: list[Span], stack: Stack, given: Batch, solver: Solver, tol: float, max_iter: int
) -> Solutions:
    """The optima that are found in the spans of the rows, proven on X; those that are not proven are fitted on X."""
    r = max(span.features.shape[1] for span in spans)
    F = np.stack([np.pad(span.features, ((0, 0), (0, r - span.features.shape[1]))) for span in spans])
    inner = stack._replace(X=F if stack.X.ndim == 3 else F[0])
    dtype = given.training.dtype
    batch = _batch(inner, solver, dtype, uncorrelated=True)
    found = _minimised(inner, batch, solver, SHARE_OF_TOL * tol, max_iter)
    each = zip(spans * (len(stack.T) // len(spans)), *found.params, strict=True)
    outside = [span.outward(Params(W[: span.C.shape[1]], b)) for span, W, b in each]
    params = Params(*(np.stack(p).astype(dtype) for p in zip(*outside, strict=True)))
    with scope(np.float64):
        params, J, gap = jax.tree.map(np.array, certify(given.varying, given.exact, params))
    gap = np.where(np.isfinite(gap), gap, np.inf)
    words = ["converged" if g <= tol else still(word, g, tol) for word, g in zip(found.status, gap, strict=True)]
    lost = np.flatnonzero((gap > tol) & (np.array(found.status) == "converged"))
    found = found._replace(params=params, objective=J, duality_gap=gap, status=words)
    if len(lost):
        some = picked(stack, lost)
        further = _minimised(some, _batch(some, solver, dtype), solver, tol, max_iter)
        for i, problem in enumerate(lost):
            found.put(int(problem), further.at(i), further=True)
    return found


def _batch(stack: Stack, solver: Solver, dtype: Any, uncorrelated: bool = False) -> Batch:
    """The problems on the device, unprepared; with X in the dtype of each where it is `uncorrelated`."""
    wide = np.dtype(np.float64) if has_float64() else dtype
    varying = ("weights", "T", "l2") + (("X",) if stack.X.ndim == 3 else ())
    n = stack.X.shape[-2]
    pad = ((0, 0), (0, padded_rows(n) - n))
    rows = np.pad(stack.X, (*([(0, 0)] if stack.X.ndim == 3 else []), pad[1], (0, 0)))

    @functools.cache
    def features(dtype: Any) -> DenseFeatures:
        with scope(dtype):
            return DenseFeatures(jnp.array(rows.astype(dtype, copy=False)), uncorrelated, tiles_on(None))

    def build(dtype: Any) -> Problem:
        soft = stack.T.ndim == 3
        T = np.pad(stack.T.swapaxes(1, 2), ((0, 0), *pad)).astype(dtype) if soft else np.pad(stack.T, pad)
        with scope(dtype):
            target, weights = jax.device_put((T, np.pad(stack.weights, pad).astype(dtype)))
            scalars = jax.device_put((stack.l2.astype(dtype), dtype.type(stack.intercept)))
            X = features(dtype if uncorrelated else stack.X.dtype)
            return Problem(DeviceRows(X, target, weights), *scalars, gradient=solver.gradient)

    exact = build(wide)
    return Batch(exact if dtype == wide else build(dtype), exact, varying, None, stack.X.ndim == 2)


def _shifted_back(found: Solutions, batch: Batch, offset: np.ndarray, tol: float) -> Solutions:
    """The outcome at the biases that belong to the columns as they were given."""
    given, inside = returned(found.params, offset)
    return at_rounded(batch, found, inside, tol)._replace(params=given)


def _prepared(solver: Solver, problem: Problem, varying: tuple[str, ...]) -> Any:
    """What the solver prepares: for all problems where they share X, weighed by their mean, else for each."""
    if "X" in varying:
        return prepare(solver, problem, varying)
    mean = jnp.mean(problem.in_memory.weights, axis=0)
    return solver.prepare(problem.replaced(T=problem.in_memory.T[0], weights=mean, l2=problem.l2[0]))
