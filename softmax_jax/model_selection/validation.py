"""Validation rows of a path: checked like the rows trained on, and what parameters score on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data.rows.opening import as_source, is_source
from softmax_jax.data.rows.reading import in_blocks
from softmax_jax.data.rows.source import RowSource
from softmax_jax.data.rows.views import chosen_columns
from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import column_names
from softmax_jax.inputs.pairing import order, paired, table_names
from softmax_jax.model import Params
from softmax_jax.prediction import host_net_input, log_softmax


class Columns(NamedTuple):
    """Names of the columns of the rows trained on, which those of the validation rows are paired with.

    Attributes:
      features: of X; empty where it has none.
      targets: of soft targets, empty where they have none; the classes where y holds labels.
      soft: whether y holds soft targets.
    """

    features: list[Any]
    targets: list[Any]
    soft: bool


def columns_of(X: Any, y: Any, T: np.ndarray, classes: np.ndarray) -> Columns:
    """The names of X and y, as they were given.

    Args:
      X: features as the caller gave them; a frame, or a source of rows, may have names.
      y: labels, or soft targets (n, k), which have names where they are a frame.
      T: what y was checked to be: (n,) class indices or (n, k) soft targets.
      classes: (k,) labels in sorted order.
    """
    soft = T.ndim == 2
    return Columns(table_names(X), column_names(y) if soft else classes.tolist(), soft)


def checked_validation(
    X_val: Any, y_val: Any, m: int, classes: np.ndarray, columns: Columns, *, sparse: bool = True
) -> tuple[Any, np.ndarray] | None:
    """Validation features and targets, checked, with their columns in the order of `columns`; None without.

    Args:
      X_val: (n_val, m) features as the caller gave them, or a source of rows, or None.
      y_val: (n_val,) labels or (n_val, k) soft targets; None exactly where X_val is.
      m: features of the rows trained on.
      classes: (k,) labels of the rows trained on; all of y_val are among them.
      columns: names of X and y, with which those of a frame are paired.
      sparse: whether a SciPy sparse X_val is taken.

    Raises:
      ValueError: only one of the two is given, or they do not fit the rows trained on.
      TypeError: X_val is sparse where that is not taken, or holds no numbers.
    """
    if X_val is None and y_val is None:
        return None
    if X_val is None or y_val is None:
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"X_val and y_val must be given together, got no {missing}.")
    if is_source(X_val):
        X = paired_source(as_source(X_val), columns.features, "X_val", m)
        return X, _targets(y_val, X.shape[0], classes, columns)
    X = checks.features(X_val, name="X_val", n_features=m, sparse=sparse)
    return paired(X, X_val, columns.features, "X_val"), _targets(y_val, X.shape[0], classes, columns)


def paired_source(X: RowSource, names: Sequence[Any], name: str, m: int) -> RowSource:
    """Rows that are read by blocks, their columns in the order of `names` where both have names.

    Args:
      X: source of rows.
      names: of the columns of the rows trained on; empty where they have none.
      name: what error messages call X.
      m: features of the rows trained on.

    Raises:
      ValueError: X has other columns.
    """
    if X.shape[1] != m:
        raise ValueError(f"{name} has {X.shape[1]} features, but the rows trained on have {m}.")
    theirs = table_names(X)
    places = order(theirs, names, name, "X") if theirs and names else None
    return X if places is None else chosen_columns(X, np.asarray(places))


def _targets(y_val: Any, n: int, classes: np.ndarray, columns: Columns) -> np.ndarray:
    """Class indices (n,), or soft targets (n, k), of the validation rows; all labels occur in `classes`."""
    try:
        T = checks.targets(y_val, n, classes=classes)[0]
    except ValueError as error:
        raise ValueError(f"y_val: {error}") from error
    named = T.ndim == 2 and (columns.soft or column_names(y_val))
    return paired(T, y_val, columns.targets, "y_val", of="y" if columns.soft else "the classes of y") if named else T


def validation_scores(params: Params, X: Any, T: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy, nats per sample, and accuracy of `params` on validation rows.

    Args:
      params: W (m, k) and b (k,).
      X: (n, m) features, dense or CSR, or a source of rows, which is read once.
      T: (n,) class indices or (n, k) soft targets, whose largest entry counts as the class.
    """
    if isinstance(X, RowSource):
        (scores,) = scores_of_many([params], X, T)
        return scores
    log_O = log_softmax(host_net_input(params, X).astype(np.float64))
    if T.ndim == 2:
        return float(-(T * log_O).sum(axis=1).mean()), float((log_O.argmax(axis=1) == T.argmax(axis=1)).mean())
    return float(-log_O[np.arange(len(T)), T].mean()), float((log_O.argmax(axis=1) == T).mean())


def scores_of_many(params: Sequence[Params], X: Any, T: np.ndarray) -> list[tuple[float, float]]:
    """The scores of several parameters, for which X is gone through once, by blocks.

    Args:
      params: W (m, k) and b (k,) each.
      X: (n, m) as for `validation_scores`.
      T: as for `validation_scores`.
    """
    totals, k = np.zeros((len(params), 2)), len(params[0].b)
    for start, block in in_blocks(X, k):
        part = slice(start, start + block.shape[0])
        totals += [np.multiply(validation_scores(each, block, T[part]), block.shape[0]) for each in params]
    return [(float(loss), float(accuracy)) for loss, accuracy in totals / X.shape[0]]
