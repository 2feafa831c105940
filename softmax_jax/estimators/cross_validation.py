"""cross_validate: every fold and every strength, each certified, in one program on one X.

A fold is a weighting of the rows, zero on those held out: X is never copied, and the folds are lanes side by side
while the strengths are swept from strong to weak (see sweep.py). l2 is nats per sample, so a strength means the same
for the rows of a fold as for all of them.
"""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import check_cv

from softmax_jax.display.one_line import one_line, range_text
from softmax_jax.estimators.base import SoftmaxClassifier
from softmax_jax.estimators.scoring import held_out_score, routed
from softmax_jax.inputs import checks
from softmax_jax.inputs.class_weight import row_weights
from softmax_jax.inputs.conversion import is_sparse
from softmax_jax.model import Params
from softmax_jax.model_selection.choice import best_strength
from softmax_jax.model_selection.path import check_strengths
from softmax_jax.model_selection.sweep import Sweep
from softmax_jax.runtime.meshes import with_auto_axes
from softmax_jax.runtime.settings import on_host
from softmax_jax.solvers.batched import LaneOutcome
from softmax_jax.solvers.selection import check_exact

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
    solver: Any = None,
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
      CrossValidation.

    Raises:
      ValueError, TypeError: an argument is not as described, or there are more folds than members of every class.
    """
    check_exact(solver)
    tol = checks.number(tol, "tol", low=0, low_open=True)
    max_iter = checks.number(max_iter, "max_iter", low=1, integer=True)
    strengths = check_strengths(l2_values)
    X = with_auto_axes(checks.features(X, sparse=True))
    T, classes = checks.targets(y, X.shape[0])
    if T.ndim == 2:
        raise ValueError("y must hold labels for cross-validation, got soft targets.")
    weight = checks.weights(sample_weight, X.shape[0])
    splitter = _splitter(cv, T, classes)
    given = None if sample_weight is None else np.asarray(sample_weight)
    metadata, of_splitter = routed(scoring, splitter, given, params or {})
    splits = _splits(splitter, T, {"groups": groups, **of_splitter}, weight)
    folds = _fold_weights(splits, T, row_weights(class_weight, T, classes, weight), classes)
    settings = {"fit_intercept": bool(fit_intercept), "solver": solver, "max_iter": max_iter, "devices": devices}
    found = _swept(X, T, folds, len(classes), strengths, tol, settings)
    on_rows = held_out_score(scoring, classes, weight, metadata)
    scores = _scores(found, X, checks.check_labels(checks.as_labels(y)), classes, splits, on_rows)
    missing = [classes[np.bincount(T, w > 0, len(classes)) == 0].tolist() for w in folds]
    W_and_b, objective, gap, status, n_passes = _by_fold(found, len(splits))
    return CrossValidation(strengths, scores, classes, W_and_b, objective, gap, status, n_passes, splits, missing)


def _splitter(cv: Any, T: np.ndarray, classes: np.ndarray) -> Any:
    """The splitter that `cv` is or stands for."""
    if isinstance(cv, numbers.Integral) and not isinstance(cv, bool):
        cv, members = int(cv), np.bincount(T, minlength=len(classes))
        if cv < 2:
            raise ValueError(f"cv must be at least 2 folds, got {cv}.")
        if members.max() < cv:
            raise ValueError(
                f"cv={cv} folds need {cv} members of some class, got at most {members.max()}: take fewer folds, or "
                "pass a splitter such as KFold."
            )
    return check_cv(cv, T, classifier=True)


def _splits(
    splitter: Any, T: np.ndarray, metadata: dict[str, Any], weight: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Row indices of the folds, trained on and held out."""
    pairs = splitter.split(np.zeros((len(T), 1)), T, **metadata)
    splits = [(_row_indices(a, len(T), i), _row_indices(b, len(T), i)) for i, (a, b) in enumerate(pairs)]
    for i, (train, test) in enumerate(splits):
        if not len(train) or not len(test):
            raise ValueError(f"cv must leave rows to train on and to hold out in every fold, got none in fold {i}.")
        if weight is not None and not weight[test].any():
            raise ValueError(f"sample_weight must not be zero in all rows held out, as it is in fold {i}.")
    return splits


def _row_indices(rows: Any, n: int, fold: int) -> np.ndarray:
    """Indices in [0, n) of the rows that an index array or a boolean mask (n,) names."""
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n,):
        return np.flatnonzero(rows)
    rows = rows.astype(int) if rows.size == 0 else rows
    if rows.dtype.kind not in "iu" or rows.ndim != 1 or (rows.size and not 0 <= rows.min() <= rows.max() < n):
        raise ValueError(f"cv must give row indices in [0, {n}) or masks of {n} rows, got {rows!r} in fold {fold}.")
    return rows


def _fold_weights(
    splits: list[tuple[np.ndarray, np.ndarray]], T: np.ndarray, weight: np.ndarray | None, classes: np.ndarray
) -> np.ndarray:
    """(F, n) weights that sum to one and are zero on rows held out; a row drawn twice counts twice."""
    n = len(T)
    rows = np.stack([np.bincount(train, minlength=n) for train, _ in splits]).astype(np.float64)
    if weight is not None:
        rows *= weight
    total = rows.sum(axis=1, keepdims=True)
    present = np.stack([np.bincount(T, row > 0, len(classes)) > 0 for row in rows])
    if (total == 0).any() or (present.sum(axis=1) < 2).any():
        fold = int(np.argmax((total[:, 0] == 0) | (present.sum(axis=1) < 2)))
        raise ValueError(f"Every fold needs two classes of positive weight to train on; fold {fold} has not.")
    return rows / total


def _swept(
    X: Any, T: np.ndarray, folds: np.ndarray, k: int, strengths: np.ndarray, tol: float, settings: dict[str, Any]
) -> list[LaneOutcome]:
    """An outcome over all folds for each strength, in the order of `strengths`."""
    order = np.argsort(-strengths, kind="stable")
    together = not is_sparse(X) and folds.size * k <= LANE_ELEMENTS
    groups = [folds] if together else [fold[None] for fold in folds]
    found: dict[int, list[LaneOutcome]] = {int(i): [] for i in order}
    for group in groups:
        sweep = Sweep(X, T, group, n_classes=k, **settings)
        for i in order:
            found[int(i)].append(sweep.solve(float(strengths[i]), tol))
    return [_concatenated(found[i]) for i in range(len(strengths))]


def _concatenated(parts: list[LaneOutcome]) -> LaneOutcome:
    """One outcome over the lanes of all parts."""
    if len(parts) == 1:
        return parts[0]
    return LaneOutcome(
        params=Params(np.concatenate([p.params.W for p in parts]), np.concatenate([p.params.b for p in parts])),
        objective=np.concatenate([p.objective for p in parts]),
        duality_gap=np.concatenate([p.duality_gap for p in parts]),
        status=[s for p in parts for s in p.status],
        n_iter=np.concatenate([p.n_iter for p in parts]),
        n_passes=np.concatenate([p.n_passes for p in parts]),
    )


def _scores(
    found: list[LaneOutcome],
    X: Any,
    y: np.ndarray,
    classes: np.ndarray,
    splits: list[tuple[np.ndarray, np.ndarray]],
    on_rows: Any,
) -> np.ndarray:
    """(F, L) on the rows held out."""
    scores = np.empty((len(splits), len(found)))
    for f, (_, test) in enumerate(splits):
        score = on_rows(X, y, test)
        for j, outcome in enumerate(found):
            scores[f, j] = score(SoftmaxClassifier.of(Params(outcome.params.W[f], outcome.params.b[f]), classes))
    return scores


def _by_fold(found: list[LaneOutcome], F: int) -> tuple[Any, ...]:
    """Parameters, objective, gap, status and passes with folds first, strengths second."""
    params = Params(np.stack([o.params.W for o in found], axis=1), np.stack([o.params.b for o in found], axis=1))
    objective = np.stack([o.objective for o in found], axis=1)
    gap = np.stack([o.duality_gap for o in found], axis=1)
    status = [[o.status[f] for o in found] for f in range(F)]
    return params, objective, gap, status, np.stack([o.n_passes for o in found], axis=1)
