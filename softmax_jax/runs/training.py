"""A training run on one data set: split, standardise, fit, evaluate, and check the gradient at the solution.

The main job of the command line, without the command line: data in, numbers out; `artifacts` writes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from softmax_jax.data import Dataset, RowSource
from softmax_jax.data.rows.reading import in_blocks
from softmax_jax.data.rows.source import computed_in
from softmax_jax.fitting.single import FitResult, fit
from softmax_jax.gradients import both_gradients
from softmax_jax.inputs.samples import samples
from softmax_jax.model import one_hot_encode
from softmax_jax.placement.place import checked_rows
from softmax_jax.prediction import host_net_input
from softmax_jax.runs.splitting import Split, split_rows
from softmax_jax.runs.summary import TrainingRun, asked, found, known_settings
from softmax_jax.runtime.host import in_numpy, on_host
from softmax_jax.solvers import SGD
from softmax_jax.storage.before import fit_before


@on_host
def train(
    data: Dataset,
    *,
    test: float = 0.2,
    standardise: bool = True,
    seed: int = 0,
    fitted: Callable[[TrainingRun], Any] = lambda run: None,
    **settings: Any,
) -> TrainingRun:
    """Split, standardise, fit and evaluate.

    Args:
      data: features and labels.
      test: fraction of the rows, in [0, 1), kept for the test; each class in proportion.
      standardise: whether to scale features to mean 0 and variance 1 over the training rows.
      seed: of the split, and of gradient descent.
      fitted: called with the run as soon as the fit has ended, before it is judged: its summary is still empty.
      **settings: further arguments of `fit`, such as l2, solver, tol.

    Returns:
      TrainingRun.

    Raises:
      ValueError: an argument is out of range, or the data are too few to split.
    """
    split = split_rows(data, test=test, standardise=standardise, seed=seed)
    start = time.perf_counter()
    before = fit_before(settings.get("checkpoint"))
    rows = samples(checked_rows(split.X_train), split.y_train, split.weights)
    result = fit(rows, None, seed=seed, **settings)
    fit_wall_s = time.perf_counter() - start + (before.wall_s if before else 0.0)
    known, n = known_settings(settings, seed), len(split.y_train)
    fitted(TrainingRun(data, split, result, {}, known))
    solver = known["solver"]
    summary = summarise(data, split, result, known["l2"]) | asked(known, fit_wall_s)
    summary |= {
        "updates_per_epoch": -(-n // min(n, solver.minibatches or n)) if isinstance(solver, SGD) else 1,
        "standardised": standardise,
        "weighted": split.weights is not None,
        "test": test,
        "resumed": None if before is None else before._asdict(),
        "streamed": isinstance(data.X, RowSource),
    }
    return TrainingRun(data, split, result, summary, known)


@in_numpy
def predict(result: FitResult, X: Any) -> np.ndarray:
    """The labels (n,) of the largest net input in each row.

    Args:
      result: what `fit` returned.
      X: (n, m) features, scaled as for the fit; in memory, or a source of rows.
    """
    found = [host_net_input(result.params, X).argmax(axis=1) for _, X in in_blocks(X, len(result.classes))]
    return result.classes[np.concatenate([np.zeros(0, int), *found])]


@on_host
def summarise(data: Dataset, split: Split, result: FitResult, l2: float) -> dict[str, Any]:
    """The numbers of a fit, ready for JSON.

    Args:
      data: as read.
      split: the rows it was fitted to and tested on.
      result: what `fit` returned.
      l2: strength it was given.
    """
    hits = [predict(result, X) == y for X, y in ((split.X_train, split.y_train), (split.X_test, split.y_test))]
    return found(
        data,
        result,
        l2,
        n_train=len(split.y_train),
        n_test=len(split.y_test),
        accuracy_train=float(hits[0].mean()),
        accuracy_test=float(hits[1].mean()) if len(hits[1]) else None,
        gradient=_gradient_agreement(split, result, l2),
    )


def _gradient_agreement(split: Split, result: FitResult, l2: float) -> dict[str, float]:
    """The largest entry of the gradient on the training rows, and the largest difference of its two forms."""
    codes = np.searchsorted(result.classes, split.y_train)
    weights = None if split.weights is None else split.weights.astype(computed_in(split.X_train.dtype))
    if isinstance(split.X_train, RowSource):
        forms = _by_blocks(split.X_train, codes, weights, result, l2)
    else:
        T = one_hot_encode(codes, len(result.classes))
        both = both_gradients(result.params, split.X_train, T, l2, weights)  # weights in float64 would widen it
        forms = [np.concatenate([np.ravel(np.asarray(g)) for g in gradient]) for gradient in both]
    return {
        "largest_entry": float(np.abs(forms[1]).max()),
        "autodiff_minus_closed_form": float(np.abs(forms[0] - forms[1]).max()),
    }


def _by_blocks(
    X: RowSource, codes: np.ndarray, weights: np.ndarray | None, result: FitResult, l2: float
) -> list[np.ndarray]:
    """Both forms of the gradient, each the sum of those of blocks of rows by their weight, and l2 W."""
    s, k = np.ones(X.shape[0], computed_in(X.dtype)) if weights is None else weights, len(result.classes)
    total, size = [np.zeros(result.params.W.size + result.params.b.size) for _ in range(2)], 0
    for start, block in in_blocks(X, k):
        part, size = slice(start, start + len(block)), max(size, len(block))
        if not s[part].any():
            continue
        filled = [_filled(a, size) for a in (block.astype(s.dtype), codes[part], s[part])]
        both = both_gradients(result.params, filled[0], one_hot_encode(filled[1], k), 0.0, filled[2])
        share = s[part].sum(dtype=float) / s.sum(dtype=float)
        for i, gradient in enumerate(both):
            total[i] += share * np.concatenate([np.ravel(np.asarray(g)) for g in gradient])
    penalty = np.concatenate([l2 * result.params.W.ravel(), np.zeros(result.params.b.size)])
    return [each + penalty for each in total]


def _filled(rows: np.ndarray, size: int) -> np.ndarray:
    """`rows` and zeros below them, `size` in all: one size, one program."""
    return np.pad(rows, [(0, size - len(rows))] + [(0, 0)] * (rows.ndim - 1))
