"""The problems that experiments run on, each from a seed: features X (n, m), labels y (n,) and the strength l2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from softmax_jax.data.idx import read_idx

MNIST = Path(__file__).parents[2] / "shared" / "data"


class Case(NamedTuple):
    """Features (n, m) float64, labels (n,), L2 strength."""

    X: np.ndarray
    y: np.ndarray
    l2: float


def digits() -> Case:
    """scikit-learn's digits, 1797 x 64 x 10, in [0, 1]."""
    X, y = load_digits(return_X_y=True)
    return Case(X / 16, y, 1e-4)


def mnist() -> Case:
    """MNIST's test images, 10000 x 784 x 10, in [0, 1]."""
    images, labels = (next(MNIST.glob(f"*{kind}*")) for kind in ("images", "labels"))
    X = read_idx(images)
    return Case(X.reshape(len(X), -1) / 255, read_idx(labels).astype(int), 1e-4)


def embeddings(n: int = 20_000, m: int = 512, k: int = 100, seed: int = 0) -> Case:
    """Rotated Gaussian features whose j-th standard deviation is j^-1/2, as of a network; labels drawn from softmax."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((m, m)))
    spectrum = np.arange(1, m + 1) ** -0.5
    X = rng.standard_normal((n, m)) * (spectrum / np.sqrt(np.mean(spectrum**2))) @ rotation
    W = rng.standard_normal((m, k)) * 3 / np.sqrt(m)
    return Case(X, _sampled(X @ W, rng), 1e-4)


def many_classes() -> Case:
    """Embeddings 10000 x 768 x 1000."""
    return embeddings(10_000, 768, 1000)


def many_fitted(n: int = 8000, m: int = 256, k: int = 600, seed: int = 0) -> Case:
    """Gaussian features; labels are the likeliest of a softmax, so that nearly all rows can be fitted."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, m))
    y = np.argmax(X @ rng.standard_normal((m, k)), axis=1)
    y[:k] = np.arange(k)
    return Case(X, y, 1e-4)


def middle_fitted() -> Case:
    """As `many_fitted`, 12000 x 384 x 150."""
    return many_fitted(12_000, 384, 150, seed=1)


def tabular(n: int = 200_000, seed: int = 0) -> Case:
    """Ten correlated columns with standard deviations from 0.1 to 1000 and offsets, 44 rare flags; 7 classes."""
    rng = np.random.default_rng(seed)
    scale = np.geomspace(0.1, 1000, 10)
    numeric = rng.standard_normal((n, 10)) @ (np.eye(10) + 0.3 * rng.standard_normal((10, 10)))
    flags = rng.random((n, 44)) < np.geomspace(1e-3, 0.5, 44)
    Z = numeric @ rng.standard_normal((10, 7)) * 0.7 + flags @ rng.standard_normal((44, 7))
    return Case(np.hstack([(numeric + 2 * rng.random(10)) * scale, flags]), _sampled(Z, rng), 1e-5)


def unscaled(n: int = 20_000, seed: int = 0) -> Case:
    """64 columns with standard deviations from 1e-3 to 1e3, of equal importance; 5 classes."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 64))
    Z = X @ rng.standard_normal((64, 5)) * 0.4
    return Case(X * rng.permutation(np.geomspace(1e-3, 1e3, 64)), _sampled(Z, rng), 1e-4)


def wide(n: int, m: int, k: int, seed: int = 0) -> Case:
    """Few rows of many features, as of genes: 20 factors and noise; labels from softmax; scikit-learn's C = 1."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((n, 20)) @ rng.standard_normal((20, m)) / 2
    X = signal + rng.standard_normal((n, m))
    return Case(X, _sampled(signal @ rng.standard_normal((m, k)) * 2 / np.sqrt(m), rng), 1 / n)


def few_matter(n: int, m: int, k: int, seed: int = 0) -> Case:
    """Features in groups of 25 with correlation 0.5, as of pathways; 4 k of them decide, others follow; no penalty.

    Labels are drawn from softmax: the likeliest class is right in 78 % of the rows of 500 x 5000 x 5, and in 66 % of
    2000 x 1000 x 10.
    """
    rng = np.random.default_rng(seed)
    X = np.repeat(rng.standard_normal((n, m // 25)), 25, axis=1) + rng.standard_normal((n, m))
    W = np.zeros((m, k))
    W[rng.choice(m, 4 * k, replace=False)] = rng.standard_normal((4 * k, k))
    Z = X @ W
    return Case(X / np.sqrt(2), _sampled(3 * Z / np.sqrt(Z.var(axis=1).mean()), rng), 0.0)


SPARSE = {"genes": (500, 5000, 5), "middle": (2000, 1000, 10)}  # n, m, k

WIDE = {
    "binary": (100, 20_000, 2),
    "few": (68, 5000, 34),
    "genes": (500, 4000, 10),
    "probe": (1600, 2048, 100),
}  # n, m, k

PROBLEMS: dict[str, Callable[[], Case]] = {
    "digits": digits,
    "mnist": mnist,
    "embeddings": embeddings,
    "tabular": tabular,
    "many_classes": many_classes,
    "many_fitted": many_fitted,
    "middle_fitted": middle_fitted,
    "unscaled": unscaled,
}


def _sampled(Z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels drawn from softmax(Z), every class at least once."""
    y = np.argmax(Z + rng.gumbel(size=Z.shape), axis=1)
    y[: Z.shape[1]] = np.arange(Z.shape[1])
    return y
