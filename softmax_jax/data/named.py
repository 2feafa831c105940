"""The small data sets that come with scikit-learn: no download."""

from __future__ import annotations

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
    from sklearn import datasets  # not needed by other readers of data

    bunch: Any = getattr(datasets, f"load_{name}")()
    classes = np.asarray(bunch.target_names)
    return Dataset(
        name,
        np.asarray(bunch.data, np.float64),
        classes[bunch.target],
        tuple(str(feature) for feature in bunch.feature_names),
        tuple(bunch.images.shape[1:]) if "images" in bunch else None,
    )
