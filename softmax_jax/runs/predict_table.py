"""Predictions of a saved model for a table: which columns it takes, and the table of what it says."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.data.columns import positions
from softmax_jax.fitting.single import FitResult
from softmax_jax.model import Params
from softmax_jax.prediction import host_net_input, host_softmax
from softmax_jax.runtime.host import in_numpy
from softmax_jax.storage.atomic import write_atomically

ENDINGS = (".csv", ".tsv", ".parquet")


class Predictions(NamedTuple):
    """What a model says of n rows.

    Attributes:
      labels: (n,) the most probable class of each row.
      classes: (k,) labels, a column of `probabilities` each.
      probabilities: (n, k), rows sum to 1.
    """

    labels: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray


def feature_names(model: Any) -> tuple[str, ...]:
    """The columns that a model takes, in its order: their names, or "0", "1", ... where it has none.

    Args:
      model: what `load` returns.
    """
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        return tuple(str(name) for name in names)
    if hasattr(model, "n_features_in_"):
        return positions(model.n_features_in_)
    columns = getattr(model, "columns", None)  # of a probe
    return tuple(map(str, columns)) if columns else positions(len(_params(model).W))


@in_numpy
def predict(model: Any, X: np.ndarray) -> Predictions:
    """Labels and probabilities; a Pipeline applies the standardisation of its training rows.

    Args:
      model: what `load` returns.
      X: (n, m) features in the order of `feature_names(model)`.
    """
    if isinstance(model, (Params, FitResult)):
        params = _params(model)
        classes = model.classes if isinstance(model, FitResult) else np.arange(len(params.b))
        O = host_softmax(host_net_input(params, X))
    else:
        classes = model.classes_ if hasattr(model, "classes_") else model.classes
        O = model.predict_proba(_named(model, X))
    return Predictions(classes[O.argmax(axis=1)], classes, O)


def write_predictions(path: Path, predictions: Predictions, *, proba: bool = False) -> list[str]:
    """Write the table: a column `prediction`, and with `proba` a column `probability_<class>` per class.

    Args:
      path: ends in .csv, .tsv or .parquet, which decides the format; a file that is there is replaced whole.
      predictions: from `predict`.
      proba: whether to write the probabilities.

    Returns:
      The names of the columns.

    Raises:
      OSError: the file cannot be written; what was there is unchanged.
      ImportError: pandas is not installed, or pyarrow for Parquet.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("writing predictions needs pandas: pip install 'softmax_jax[cli]'") from error
    columns: dict[str, np.ndarray] = {"prediction": predictions.labels}
    if proba:
        for label, column in zip(predictions.classes.tolist(), predictions.probabilities.T, strict=True):
            columns[f"probability_{label}"] = column
    content, frame = io.BytesIO(), pd.DataFrame(columns)
    if path.suffix.lower() == ".parquet":
        try:
            frame.to_parquet(content, engine="pyarrow", index=False)
        except ImportError as error:
            raise ImportError("writing Parquet files needs pyarrow: pip install 'softmax_jax[data]'") from error
    else:
        frame.to_csv(content, index=False, sep="\t" if path.suffix.lower() == ".tsv" else ",", lineterminator="\n")
    write_atomically(path, content.getbuffer())
    return list(columns)


def _params(model: Any) -> Params:
    if isinstance(model, Params):
        return model
    return model.params if isinstance(model, FitResult) else model.result.params  # of a probe


def _named(model: Any, X: np.ndarray) -> Any:
    """X with the names that the model was fitted with, which scikit-learn compares."""
    if getattr(model, "feature_names_in_", None) is None:
        return X
    import pandas as pd

    return pd.DataFrame(X, columns=list(feature_names(model)), copy=False)
