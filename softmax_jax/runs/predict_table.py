"""Predictions of a saved model for a table: which columns it takes, and the table of what it says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from softmax_jax.data.columns import positions
from softmax_jax.data.rows.reading import in_blocks
from softmax_jax.data.rows.source import computed_in
from softmax_jax.fitting.single import FitResult
from softmax_jax.model import Params
from softmax_jax.prediction import host_net_input, host_softmax
from softmax_jax.runtime.host import in_numpy
from softmax_jax.storage.atomic import opened_atomically

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
      X: (n, m) features in the order of `feature_names(model)`; those of 16 bits are computed in float32, as by fits,
        while scikit-learn's scaler would work in their own dtype.
    """
    X = X.astype(computed_in(X.dtype), copy=False)
    if isinstance(model, (Params, FitResult)):
        O = host_softmax(host_net_input(_params(model), X))
    else:
        O = model.predict_proba(_named(model, X))
    classes = classes_of(model)
    return Predictions(classes[O.argmax(axis=1)], classes, O)


def predict_blocks(model: Any, X: Any, tell: Callable[[int], Any] | None = None) -> Iterator[Predictions]:
    """The same, some rows at a time in their order.

    Args:
      model: what `load` returns.
      X: as for `predict`, or a source of rows.
      tell: called after each with the number of rows that are done.

    Raises:
      ValueError: a source cannot be read, or holds a number that is not finite.
    """
    for start, block in in_blocks(X, len(classes_of(model))):
        yield predict(model, block)
        if tell is not None:
            tell(start + len(block))


class Written(NamedTuple):
    """The names of the columns that were written, and how many rows each of the classes (k,) was predicted for."""

    columns: list[str]
    classes: np.ndarray
    counts: np.ndarray


def predict_to_file(
    model: Any, X: Any, path: Path, *, proba: bool = False, tell: Callable[[int], Any] | None = None
) -> Written:
    """Predict all rows, some at a time, and write the table of them.

    Args:
      model: what `load` returns.
      X: as for `predict_blocks`.
      path: as for `write_blocks`.
      proba: whether to write the probabilities.
      tell: as for `predict_blocks`.

    Raises:
      ValueError, OSError, ImportError: as of these two.
    """
    classes = classes_of(model)
    counts = np.zeros(len(classes), int)

    def counted() -> Iterator[Predictions]:
        for found in predict_blocks(model, X, tell):
            counts[:] += [int((found.labels == label).sum()) for label in classes]
            yield found

    return Written(write_blocks(path, counted(), proba=proba), classes, counts)


def write_predictions(path: Path, predictions: Predictions, *, proba: bool = False) -> list[str]:
    """As `write_blocks`, of all rows at once."""
    return write_blocks(path, [predictions], proba=proba)


def write_blocks(path: Path, blocks: Iterable[Predictions], *, proba: bool = False) -> list[str]:
    """Write the table: a column `prediction`, and with `proba` a column `probability_<class>` per class.

    Args:
      path: ends in .csv, .tsv or .parquet, which decides the format; a file that is there is replaced whole.
      blocks: of rows, from `predict_blocks`; at least one.
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
    names: list[str] = []
    with opened_atomically(path) as file, contextlib.ExitStack() as stack:
        write = _writer(path.suffix.lower(), file, stack)
        for predictions in blocks:
            columns: dict[str, np.ndarray] = {"prediction": predictions.labels}
            if proba:
                for label, column in zip(predictions.classes.tolist(), predictions.probabilities.T, strict=True):
                    columns[f"probability_{label}"] = column
            write(pd.DataFrame(columns), not names)
            names = list(columns)
    return names


def _writer(suffix: str, file: BinaryIO, stack: contextlib.ExitStack) -> Callable[[Any, bool], None]:
    """What writes frame after frame, and is told which is the first; a Parquet file is ended by `stack`."""
    if suffix != ".parquet":
        form: Any = {"index": False, "sep": "\t" if suffix == ".tsv" else ",", "lineterminator": "\n"}
        return lambda frame, first: frame.to_csv(file, header=first, **form)
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError("writing Parquet files needs pyarrow: pip install 'softmax_jax[data]'") from error
    opened: list[Any] = []

    def write(frame: Any, first: bool) -> None:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        if first:
            opened.append(stack.enter_context(pq.ParquetWriter(file, table.schema)))
        opened[0].write_table(table)

    return write


def classes_of(model: Any) -> np.ndarray:
    """(k,) labels of the columns of the probabilities of a model, which is what `load` returns."""
    if isinstance(model, Params):
        return np.arange(len(model.b))
    return model.classes_ if hasattr(model, "classes_") else model.classes


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
