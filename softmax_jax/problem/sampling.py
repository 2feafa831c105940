"""Which rows a sample takes: one of each stratum of consecutive rows, at random from a fixed seed.

Evenly spaced rows would show columns that alternate, or repeat with any other period, as constant.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

SEED = 0


def sampled(n: int, stride: int) -> np.ndarray:
    """Indices, ascending, of one row of each stratum of `stride` rows out of n.

    Args:
      n: rows in all.
      stride: at least 1; the last stratum has what is left, and 1 takes every row.
    """
    first = np.arange(0, n, stride)
    return first + _offsets(len(first)) % np.minimum(stride, n - first)


def comb(i: jnp.ndarray | int, n: int, rows: int) -> jnp.ndarray:
    """Indices (rows,) of the sample i of n // rows disjoint ones, which together take each of the n rows once.

    Args:
      i: () which.
      n: rows in all, a multiple of `rows`.
      rows: of a sample, one of each stratum of n // rows.
    """
    each = n // rows
    place = (jnp.asarray(_offsets(rows) % each, jnp.int32) + i) % each
    return jnp.arange(rows, dtype=jnp.int32) * each + place


def _offsets(count: int) -> np.ndarray:
    return np.random.default_rng(SEED).integers(0, 2**31 - 1, count)
