"""What a probe along l2 finds: the strengths of a protocol searched, and the best one fitted again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.fitting.single import FitResult, fit
from softmax_jax.model import Params
from softmax_jax.model_selection.path import PathResult
from softmax_jax.model_selection.protocols import Protocol
from softmax_jax.probing.folds import Folds
from softmax_jax.probing.rows import Rows
from softmax_jax.probing.search import Search, Trials


class Found(NamedTuple):
    """The strengths of a search and its winner.

    Attributes:
      protocol: carried out.
      path: the strengths tried, strong to weak, scored on the rows held out.
      strengths: (L,) the same in the protocol's own convention.
      best: index of the winner.
      result: the winner, fitted again; after an interruption as the search left it.
      n_fits: fits in all.
      l2: the winner's strength on the rows of `result`.
      l1: likewise, of probes of few features.
      stopped: whether there was an interruption.
    """

    protocol: Protocol
    path: PathResult
    strengths: np.ndarray
    best: int
    result: FitResult
    n_fits: int
    l2: float
    l1: float = 0.0
    stopped: bool = False


def along_l2(
    protocol: Protocol, rows: Rows, trials: Trials, settings: dict[str, Any], callback: Any, checkpoint: Any
) -> Found:
    """Carry out a protocol.

    Args:
      protocol: to carry out.
      rows: prepared.
      trials: who solves and scores strengths: `HeldOut` or `Folds`.
      settings: tol, max_iter, solver and devices, as of `fit`.
      callback: told a ProbeProgress after each fit of the search; a true result stops it.
      checkpoint: folder in which each fit is kept, or None.

    Raises:
      KeyboardInterrupt: Ctrl-C before the first fit was done.
    """
    folds = len(trials.splits) if isinstance(trials, Folds) else 0
    n, k = rows.train.X.shape[0], len(rows.train.classes)
    of_search = round(n * (folds - 1) / folds) if folds else n
    search = Search(protocol, protocol.l2(of_search, k), trials, callback, checkpoint)
    path, tried = search.run()
    best, strengths = path.best, protocol.strengths[tried]
    so_far = as_found(path, best, certified=not folds), len(tried), float(path.l2_values[best])
    if search.stopped:
        return Found(protocol, path, strengths, best, *so_far, stopped=True)
    everything = rows.everything if protocol.refit_on_all or folds else rows.train
    l2 = float(protocol.l2(everything.X.shape[0], k)[tried[best]])
    winner = None if checkpoint is None else Path(checkpoint) / "winner"
    try:
        result = fit(everything, None, l2=l2, init=path.at(best), checkpoint=winner, **settings)
    except KeyboardInterrupt:  # the strengths are not lost; a checkpoint has what the winner's fit has reached
        return Found(protocol, path, strengths, best, *so_far, stopped=True)
    return Found(protocol, path, strengths, best, result, len(tried) + 1, l2)


def as_found(path: PathResult, i: int, *, certified: bool = True, **penalty: Any) -> FitResult:
    """The strength of index i as the search left it.

    Args:
      path: of the search.
      i: index.
      certified: whether its numbers are those of its parameters; the mean of folds is certified for nothing.
      **penalty: l1 and group, where there is l1.
    """
    proven = (
        (float(path.objective[i]), float(path.duality_gap[i]), path.status[i])
        if certified
        else (np.nan, np.inf, "interrupted")
    )
    counts = int(path.n_iter[i]), int(path.n_passes[i])
    found = Params(*map(np.array, path.at(i)))
    return FitResult(found, path.classes, *proven, *counts, np.zeros(0), l2=float(path.l2_values[i]), **penalty)
