"""Class weights as sample weights: a row of class c weighs weight_c; balanced, all classes weigh the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.border import number


def class_weights(
    class_weight: Any, labels: np.ndarray, classes: np.ndarray, sample_weight: np.ndarray | None
) -> np.ndarray:
    """The class weight of each row.

    Args:
      class_weight: {label: weight >= 0}, with 1 for labels that it leaves out; or "balanced", which gives
        class c the weight sum s / (k sum_c s), so that a row of weight 2 still equals the row twice.
      labels: (n,) int indices into `classes`.
      classes: (k,) labels.
      sample_weight: (n,) or None for ones.

    Returns:
      (n,) float64.

    Raises:
      ValueError: a label that is not among `classes`, or a weight that is negative, NaN or infinite.
    """
    k = len(classes)
    if isinstance(class_weight, str):
        s = np.ones(len(labels)) if sample_weight is None else sample_weight
        total = np.bincount(labels, weights=s, minlength=k)
        return np.divide(s.sum(), k * total, out=np.zeros(k), where=total > 0)[labels]
    known = {label: index for index, label in enumerate(classes.tolist())}
    unknown = [label for label in class_weight if label not in known]
    if unknown:
        raise ValueError(f"class_weight must weigh labels of y, {list(known)}, got the unknown {unknown}.")
    of_class = np.ones(k)
    for label, weight in class_weight.items():
        of_class[known[label]] = number(weight, f"class_weight[{label!r}]", low=0)
    return of_class[labels]
