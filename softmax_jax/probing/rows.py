"""The rows of a probe: those trained on and those held out, checked, paired by name and prepared, in one array."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import is_jax, is_sparse
from softmax_jax.inputs.pairing import order, table_names
from softmax_jax.inputs.samples import Samples, samples
from softmax_jax.probing.preparation import Preparation, prepared
from softmax_jax.runs.stratified import stratified_rows


class Rows(NamedTuple):
    """What a probe works on.

    Attributes:
      train: the rows that strengths are fitted to.
      X_val: (n_val, m) rows held out, prepared; None with folds.
      y_val: (n_val,) their labels.
      everything: training rows above those held out.
      preparation: what was done to all of them.
      columns: names of the features, where they came in a frame.
    """

    train: Samples
    X_val: Any
    y_val: Any
    everything: Samples
    preparation: Preparation
    columns: tuple[Any, ...]


def rows_of(
    X: Any,
    y: Any,
    X_val: Any,
    y_val: Any,
    *,
    held_out: float,
    seed: int,
    standardise: bool,
    normalise: bool,
) -> Rows:
    """Check, split where there are no validation rows, and prepare.

    Args:
      X: (n, m) features.
      y: (n,) labels.
      X_val: (n_val, m) validation features, or None.
      y_val: (n_val,) labels among those of y, or None.
      held_out: fraction of X for validation where there is no X_val; 0 for none.
      seed: of that split.
      standardise: whether columns are scaled by the rows trained on.
      normalise: whether rows are scaled to unit length.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    names, X, y = tuple(table_names(X)), features_of(X, "X"), labels_of(y, "y")
    labels_for(y, X.shape[0], "y", "X")
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val must be given together, or neither.")
    if X_val is not None:
        X_val, y_val = _paired(X_val, names, X.shape[1]), labels_of(y_val, "y_val")
        if is_sparse(X) != is_sparse(X_val):
            raise TypeError("X and X_val must both be sparse, or neither.")
        checks.check_labels(labels_for(y_val, X_val.shape[0], "y_val", "X_val"), "y_val")
    elif held_out > 0:
        rows, held = split_of(y, held_out, seed)
        X, X_val, y, y_val = X[rows], X[held], y[rows], y[held]
    n = X.shape[0]
    whole, preparation = prepared(X, X_val, normalise=bool(normalise), standardise=bool(standardise))
    train = samples(whole[:n], y, None)
    if y_val is None:
        return Rows(train, None, None, train, preparation, names)
    refuse_strange(y_val, train.classes)
    everything = samples(whole, np.concatenate([y, y_val]), None)
    return Rows(train, whole[n:], y_val, everything, preparation, names)


def features_of(X: Any, name: str, m: int | None = None) -> Any:
    """The features X (n, m), checked, on the host; `name` is what errors call them."""
    array = checks.features(X, name=name, n_features=m, sparse=True)
    return np.asarray(array) if is_jax(array) else array


def _paired(X_val: Any, names: tuple[Any, ...], m: int) -> Any:
    """Validation features, their columns in the order of X where both have names; else by place, without a warning."""
    array, theirs = features_of(X_val, "X_val", m), table_names(X_val)
    if not (names and theirs):
        return array
    place = order(theirs, names, "X_val", "X")
    return array if place is None else array[:, place]


def labels_of(y: Any, name: str) -> np.ndarray:
    """Labels (n,) as the caller gave them, called `name`; ValueError for soft targets."""
    labels = checks.as_labels(y, name)
    if labels.ndim != 1:
        raise ValueError(f"{name} must hold labels for a probe, got soft targets of shape {labels.shape}.")
    return labels


def labels_for(y: np.ndarray, n: int, name: str, of: str) -> np.ndarray:
    """Labels y, called `name`, of which the n rows of the matrix `of` have one each; ValueError for others."""
    if y.shape != (n,):
        raise ValueError(f"{name} must hold one label per row of {of}, got shape {y.shape} for {n} rows.")
    return y


def refuse_strange(y_val: np.ndarray, classes: np.ndarray) -> None:
    """Raise ValueError where validation rows have labels that no row trained on has."""
    if strange := sorted(set(y_val.tolist()) - set(classes.tolist()), key=str):
        raise ValueError(f"y_val: y must hold the labels of y_val, got {strange[0]!r} in y_val alone.")


def split_of(y: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and to hold out, each class in proportion."""
    classes, counts = np.unique(y, return_counts=True)
    held = math.ceil(fraction * len(y))
    if counts.min() < 2:
        why = f"class {classes[counts.argmin()].item()!r} has 1 row"
    elif min(held, len(y) - held) < len(classes):
        why = f"{held} of {len(y)} rows to hold out, {len(classes)} classes"
    else:
        return stratified_rows(y, held, seed)
    raise ValueError(f"X and y cannot be split for validation ({why}); pass X_val and y_val, or folds.")
