"""The small data sets that come with scikit-learn: no download.

Importing scikit-learn takes 2 s, more than all the rest of a run on them: iris and digits, whose columns are soon
named, are read from its folder without it, where their files are as they have been for ten years.
"""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.data.dataset import Dataset

NAMES = ("iris", "digits", "wine", "breast_cancer")


def load_named(name: str) -> Dataset:
    """One of iris, digits, wine, breast_cancer, in float64, labelled by the names of its classes.

    Args:
      name: one of `NAMES`.

    Returns:
      Dataset.

    Raises:
      ValueError: there is no such data set.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}.")
    readers = {"iris": _iris, "digits": _digits}
    found = readers[name]() if name in readers else None
    return _by_scikit_learn(name) if found is None else found


def _iris() -> Dataset | None:
    lines = _lines("iris.csv")
    if lines is None or lines[0].split(",")[:2] != ["150", "4"]:
        return None
    classes = np.array(lines[0].split(",")[2:])
    numbers = np.array([line.split(",") for line in lines[1:]], np.float64)
    features = tuple(f"{part} {size} (cm)" for part in ("sepal", "petal") for size in ("length", "width"))
    return Dataset("iris", np.ascontiguousarray(numbers[:, :-1]), classes[numbers[:, -1].astype(int)], features)


def _digits() -> Dataset | None:
    lines = _lines("digits.csv.gz")
    if lines is None or lines[0].count(",") != 64:
        return None
    numbers = np.loadtxt(lines, delimiter=",")
    pixels = tuple(f"pixel_{i}_{j}" for i in range(8) for j in range(8))
    return Dataset("digits", numbers[:, :-1], numbers[:, -1].astype(int), pixels, (8, 8))


def _lines(name: str) -> list[str] | None:
    """The lines of a file in the folder of scikit-learn's data, or None."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "datasets" / "data" / name
    if not path.is_file():
        return None
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return content.decode().splitlines()


def _by_scikit_learn(name: str) -> Dataset:
    from sklearn import datasets

    bunch: Any = getattr(datasets, f"load_{name}")()
    classes = np.asarray(bunch.target_names)
    return Dataset(
        name,
        np.asarray(bunch.data, np.float64),
        classes[bunch.target],
        tuple(str(feature) for feature in bunch.feature_names),
        tuple(bunch.images.shape[1:]) if "images" in bunch else None,
    )
