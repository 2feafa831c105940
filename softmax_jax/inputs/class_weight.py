"""Class weights as sample weights: a row of class c weighs weight_c; balanced, all classes weigh the same.

A class whose rows all weigh zero takes no part in a fit: with a free bias its probability goes towards zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.inputs.quantities import number, weights
from softmax_jax.inputs.samples import Samples


def row_weights(class_weight: Any, samples: Samples) -> np.ndarray | None:
    """Sample weights (n,) times class weights; None where there are neither.

    Args:
      class_weight: as of `class_weights`, or None.
      samples: whose weight is that of the samples alone.

    Raises:
      ValueError: as `class_weights`; class weights of soft targets, or all rows weigh zero.
    """
    _, T, classes, weight = samples
    if class_weight is None:
        return weight
    if T.ndim == 2:
        raise ValueError("class_weight needs labels y, got soft targets; weigh their rows by sample_weight.")
    of_rows = class_weights(class_weight, T, classes, weight)
    return weights(of_rows if weight is None else of_rows * weight, len(T), name="class_weight times sample_weight")


def without_weight(samples: Samples) -> np.ndarray:
    """The classes of labels all of whose rows have sample weight zero; none of soft targets."""
    _, T, classes, weight = samples
    if weight is None or T.ndim == 2:
        return classes[:0]
    return classes[np.bincount(T[weight > 0], minlength=len(classes)) == 0]


def class_weights(
    class_weight: Any, labels: np.ndarray, classes: np.ndarray, sample_weight: np.ndarray | None
) -> np.ndarray:
    """The class weight of each row.

    Args:
      class_weight: {label: weight >= 0}, with 1 for labels that it leaves out; or "balanced", which gives
        class c the weight sum s / (k sum_c s), so that a row of weight 2 still equals the row twice. Labels that do
        not occur are let pass where all that do are named, as in a fold without a class.
      labels: (n,) int indices into `classes`.
      classes: (k,) labels.
      sample_weight: (n,) or None for ones.

    Returns:
      (n,) float64.

    Raises:
      ValueError: labels that do not occur beside others that are left out, as where keys are misspelt or of another
        type; or a weight that is negative, NaN or infinite.
    """
    k = len(classes)
    if isinstance(class_weight, str):
        s = np.ones(len(labels)) if sample_weight is None else sample_weight
        total = np.bincount(labels, weights=s, minlength=k)
        return np.divide(s.sum(), k * total, out=np.zeros(k), where=total > 0)[labels]
    of_label = {label: number(w, f"class_weight[{label!r}]", low=0) for label, w in class_weight.items()}
    known = dict.fromkeys(classes.tolist())
    unknown = [label for label in of_label if label not in known]
    left_out = [label for label in known if label not in of_label]
    if unknown and left_out:
        raise ValueError(
            f"class_weight must weigh labels of y, {list(known)}, got the unknown {unknown} and none for {left_out}."
        )
    return np.array([of_label.get(label, 1.0) for label in known])[labels]
