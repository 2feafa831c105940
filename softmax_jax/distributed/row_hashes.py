"""A fingerprint of rows that depends neither on their order nor on which process has which of them.

Each row is hashed, h = mix(sum_j bits(x_j) a_j) with odd a_j, and the hashes are summed, all modulo 2^64. Sums of
several processes add up to that of all rows together, however they are divided.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.distributed.agreement import gather
from softmax_jax.storage.fingerprints import labels_digest

BLOCK = 1 << 20  # numbers hashed at a time
_SEED = 20251125  # of the factors a; another one makes other fingerprints of the same rows


def joint_fingerprint(X: np.ndarray, T: np.ndarray, weight: Any, classes: np.ndarray) -> dict[str, Any]:
    """What identifies the data of all processes, by the name to be used in messages; every process has to call it.

    Args:
      X: (n_p, m) features of this process.
      T: (n_p,) class indices or (n_p, k) soft targets.
      weight: (n_p,), as they were given, because scaled ones depend on how the rows are divided; or None.
      classes: (k,) labels.
    """
    weight = None if weight is None else np.asarray(weight, np.float64)
    theirs = gather([len(X), *row_sums(X, T, weight)])
    n, features, targets, weights = (sum(values) for values in zip(*theirs, strict=True))
    return {
        "n": n,
        "m": X.shape[1],
        "k": len(classes),
        "dtype of X": X.dtype.name,
        "rows of X": _digits(features),
        "y": _digits(targets),
        "classes": labels_digest(classes),
        "sample_weight": None if weight is None else _digits(weights),
    }


def row_sums(X: np.ndarray, T: np.ndarray, weight: np.ndarray | None) -> tuple[int, int, int]:
    """Sums of the hashes of the rows of X, of those with their targets, and of those with their weights, too.

    Args:
      X: (n, m) features of any real dtype, m >= 1; the dtype has a part in the hash.
      T: (n,) class indices or (n, k) soft targets.
      weight: (n,) float64 as they were given, or None, which counts as zeros.
    """
    totals, rows = np.zeros(3, np.uint64), max(1, BLOCK // X.shape[1])
    weights = np.zeros(len(X)) if weight is None else weight
    for start in range(0, len(X), rows):
        part = slice(start, start + rows)
        features = _hashes(X[part])
        targets = _hashes(T[part], features)
        both = (features, targets, _hashes(weights[part], targets))
        totals += np.array([h.sum(dtype=np.uint64) for h in both])
    first, second, third = totals.tolist()
    return first, second, third


def _hashes(values: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """A hash for each row of `values`, going on from the hashes `before`."""
    table = np.ascontiguousarray(values.reshape(len(values), -1))
    bits = table.view(f"u{table.itemsize}").astype(np.uint64)
    bits ^= bits >> np.uint64(32)  # short numbers leave the low bits of a float64 empty, which count most in products
    factors = np.random.default_rng(_SEED).integers(0, 1 << 63, table.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    sums = bits @ factors
    return _mixed(sums if before is None else sums ^ before)


def _mixed(h: np.ndarray) -> np.ndarray:
    """A bijection after which each bit depends on all.

    References:
      Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014: the finaliser of SplitMix64.
    """
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


def _digits(total: int) -> str:
    return f"{total % (1 << 64):016x}"
