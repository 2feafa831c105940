"""The small data sets that come with scikit-learn: no download."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import datasets

from softmax_jax.data.dataset import Dataset

_LOADERS = {
    "iris": datasets.load_iris,
    "digits": datasets.load_digits,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
}
NAMES = tuple(_LOADERS)


def load_named(name: str) -> Dataset:
    """One of iris, digits, wine, breast_cancer, in float64, labelled by the names of its classes.

    Args:
      name: one of `NAMES`.

    Returns:
      Dataset.

    Raises:
      ValueError: there is no such data set.
    """
    if name not in _LOADERS:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}.")
    bunch: Any = _LOADERS[name]()
    classes = np.asarray(bunch.target_names)
    return Dataset(
        name,
        np.asarray(bunch.data, np.float64),
        classes[bunch.target],
        tuple(str(feature) for feature in bunch.feature_names),
        tuple(bunch.images.shape[1:]) if "images" in bunch else None,
    )
