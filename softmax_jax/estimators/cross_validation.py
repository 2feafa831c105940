"""cross_validate: every fold and every strength, each certified, in one program on one X.

A fold is a weighting of the rows, zero on those held out: X is never copied, and the folds are solved side by side
while the strengths are swept from strong to weak (see sweep.py). l2 is nats per sample, so a strength means the same
for the rows of a fold as for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.display.one_line import one_line, range_text
from softmax_jax.estimators.base import SoftmaxClassifier
from softmax_jax.estimators.folds import Splits, fold_weights, splits_of, splitter_of
from softmax_jax.estimators.scoring import held_out_score, routed
from softmax_jax.fitting.arguments import iterations, tolerance
from softmax_jax.fitting.warned import warn_of_fits
from softmax_jax.inputs import checks
from softmax_jax.inputs.class_weight import row_weights
from softmax_jax.inputs.conversion import is_sparse
from softmax_jax.inputs.samples import Samples, samples
from softmax_jax.model import Params
from softmax_jax.model_selection.choice import best_strength
from softmax_jax.model_selection.path import check_strengths
from softmax_jax.model_selection.sweep import Sweep
from softmax_jax.runtime.host import on_host
from softmax_jax.runtime.meshes import with_auto_axes
from softmax_jax.solvers.protocol import Solver
from softmax_jax.solvers.selection import check_exact
from softmax_jax.solvers.solutions import Solutions

DEFAULT_STRENGTHS = tuple(np.geomspace(1e-6, 1e1, 15))
LANE_ELEMENTS = 2**28  # logits of all folds, beyond which the folds are swept one after the other


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

    def __repr__(self) -> str:
        """One line, without the arrays."""
        status = [word for fold in self.status for word in fold]
        more = {"l2": range_text(self.l2_values), "folds": str(len(self.scores))}
        if np.isfinite(self.mean_scores).all():
            more["best"] = f"l2 {self.l2_values[self.best]:.3g} (mean score {self.mean_scores[self.best]:.4f})"
        return one_line("CrossValidation", status, self.duality_gap, self.params, **more)

    @property
    def mean_scores(self) -> np.ndarray:
        """(L,) means over folds."""
        return self.scores.mean(axis=0)

    @property
    def best(self) -> int:
        """Index of the strength with the highest mean score; of equals the strongest."""
        means = self.mean_scores
        if np.isnan(means).all():
            raise ValueError("scoring gave NaN for every strength: take a scorer that suits the rows held out.")
        return best_strength(self.l2_values, means)

    @property
    def best_l2(self) -> float:
        """The strength with the highest mean score; of equals the strongest."""
        return float(self.l2_values[self.best])


@on_host
def cross_validate(
    X: Any,
    y: Any,
    l2_values: Any = DEFAULT_STRENGTHS,
    *,
    cv: Any = 5,
    scoring: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    params: dict[str, Any] | None = None,
    fit_intercept: bool = True,
    solver: Solver | None = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    devices: Any = None,
) -> CrossValidation:
    """Score every strength on held-out folds; each of the fits is certified to `tol`.

    A class that does not occur in the training rows of a fold keeps its column there, and its probability goes
    towards zero; `missing` names it. Scores of probabilities know all classes, also where a fold holds out no row of
    one. Where a class has fewer members than there are folds, scikit-learn's warning says so.

    Args:
      X: (n, m) features, as for `fit`.
      y: (n,) labels.
      l2_values: strengths >= 0, all different, in any order.
      cv: number of stratified folds, a scikit-learn splitter, or an iterable of (train, test) indices.
      scoring: None for accuracy, a scikit-learn scorer or its name, such as "neg_log_loss".
      groups: (n,) for splitters that keep groups together.
      sample_weight: (n,) >= 0, of any scale; used in the fits and, where the scorer takes weights, in the scores. With
        scikit-learn's metadata routing enabled a scorer is given them if it requested them.
      class_weight: as of SoftmaxRegression; used in the fits only.
      params: what else the scorer and the splitter requested by metadata routing, by name.
      fit_intercept: whether the bias is free.
      solver: None, or an exact solver's record.
      tol: bound on J - J* to prove for each fit, nats per sample.
      max_iter: most iterations for a strength.
      devices: as for `fit`.

    Returns:
      CrossValidation. Fits that did not converge, and columns that differ in spread by more than 1e3, are warned of.

    Raises:
      ValueError, TypeError: an argument is not as described, or there are more folds than members of every class.
    """
    check_exact(solver)
    tol = tolerance(tol)
    max_iter = iterations(max_iter, least=1)
    strengths = check_strengths(l2_values)
    speaks = not isinstance(X, Samples)  # who gives these tells in another way
    data = X if isinstance(X, Samples) else samples(checks.features(X, sparse=True), y, sample_weight)
    X, T, classes, weight = data._replace(X=with_auto_axes(data.X))
    if T.ndim == 2:
        raise ValueError("y must hold labels for cross-validation, got soft targets.")
    splitter = splitter_of(cv, T, classes)
    given = None if sample_weight is None else np.asarray(sample_weight)
    metadata, of_splitter = routed(scoring, splitter, given, params or {})
    splits = splits_of(splitter, T, {"groups": groups, **of_splitter}, weight)
    folds = fold_weights(splits, T, row_weights(class_weight, data), len(classes))
    settings = {"fit_intercept": bool(fit_intercept), "solver": solver, "max_iter": max_iter, "devices": devices}
    found = _swept(X, T, folds, len(classes), strengths, tol, settings)

    def by_fold(part: Callable[[Solutions], Any]) -> np.ndarray:
        return np.concatenate([np.stack([np.asarray(part(o)) for o in group], axis=1) for group in found])

    if speaks:
        warn_of_fits([word for group in found for o in group for word in o.status], X, tol=tol, max_iter=max_iter)
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
    )


def _swept(
    X: Any, T: np.ndarray, folds: np.ndarray, k: int, strengths: np.ndarray, tol: float, settings: dict[str, Any]
) -> list[list[Solutions]]:
    """For each group of folds that is swept together, an outcome at each strength, in the order of `strengths`."""
    order = np.argsort(-strengths, kind="stable")
    together = not is_sparse(X) and folds.size * k <= LANE_ELEMENTS
    groups = []
    for group in [folds] if together else [fold[None] for fold in folds]:
        sweep = Sweep(X, T, group, n_classes=k, **settings)
        found = {i: sweep.solve(float(strengths[i]), tol) for i in order}
        groups.append([found[i] for i in range(len(strengths))])
    return groups


def _scores(params: Params, X: Any, y: np.ndarray, classes: np.ndarray, splits: Splits, on_rows: Any) -> np.ndarray:
    """(F, L) on the rows held out."""
    scores = []
    for W, b, (_, test) in zip(*params, splits, strict=True):
        score = on_rows(X, y, test)
        scores.append([score(SoftmaxClassifier.of(Params(*each), classes)) for each in zip(W, b, strict=True)])
    return np.array(scores, np.float64)
