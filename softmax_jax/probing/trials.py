"""What probes of several features, seeds and shots have in common: the test rows, one after the other, Ctrl-C."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.display.user_warnings import NotConvergedWarning, warn_user
from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import is_jax
from softmax_jax.runs.stratified import stratified_rows
from softmax_jax.runtime.fields import with_documented_fields


@with_documented_fields
class Step(NamedTuple):
    """What is told after each probe of several.

    Attributes:
      done: probes so far.
      most: probes in all.
      name: of the features.
      seed: of the split.
      shots: rows a class; 0 for all.
      l2: the winner's strength.
      val_accuracy: of it.
      accuracy: on the test rows.
      l1: the winner's strength, where the probe is of few features.
    """

    done: int
    most: int
    name: str
    seed: int
    shots: int
    l2: float
    val_accuracy: float
    accuracy: float
    l1: float = 0.0


def matrices(features: Any, y: np.ndarray, name: str = "features") -> dict[str, Any]:
    """Several feature matrices by name, checked to have a row for each label.

    Args:
      features: name -> (n, m) features of the same n rows; or one matrix, which is called "features".
      y: (n,) labels.
      name: what errors call it.

    Raises:
      ValueError, TypeError: there is none, or one is not such a matrix.
    """
    given = dict(features) if isinstance(features, Mapping) else {"features": features}
    if not given:
        raise ValueError(f"{name} must hold at least one matrix of features, got none.")
    found = {}
    for key, X in given.items():
        array = checks.features(X, name=str(key), sparse=True)
        found[str(key)] = np.asarray(array) if is_jax(array) else array
        if array.shape[0] != len(y):
            raise ValueError(f"{name} must have a row for each of the {len(y)} labels, {key!r} has {array.shape[0]}.")
    return found


def labels_of(y: Any, name: str) -> np.ndarray:
    """Labels (n,).

    Args:
      y: as given.
      name: what errors call it.

    Raises:
      ValueError: it holds no labels.
    """
    labels = checks.check_labels(checks.as_labels(y, name), name)
    if labels.ndim != 1:
        raise ValueError(f"{name} must hold labels, got shape {labels.shape}.")
    return labels


def seeds_of(seeds: Any) -> list[int]:
    """The seeds: 0, 1, ... for a number of them, or those given.

    Raises:
      ValueError: there is none, or one is no integer in [0, 2**32).
    """
    if isinstance(seeds, Sequence | np.ndarray):
        found = [checks.number(seed, "seeds", low=0, integer=True) for seed in seeds]
    else:
        found = list(range(checks.number(seeds, "seeds", low=1, integer=True)))
    if not found or len(set(found)) < len(found) or max(found) >= 2**32:
        raise ValueError(f"seeds must be how many, or different integers in [0, 2**32), got {seeds!r}.")
    return found


def split(y: np.ndarray, test: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and to test on, each class in proportion, the same for all features.

    Args:
      y: (n,) labels.
      test: fraction in (0, 1).
      seed: of the split.

    Raises:
      ValueError: the fraction is out of range, or a class has too few rows.
    """
    if not 0 < test < 1:
        raise ValueError(f"test must be a fraction of the rows in (0, 1), got {test}.")
    counts, held = np.unique(y, return_counts=True)[1], math.ceil(test * len(y))
    if counts.min() < 2 or min(held, len(y) - held) < len(counts):
        raise ValueError(
            f"test={test} of {len(y)} rows needs 2 rows of each of the {len(counts)} classes, and a test row of each."
        )
    return stratified_rows(y, held, seed)


@contextmanager
def quiet(*categories: type[Warning]) -> Iterator[None]:
    """Within it fits that did not converge, and `categories`, are not warned of one by one."""
    with warnings.catch_warnings():
        for category in (NotConvergedWarning, *categories):
            warnings.simplefilter("ignore", category)
        yield


def warn_of_probes(unconverged: int, done: int) -> None:
    """Warn once of all probes with fits that did not converge.

    Args:
      unconverged: how many there are.
      done: of how many.
    """
    if unconverged:
        words = f"In {unconverged} of {done} probes some fit did not converge: raise max_iter or tol."
        warn_user(words, NotConvergedWarning)
