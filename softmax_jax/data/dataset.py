"""What every reader of data returns: features, labels and the names that belong to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Dataset(NamedTuple):
    """Features and labels in memory.

    Attributes:
      name: how people call it, for titles.
      X: (n, m) floating.
      y: (n,) labels: integers or text.
      feature_names: m names, a column each.
      image_shape: (height, width) where the features are pixels, else None.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    feature_names: tuple[str, ...]
    image_shape: tuple[int, ...] | None = None
