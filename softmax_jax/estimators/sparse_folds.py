"""Folds along l1: each a path of warm starts for every l2 beside it, or for every ratio of the two.

A fold is a weighting of the rows, zero on those held out, so that all folds share what is compiled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from softmax_jax.fitting.arguments import Given, check_strengths
from softmax_jax.model_selection.sparse_path import SparseSweep, sparse_fits, sparse_strengths
from softmax_jax.solvers.solutions import Solutions


class Penalties(NamedTuple):
    """Pairs of strengths, path after path.

    Attributes:
      l1: (L,).
      l2: (L,).
      paths: indices into both, from the strongest l1 to the weakest; l2 of a path is fixed, or in a ratio to l1.
    """

    l1: np.ndarray
    l2: np.ndarray
    paths: list[np.ndarray]


def is_along_l1(l1_values: Any, n_l1: Any, l1_ratio: Any, group: Any) -> bool:
    """Whether strengths of l1 are asked for; ValueError where only what goes with them is."""
    if l1_values is not None or n_l1 is not None:
        return True
    for name, value in {"l1_ratio": l1_ratio, "group": group}.items():
        if value is not None:
            raise ValueError(f"{name} is for strengths of l1: give l1_values or n_l1, too.")
    return False


def penalties(
    data: Given, l1_values: Any, n_l1: Any, l1_ratio: Any, l2_values: Any, settings: dict[str, Any]
) -> Penalties:
    """The pairs to try.

    Args:
      data: all rows, as the last fit will have them: where `n_l1` is given, paths begin at their l1_max.
      l1_values: as of `fit_path`.
      n_l1: as of `fit_path`.
      l1_ratio: one or several in (0, 1], or None.
      l2_values: one or several strengths >= 0 beside each l1; None for 0.
      settings: of SparseFits.

    Raises:
      ValueError: not as described, or both of the last two.
    """
    if l1_ratio is not None and l2_values is not None:
        raise ValueError("l1_ratio says what l2 is beside each l1: give it or l2_values, not both.")
    fits: Any = None if n_l1 is None else sparse_fits(data, **settings)  # they say where paths begin
    if l1_ratio is not None:
        ratios = np.atleast_1d(np.asarray(l1_ratio, object)).ravel()
        if not len(ratios) or len(set(ratios.tolist())) < len(ratios):
            raise ValueError(f"l1_ratio must be a number in (0, 1], or several that differ, got {l1_ratio!r}.")
        pairs = [sparse_strengths(fits, l1_values, n_l1, ratio, 0.0) for ratio in ratios]
    else:
        beside = [0.0] if l2_values is None else check_strengths(l2_values).tolist()
        pairs = [sparse_strengths(fits, l1_values, n_l1, None, l2) for l2 in beside]
    starts = np.cumsum([0, *(len(l1) for l1, _ in pairs)])
    paths = [start + np.argsort(-l1, kind="stable") for start, (l1, _) in zip(starts, pairs, strict=False)]
    l1, l2 = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return Penalties(l1, l2, paths)


def swept(
    data: Given, folds: np.ndarray, pairs: Penalties, tol: float, max_iter: int, settings: dict[str, Any]
) -> tuple[list[list[Solutions]], Any]:
    """For each fold a solution at each pair, in their order, and the rows of the first fold where they are streamed.

    Args:
      data: all rows.
      folds: (F, n) weights.
      pairs: of `penalties`.
      tol: gap to certify, nats per sample.
      max_iter: most iterations for a pair.
      settings: of SparseFits.
    """
    found, rows = [], None
    for fold in folds:
        fits, at = sparse_fits(data._replace(weight=fold), **settings), {}
        for path in pairs.paths:
            sweep = SparseSweep(fits, pairs.l1[path], pairs.l2[path], max_iter)
            for i in path:
                at[i] = sweep.solve(float(pairs.l1[i]), tol)
        found.append([at[i] for i in range(len(pairs.l1))])
        if rows is None and data.kind.is_streamed:
            rows = fits.sets.data.exact.rows
    return found, rows
