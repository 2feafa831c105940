"""Problems with rows kept for the test, for questions about accuracy."""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
from problems import MNIST, digits, embeddings, mnist
from sklearn.model_selection import train_test_split

import softmax_jax as sj


class HeldOut(NamedTuple):
    """Training and test rows of a problem, float64."""

    name: str
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def problems(full: bool = False) -> list[HeldOut]:
    """Digits, 3000 images of MNIST (where it is at hand) and embeddings; with `full` all images, large embeddings."""
    size = (100_000, 1024, 100) if full else (4000, 128, 20)
    cases = {"digits": digits()}
    if any(MNIST.glob("*images*")):
        images = mnist()
        few = images if full else images._replace(X=images.X[:3000], y=images.y[:3000])
        cases[f"MNIST, {len(few.y)} images"] = few
    else:
        print(f"left out: MNIST, which is not in {MNIST}")
    cases["embeddings {} x {} x {}".format(*size)] = embeddings(*size)
    return [
        HeldOut(name, X, y, X_test, y_test)
        for name, case in cases.items()
        for X, X_test, y, y_test in [train_test_split(case.X, case.y, test_size=0.25, random_state=0, stratify=case.y)]
    ]


def guesses(params: sj.Params, X: np.ndarray) -> np.ndarray:
    """The class (n,) of the largest net input, in float64."""
    W, b = (np.asarray(p, np.float64) for p in params)
    return np.argmax(X @ W + b, axis=1)


def wants_full(description: str | None) -> bool:
    """Whether the script was called with --full."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="sizes for accelerators")
    return parser.parse_args().full
