"""fit_path: the certified optimum at each of many strengths, in one call, with shared work and one compilation.

Strengths are solved from strong to weak, each from the ones before (see sweep.py).
Where validation data are given, each solution is scored on them, and a strength that cannot win may be dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data.rows.opening import is_source
from softmax_jax.display.html import path_html
from softmax_jax.display.one_line import one_line, range_text
from softmax_jax.fitting.arguments import check_strengths, given, iterations, tolerance
from softmax_jax.fitting.doors import door
from softmax_jax.fitting.sparse import checked_sparse
from softmax_jax.fitting.starts import checked_params
from softmax_jax.fitting.warned import warn_of_fits
from softmax_jax.inputs.samples import Samples
from softmax_jax.model import Params
from softmax_jax.model_selection.choice import best_strength
from softmax_jax.model_selection.pruning import RULES, Pruner
from softmax_jax.model_selection.sparse_path import SparseSweep, sparse_fits, sparse_strengths
from softmax_jax.model_selection.sweep import Sweep
from softmax_jax.model_selection.sweep_checkpoint import SweepStore, store_for
from softmax_jax.model_selection.validation import checked_validation, columns_of, validation_scores
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers.protocol import Solver
from softmax_jax.solvers.selection import check_exact
from softmax_jax.solvers.solutions import Solutions

COARSE = 100.0  # times tol: the gap at which a proof is tried before the rest of the fit is paid for


@with_documented_fields
class PathResult(NamedTuple):
    """What is found at each strength, in the order in which the strengths were given.

    Attributes:
      l2_values: (L,) strengths.
      params: NumPy W (L, m, k) and b (L, k); NaN where a strength was not run.
      classes: (k,) labels.
      objective: (L,) J, nats per sample.
      duality_gap: (L,) proven bounds on J - J*; inf for l2 = 0 and where a strength was not run.
      status: as of `fit`, or "dropped" (see `dropped`).
      n_iter: (L,) iterations.
      n_passes: (L,) passes over the data.
      val_loss: (L,) mean cross-entropy on the validation rows; NaN without them.
      val_accuracy: (L,) share of validation rows whose label is predicted; NaN without them.
      dropped: why a strength was given up, "" where it was not.
      l1_values: (L,) strengths of l1 Omega; zeros on a path along l2.
    """

    l2_values: np.ndarray
    params: Params
    classes: np.ndarray
    objective: np.ndarray
    duality_gap: np.ndarray
    status: list[str]
    n_iter: np.ndarray
    n_passes: np.ndarray
    val_loss: np.ndarray
    val_accuracy: np.ndarray
    dropped: list[str]
    l1_values: np.ndarray | None = None

    @property
    def strengths(self) -> np.ndarray:
        """(L,) what differs along the path: l1 where there is any, else l2."""
        return self.l1_values if self.l1_values is not None and self.l1_values.any() else self.l2_values

    @property
    def n_nonzero(self) -> np.ndarray:
        """(L,) weights that are not zero; 0 where a strength was not run."""
        return np.array([np.count_nonzero(np.nan_to_num(W)) for W in self.params.W])

    @property
    def n_features(self) -> np.ndarray:
        """(L,) features with a weight that is not zero; 0 where a strength was not run."""
        return np.array([np.count_nonzero(np.nan_to_num(W).any(axis=1)) for W in self.params.W])

    def __repr__(self) -> str:
        """One line, without the arrays."""
        name = "l2" if self.strengths is self.l2_values else "l1"
        more = {name: range_text(self.strengths)}
        if not np.isnan(self.val_accuracy).all():
            more["best"] = f"{name} {self.strengths[self.best]:.3g} (accuracy {np.nanmax(self.val_accuracy):.4f})"
        return one_line("PathResult", self.status, self.duality_gap, self.params, **more)

    def _repr_html_(self) -> str:
        """The table that notebooks show: a row per strength."""
        return path_html("PathResult", self)

    @property
    def best(self) -> int:
        """Index of the strength with the highest validation accuracy; of equals the one with the least loss.

        Raises:
          ValueError: there were no validation rows.
        """
        return self.best_by("accuracy")

    @property
    def best_l2(self) -> float:
        """The l2 of `best`."""
        return float(self.l2_values[self.best])

    @property
    def best_l1(self) -> float:
        """The l1 of `best`; 0 on a path along l2."""
        return 0.0 if self.l1_values is None else float(self.l1_values[self.best])

    def best_by(self, score: str) -> int:
        """Index of the best strength by "accuracy", of equals the one with the least loss, or by "loss" alone.

        Args:
          score: "accuracy" or "loss" on the validation rows.

        Raises:
          ValueError: there were no validation rows, or `score` is another word.
        """
        if score not in ("accuracy", "loss"):
            raise ValueError(f"score must be 'accuracy' or 'loss', got {score!r}.")
        values = self.val_accuracy if score == "accuracy" else -self.val_loss
        if np.isnan(values).all():
            raise ValueError("best needs validation rows: pass X_val and y_val to fit_path.")
        return best_strength(self.strengths, values, self.val_loss)

    def at(self, index: int) -> Params:
        """W (m, k) and b (k,) at one strength."""
        return Params(self.params.W[index], self.params.b[index])


@on_host
@door
def fit_path(
    X: Any,
    y: Any,
    l2_values: Any = None,
    *,
    tol: float = 1e-6,
    X_val: Any = None,
    y_val: Any = None,
    solver: Solver | str | None = None,
    max_iter: int = 1000,
    sample_weight: Any = None,
    fit_intercept: bool = True,
    init: Params | None = None,
    prune: str | None = None,
    retire: str | None = None,
    devices: Any = None,
    callback: Callable[[int, PathResult], Any] | None = None,
    checkpoint: Any = None,
    l1_values: Any = None,
    n_l1: int | None = None,
    l1_ratio: float | None = None,
    l2: float = 0.0,
    group: str | None = None,
) -> PathResult:
    """Fit at every strength, each to a certified gap of at most `tol`: along l2, or along l1 for sparse solutions.

    Args:
      X: (n, m) features, or a source of rows, as for `fit`; L-BFGS and NewtonCG read a source once a pass.
      y: (n,) labels, or soft targets (n, k).
      l2_values: strengths >= 0, all different, in any order; None for a path along l1.
      tol: bound on J - J* to prove for each, nats per sample.
      X_val: (n_val, m) features to score on, or a source of rows, which is read once for each strength. Columns of
        frames and Parquet files are paired by name with those of X.
      y_val: (n_val,) labels, all of which occur in y; or soft targets, whose columns are paired likewise.
      solver: None, or an exact solver's record or name.
      max_iter: most iterations for a strength.
      sample_weight: (n,) >= 0, of any scale.
      fit_intercept: whether the bias is free.
      init: parameters to start the strongest from; zeros by default.
      prune: None solves every strength. "proof": a strength is given up once its certificate proves that its
        accuracy is below that of a strength already solved. "validation": those weaker than three in a row of rising
        validation loss are not run.
      retire: the former name of `prune`.
      devices: as for `fit`.
      callback: called after each strength with its index and the result so far; a true result stops.
      checkpoint: directory to keep what is found after each strength in. The same call goes on from there, and ends
        bit for bit as if it had never been stopped, on the same devices; where all was done, it returns at once.
      l1_values: strengths > 0 of l1 Omega(W), all different, in any order.
      n_l1: in their place, how many: evenly on a logarithmic scale from `l1_max`, where W = 0, to a hundredth of it.
      l1_ratio: in (0, 1]: l2 = l1 (1 - l1_ratio) / l1_ratio at each l1, as in an elastic net; None for `l2`.
      l2: strength >= 0 beside each l1.
      group: as in `fit`.

    Returns:
      PathResult. After Ctrl-C, or where the callback stopped, the strengths not run have status "interrupted".
      Strengths that did not converge, and columns that differ in spread by more than 1e3, are warned of.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
      CheckpointError: the checkpoint is of other data or settings, or damaged.
    """
    sparse = _is_sparse(l2_values, l1_values, n_l1, {"l1_ratio": l1_ratio, "l2": l2 or None, "group": group})
    tol, max_iter = tolerance(tol), iterations(max_iter, least=1)
    strengths = np.zeros(0) if sparse else check_strengths(l2_values)
    check_exact(solver)
    record: Any = solver
    name, rule = ("retire", retire) if prune is None else ("prune", prune)
    if rule not in RULES:
        raise ValueError(f"{name} must be one of {RULES}, got {rule!r}.")
    if retire not in (None, rule):
        raise ValueError(f"prune and retire, its former name, must not differ, got {prune!r} and {retire!r}.")
    named = X
    data = given(X, y, sample_weight, devices)
    X, T, classes, weight, kind = data
    if sparse and rule == "proof":
        raise ValueError(f"{name}='proof' is for paths along l2, whose distance to the optimum it needs; give another.")
    if kind.is_streamed and rule == "proof":
        raise ValueError(f"{name}='proof' needs X in memory, got rows that are read by blocks.")
    if rule == "proof" and is_source(X_val):
        raise ValueError(f"{name}='proof' needs X_val in memory, got rows that are read by blocks.")
    validation = checked_validation(X_val, y_val, kind.shape[1], classes, columns_of(named, y, T, classes))
    if rule and validation is None:
        raise ValueError(f"{name}={rule!r} needs X_val and y_val.")
    n = kind.shape[0]
    s = np.full((1, n), 1 / n) if weight is None else (weight / weight.sum())[None]
    k, free = len(classes), bool(fit_intercept)
    if sparse:
        checked_sparse(1.0, group, solver)
        fits = sparse_fits(data, group=group, fit_intercept=free, solver=record, devices=devices)
        strengths, beside = sparse_strengths(fits, l1_values, n_l1, l1_ratio, l2)
        sweep: Sweep | SparseSweep = SparseSweep(fits, strengths, beside, max_iter)
    else:
        sweep = Sweep(X, T, s, n_classes=k, fit_intercept=free, solver=record, max_iter=max_iter, devices=devices)
        beside = None
    if init is not None:
        sweep.start_from(checked_params(init, kind.shape[1], k, sweep.dtype))
    collected = _Collected(strengths, classes, sweep.shape, sweep.dtype, validation, beside)
    pruner = Pruner(rule, X, weight, validation, free) if rule and validation else None
    settings = {"tol": tol, "max_iter": max_iter, "fit_intercept": free, "prune": rule, "init": init}
    if beside is not None:
        settings |= {"l1_values": strengths.tolist(), "beside": beside.tolist(), "group": group}
    try:
        with store_for(checkpoint, sweep, collected.result, (X, T, weight, classes), validation, settings) as store:
            _run_in_turn(sweep, collected, tol, pruner, callback, store)
    except KeyboardInterrupt:
        pass  # what is not solved keeps the status "interrupted"
    if not isinstance(named, Samples):  # who gives these tells in another way
        placed = sweep.fits.sets.data if isinstance(sweep, SparseSweep) else sweep.data
        rows = placed.exact.rows if kind.is_streamed else None
        warn_of_fits(collected.result.status, X, tol=tol, max_iter=max_iter, rows=rows)
    return collected.result


def _is_sparse(l2_values: Any, l1_values: Any, n_l1: Any, of_sparse: dict[str, Any]) -> bool:
    """Whether the path is along l1; ValueError where the arguments say neither, or both."""
    sparse = l1_values is not None or n_l1 is not None
    if l2_values is None and not sparse:
        raise ValueError(
            "l2_values must be a list of strengths, got None; or give l1_values or n_l1 for a path along l1."
        )
    if l2_values is not None and sparse:
        raise ValueError(
            "l2_values must be None for a path along l1; give l2=, one strength beside each l1, or l1_ratio=."
        )
    needless = [name for name, value in of_sparse.items() if value is not None]
    if not sparse and needless:
        raise ValueError(f"{needless[0]} is for a path along l1: give l1_values or n_l1 in place of l2_values.")
    return sparse


class _Collected:
    """The result as it fills."""

    def __init__(
        self,
        strengths: np.ndarray,
        classes: np.ndarray,
        shape: tuple[int, int],
        dtype: Any,
        validation: Any,
        beside: np.ndarray | None = None,
    ) -> None:
        L = len(strengths)
        empty = Params(np.full((L, *shape), np.nan, dtype), np.full((L, shape[1]), np.nan, dtype))
        self.result = PathResult(
            l2_values=strengths if beside is None else beside,
            params=empty,
            classes=classes,
            objective=np.full(L, np.nan),
            duality_gap=np.full(L, np.inf),
            status=["interrupted"] * L,
            n_iter=np.zeros(L, int),
            n_passes=np.zeros(L, int),
            val_loss=np.full(L, np.nan),
            val_accuracy=np.full(L, np.nan),
            dropped=[""] * L,
            l1_values=np.zeros(L) if beside is None else strengths,
        )
        self.validation = validation
        self.order = np.argsort(-strengths, kind="stable")

    def enter(self, i: int, found: Solutions) -> None:
        """What was found at strength i."""
        r, one = self.result, found.at(0)
        r.params.W[i], r.params.b[i] = one.params
        r.objective[i], r.duality_gap[i], r.status[i] = one.objective, one.duality_gap, one.status
        r.n_iter[i] += one.n_iter
        r.n_passes[i] += one.n_passes
        if self.validation is not None:
            r.val_loss[i], r.val_accuracy[i] = validation_scores(r.at(i), *self.validation)

    def drop(self, i: int, why: str) -> None:
        """Strength i is given up."""
        self.result.status[i], self.result.dropped[i] = "dropped", why
        self.result.val_loss[i] = self.result.val_accuracy[i] = np.nan  # it has not been solved, and cannot win


def _run_in_turn(
    sweep: Sweep | SparseSweep,
    collected: _Collected,
    tol: float,
    pruner: Pruner | None,
    callback: Any,
    store: SweepStore | None,
) -> None:
    """From the strongest to the weakest, after those that are in `store`."""
    result = collected.result
    done = 0 if store is None else store.load()
    if pruner is not None:
        for i in collected.order[:done]:
            if not result.dropped[i]:
                pruner.learn(result.at(i), float(result.duality_gap[i]), float(result.l2_values[i]))
    for position, i in enumerate(collected.order[done:], done):
        if pruner is not None and (why := pruner.stop(result.val_loss[collected.order[:position]])):
            for later in collected.order[position:]:
                collected.drop(later, why)
            if store is not None:
                store.save(len(collected.order))
            return
        solved = _solve(sweep, collected, tol, pruner, i)
        if store is not None:
            store.save(position + 1)
        if solved and callback is not None and callback(int(i), result):
            return


def _solve(sweep: Sweep | SparseSweep, collected: _Collected, tol: float, pruner: Pruner | None, i: int) -> bool:
    """Enter or drop strength i; whether it was solved."""
    result, l2 = collected.result, float(collected.result.strengths[i])
    if pruner is not None and pruner.rule == "proof" and l2 > 0:
        collected.enter(i, sweep.solve(l2, COARSE * tol))
        result.status[i] = "interrupted"  # until it is solved to tol
        if why := pruner.cannot_win(result.at(i), float(result.duality_gap[i]), l2):
            collected.drop(i, why)
            return False
    collected.enter(i, sweep.solve(l2, tol))
    if pruner is not None:
        pruner.learn(result.at(i), float(result.duality_gap[i]), l2)
    return True
