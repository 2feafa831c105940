"""cross_validate: every fold and every strength, each certified, in one program on one X.

A fold is a weighting of the rows, zero on those held out: X is never copied, and the folds are solved side by side
while the strengths are swept from strong to weak (see sweep.py). l2 is nats per sample, so a strength means the same
for the rows of a fold as for all of them. Along l1 the folds are solved in turn (see sparse_folds.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data.rows.opening import refuse_labels_among
from softmax_jax.data.rows.reading import some_rows
from softmax_jax.data.rows.source import RowSource
from softmax_jax.display.one_line import one_line, range_text
from softmax_jax.estimators.base import SoftmaxClassifier
from softmax_jax.estimators.folds import Splits, fold_weights, splits_of, splitter_of
from softmax_jax.estimators.scoring import held_out_score, routed
from softmax_jax.estimators.sparse_folds import is_along_l1, penalties, swept
from softmax_jax.fitting.arguments import Given, check_strengths, iterations, tolerance
from softmax_jax.fitting.doors import door
from softmax_jax.fitting.sparse import checked_sparse
from softmax_jax.fitting.warned import warn_of_fits
from softmax_jax.inputs.class_weight import row_weights
from softmax_jax.inputs.conversion import is_sparse
from softmax_jax.inputs.samples import Samples, samples
from softmax_jax.model import Params
from softmax_jax.model_selection.choice import TIE, best_strength
from softmax_jax.model_selection.sweep import Sweep
from softmax_jax.placement.place import checked_rows, kind_of
from softmax_jax.prediction import host_net_input
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import on_host
from softmax_jax.runtime.meshes import with_auto_axes
from softmax_jax.solvers.protocol import Solver
from softmax_jax.solvers.selection import check_exact
from softmax_jax.solvers.solutions import Solutions

DEFAULT_STRENGTHS = tuple(np.geomspace(1e-6, 1e1, 15))
LANE_ELEMENTS = 2**28  # logits of all folds, beyond which the folds are swept one after the other


@with_documented_fields
class CrossValidation(NamedTuple):
    """What is found in F folds at L strengths, in the order in which the strengths were given.

    Attributes:
      l2_values: (L,) strengths.
      scores: (F, L) on the rows held out; higher is better.
      classes: (k,) labels.
      params: NumPy W (F, L, m, k) and b (F, L, k).
      objective: (F, L) J on the rows of the fold, nats per sample.
      duality_gap: (F, L) proven bounds on J - J*.
      status: F lists of L, as of `fit`.
      n_passes: (F, L) passes over the data.
      splits: F pairs of row indices, trained on and held out.
      missing: F lists of the labels that do not occur among the rows trained on.
      l1_values: (L,) strengths of l1 Omega beside those of l2; zeros where there are none.
    """

    l2_values: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    params: Params
    objective: np.ndarray
    duality_gap: np.ndarray
    status: list[list[str]]
    n_passes: np.ndarray
    splits: list[tuple[np.ndarray, np.ndarray]]
    missing: list[list[Any]]
    l1_values: np.ndarray

    def __repr__(self) -> str:
        """One line, without the arrays."""
        status = [word for fold in self.status for word in fold]
        more = {"l1": range_text(np.unique(self.l1_values))} if self.l1_values.any() else {}
        more |= {"l2": range_text(np.unique(self.l2_values)), "folds": str(len(self.scores))}
        if np.isfinite(self.mean_scores).all():
            best = f"l1 {self.best_l1:.3g}, " if self.l1_values.any() else ""
            more["best"] = f"{best}l2 {self.best_l2:.3g} (mean score {self.mean_scores[self.best]:.4f})"
        return one_line("CrossValidation", status, self.duality_gap, self.params, **more)

    @property
    def mean_scores(self) -> np.ndarray:
        """(L,) means over folds."""
        return self.scores.mean(axis=0)

    @property
    def n_nonzero(self) -> np.ndarray:
        """(L,) weights that are not zero, means over folds."""
        return np.count_nonzero(self.params.W, axis=(2, 3)).mean(axis=0)

    @property
    def best(self) -> int:
        """Index of the highest mean score; of equals the sparsest, and of these the strongest."""
        means = self.mean_scores
        if np.isnan(means).all():
            raise ValueError("scoring gave NaN for every strength: take a scorer that suits the rows held out.")
        if not self.l1_values.any():
            return best_strength(self.l2_values, means)
        winners = np.flatnonzero(means >= np.nanmax(means) - TIE)
        order = np.lexsort((-self.l2_values[winners], -self.l1_values[winners], self.n_nonzero[winners]))
        return int(winners[order[0]])

    @property
    def best_l2(self) -> float:
        """The l2 of `best`."""
        return float(self.l2_values[self.best])

    @property
    def best_l1(self) -> float:
        """The l1 of `best`; 0 where only l2 differs."""
        return float(self.l1_values[self.best])


@on_host
@door
def cross_validate(
    X: Any,
    y: Any,
    l2_values: Any = None,
    *,
    cv: Any = 5,
    scoring: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    params: dict[str, Any] | None = None,
    fit_intercept: bool = True,
    solver: Solver | str | None = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    devices: Any = None,
    l1_values: Any = None,
    n_l1: int | None = None,
    l1_ratio: Any = None,
    group: str | None = None,
) -> CrossValidation:
    """Score every strength on held-out folds; each of the fits is certified to `tol`.

    With `l1_values` or `n_l1` the penalty is l1 Omega(W) + l2/2 ||W||^2, and each fold is a path along l1 for every l2,
    or for every `l1_ratio`.

    A class that does not occur in the training rows of a fold keeps its column there, and its probability goes
    towards zero; `missing` names it. Scores of probabilities know all classes, also where a fold holds out no row of
    one. Where a class has fewer members than there are folds, scikit-learn's warning says so.

    Args:
      X: (n, m) features, as for `fit`. Of a source of rows the folds are fitted one after the other, and the rows held
        out are read once for each score.
      y: (n,) labels.
      l2_values: strengths >= 0, all different, in any order; None for 15 from 1e-6 to 10, and with l1 for 0.
      cv: number of stratified folds, a scikit-learn splitter, or an iterable of (train, test) indices.
      scoring: None for accuracy, a scikit-learn scorer or its name, such as "neg_log_loss".
      groups: (n,) for splitters that keep groups together.
      sample_weight: (n,) >= 0, of any scale; used in the fits and, where the scorer takes weights, in the scores. With
        scikit-learn's metadata routing enabled a scorer is given them if it requested them.
      class_weight: as of SoftmaxRegression; used in the fits only.
      params: what else the scorer and the splitter requested by metadata routing, by name.
      fit_intercept: whether the bias is free.
      solver: None, or an exact solver's record or name.
      tol: bound on J - J* to prove for each fit, nats per sample.
      max_iter: most iterations for a strength.
      devices: as for `fit`.
      l1_values: strengths > 0 of l1 Omega, all different, in any order.
      n_l1: in their place, how many: evenly on a logarithmic scale from `l1_max` of all rows to a hundredth of it.
      l1_ratio: in place of l2_values one or several in (0, 1]: l2 = l1 (1 - l1_ratio) / l1_ratio at each l1.
      group: as in `fit`.

    Returns:
      CrossValidation. Fits that did not converge, and columns that differ in spread by more than 1e3, are warned of.

    Raises:
      ValueError, TypeError: an argument is not as described, or there are more folds than members of every class.
    """
    check_exact(solver)
    tol = tolerance(tol)
    max_iter = iterations(max_iter, least=1)
    sparse = is_along_l1(l1_values, n_l1, l1_ratio, group)
    strengths = np.zeros(0) if sparse else check_strengths(DEFAULT_STRENGTHS if l2_values is None else l2_values)
    checked_sparse(float(sparse), group, solver)
    speaks = not isinstance(X, Samples)  # who gives these tells in another way
    data = X if isinstance(X, Samples) else samples(checked_rows(X, devices), y, sample_weight)
    X, T, classes, weight = data._replace(X=with_auto_axes(data.X))
    if isinstance(X, RowSource):
        refuse_labels_among(X, T)
    if T.ndim == 2:
        raise ValueError("y must hold labels for cross-validation, got soft targets.")
    splitter = splitter_of(cv, T, classes)
    given = None if sample_weight is None else np.asarray(sample_weight)
    metadata, of_splitter = routed(scoring, splitter, given, params or {})
    splits = splits_of(splitter, T, {"groups": groups, **of_splitter}, weight)
    fitted = row_weights(class_weight, data)
    folds = fold_weights(splits, T, fitted, len(classes))
    settings = {"fit_intercept": bool(fit_intercept), "solver": solver, "devices": devices}
    if sparse:
        rows, settings["group"] = Given(X, T, classes, fitted, kind_of(X)), group
        pairs = penalties(rows, l1_values, n_l1, l1_ratio, l2_values, settings)
        found, seen = swept(rows, folds, pairs, tol, max_iter, settings)
        strengths, of_l1 = pairs.l2, pairs.l1
    else:
        found, seen = _swept(X, T, folds, len(classes), strengths, tol, settings | {"max_iter": max_iter})
        of_l1 = np.zeros(len(strengths))

    def by_fold(part: Callable[[Solutions], Any]) -> np.ndarray:
        return np.concatenate([np.stack([np.asarray(part(o)) for o in group], axis=1) for group in found])

    if speaks:
        status = [word for group in found for o in group for word in o.status]
        warn_of_fits(status, X, tol=tol, max_iter=max_iter, rows=seen)
    found_params = Params(by_fold(lambda o: o.params.W), by_fold(lambda o: o.params.b))
    return CrossValidation(
        l2_values=strengths,
        scores=_scores(
            found_params, X, classes[T], classes, splits, held_out_score(scoring, classes, weight, metadata)
        ),
        classes=classes,
        params=found_params,
        objective=by_fold(lambda o: o.objective),
        duality_gap=by_fold(lambda o: o.duality_gap),
        status=by_fold(lambda o: o.status).tolist(),
        n_passes=by_fold(lambda o: o.n_passes),
        splits=splits,
        missing=[classes[np.bincount(T, w > 0, len(classes)) == 0].tolist() for w in folds],
        l1_values=of_l1,
    )


def _swept(
    X: Any, T: np.ndarray, folds: np.ndarray, k: int, strengths: np.ndarray, tol: float, settings: dict[str, Any]
) -> tuple[list[list[Solutions]], Any]:
    """For each group of folds that is swept together, an outcome at each strength, in the order of `strengths`.

    And the rows of the first group where they are streamed, else None.
    """
    order = np.argsort(-strengths, kind="stable")
    together = not (is_sparse(X) or isinstance(X, RowSource)) and folds.size * k <= LANE_ELEMENTS
    groups, rows = [], None
    for group in [folds] if together else [fold[None] for fold in folds]:
        sweep = Sweep(X, T, group, n_classes=k, **settings)
        found = {i: sweep.solve(float(strengths[i]), tol) for i in order}
        groups.append([found[i] for i in range(len(strengths))])
        if rows is None and isinstance(X, RowSource):
            rows = sweep.data.exact.rows
    return groups, rows


def _scores(params: Params, X: Any, y: np.ndarray, classes: np.ndarray, splits: Splits, on_rows: Any) -> np.ndarray:
    """(F, L) on the rows held out."""
    scores = []
    for W, b, (_, test) in zip(*params, splits, strict=True):
        each = [Params(*p) for p in zip(W, b, strict=True)]
        if isinstance(X, RowSource):
            scores.append([_streamed_score(p, X, y, classes, test, on_rows) for p in each])
            continue
        score = on_rows(X[test], y, test)
        scores.append([score(SoftmaxClassifier.of(p, classes)) for p in each])
    return np.array(scores, np.float64)


def _streamed_score(
    params: Params, X: RowSource, y: np.ndarray, classes: np.ndarray, test: np.ndarray, on_rows: Any
) -> float:
    """The same of rows that are read by blocks: a scorer is given their net input, and the model that returns it."""
    rows, place = np.unique(test, return_inverse=True)
    Z, k = host_net_input(params, some_rows(X, rows))[place], len(classes)
    return on_rows(Z, y, test)(SoftmaxClassifier.of(Params(np.eye(k, dtype=Z.dtype), np.zeros(k, Z.dtype)), classes))
