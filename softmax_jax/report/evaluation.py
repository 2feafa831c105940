"""The rows that a report evaluates a fit by, what was predicted for them, and the metrics of each class."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from softmax_jax.data.rows.reading import some_rows
from softmax_jax.prediction import host_net_input, host_softmax
from softmax_jax.runs.summary import TrainingRun

_MOST_PROBABILITIES = 20_000_000  # entries of O; of more rows a sample is taken


class Evaluation(NamedTuple):
    """Rows with their predictions.

    Attributes:
      name: which rows they are, in words.
      y: (n,) class indices.
      Z: (n, k) net input.
      O: (n, k) probabilities.
      classes: (k,) labels.
      held_out: whether they are others than those of the fit.
    """

    name: str
    y: np.ndarray
    Z: np.ndarray
    O: np.ndarray
    classes: np.ndarray
    held_out: bool = True

    @property
    def truth(self) -> np.ndarray:
        """True labels (n,)."""
        return self.classes[self.y]

    @property
    def guesses(self) -> np.ndarray:
        """Class indices (n,) of the largest net input."""
        return self.Z.argmax(axis=1)

    @property
    def predicted(self) -> np.ndarray:
        """Predicted labels (n,)."""
        return self.classes[self.guesses]

    def per_class(self) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Precision, recall, F1 and rows (c, 4) of the c classes that occur, their labels, and both means (4,).

        The numbers of scikit-learn's classification_report, which would mix up a class called "accuracy" with its own.
        """
        present = np.unique(np.concatenate([self.y, self.guesses]))
        options: Any = {"labels": present, "zero_division": 0}
        columns: Any = precision_recall_fscore_support(self.y, self.guesses, **options)
        means = {}
        for name in ("macro", "weighted"):
            mean: Any = precision_recall_fscore_support(self.y, self.guesses, average=name, **options)
            means[name] = np.array([*mean[:3], len(self.y)])
        return self.classes[present], np.stack(columns, axis=1), means


def evaluate(run: TrainingRun) -> Evaluation:
    """Test rows where there are any, else training rows; a sample of them where n k is too large."""
    split, result = run.split, run.result
    name, X, labels = split.judged_by()
    n, k = len(labels), len(result.classes)
    chosen = np.arange(n)
    if n * k > _MOST_PROBABILITIES:
        chosen = np.sort(np.random.default_rng(0).permutation(n)[: max(1, _MOST_PROBABILITIES // k)])
    Z = host_net_input(result.params, some_rows(X, chosen))
    words = f"all {n} {name} rows" if len(chosen) == n else f"a sample of {len(chosen)} of {n} {name} rows"
    y = np.searchsorted(result.classes, labels[chosen])
    return Evaluation(words, y, Z, host_softmax(Z), result.classes, held_out=len(split.y_test) > 0)
