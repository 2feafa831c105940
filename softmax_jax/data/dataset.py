"""What every reader of data returns: features, labels and the names that belong to them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from softmax_jax.runtime.fields import with_documented_fields


@with_documented_fields
class Dataset(NamedTuple):
    """Features and labels; the labels are in memory.

    Attributes:
      name: how people call it, for titles.
      X: (n, m) floating, in memory; or a source of rows, of any dtype that is stored, where they are read by blocks.
      y: (n,) labels: integers, bool or text.
      feature_names: m names, a column each; "0", "1", ... where the source has none.
      image_shape: (height, width) where the features are pixels, else None.
      weights: (n,) sample weights >= 0 of any scale, or None.
      notes: what was decided in reading, in words: the order and pairing of shards, columns left out as an index.
    """

    name: str
    X: Any
    y: np.ndarray
    feature_names: tuple[str, ...]
    image_shape: tuple[int, ...] | None = None
    weights: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@with_documented_fields
class Features(NamedTuple):
    """Features alone, as a fitted model expects them.

    Attributes:
      X: (n, m) floating, or a source of rows; columns in the order of the model.
      ignored: names of the columns that the model does not use.
      by_position: whether columns were taken in their order, because the model or the source has no names.
      notes: what was decided in reading, in words, such as the order of shards.
    """

    X: Any
    ignored: tuple[str, ...]
    by_position: bool
    notes: tuple[str, ...] = ()


class Unlabelled(NamedTuple):
    """X (n, m), its names, and (height, width) where its rows are images; in what order they were read, in words."""

    X: Any
    names: tuple[str, ...]
    image_shape: tuple[int, ...] | None
    notes: tuple[str, ...] = ()
