"""The rows of a probe where they are read by blocks: split by their numbers and prepared in each pass, never copied.

Those trained on and those held out are the rows that the same seed chooses in memory; only their order is that in which
they are stored. One pass over the rows trained on finds what they are scaled by.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.data.rows.opening import refuse_labels_among
from softmax_jax.data.rows.reading import as_rows, some_rows
from softmax_jax.data.rows.shards import ShardedRows
from softmax_jax.data.rows.source import RowSource, computed_in
from softmax_jax.inputs.conversion import is_sparse
from softmax_jax.inputs.pairing import table_names
from softmax_jax.inputs.samples import samples
from softmax_jax.model_selection.validation import paired_source
from softmax_jax.probing.preparation import Preparation, prepared_rows
from softmax_jax.probing.rows import Rows, features_of, labels_for, labels_of, refuse_strange, split_of
from softmax_jax.runs.scaling import scaling_of


def streamed_rows_of(
    X: RowSource | None,
    X_val: RowSource | None,
    given: tuple[Any, Any],
    given_val: tuple[Any, Any],
    *,
    held_out: float,
    seed: int,
    standardise: bool,
    normalise: bool,
) -> Rows:
    """As `rows.rows_of`, where at least one of X and X_val is a source.

    Args:
      X: source of rows; None where X is in memory.
      X_val: likewise.
      given: X and y as the caller gave them.
      given_val: X_val and y_val as the caller gave them, or None.
      held_out: as for `rows_of`.
      seed: likewise.
      standardise: likewise.
      normalise: likewise.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    names = tuple(table_names(given[0] if X is None else X))
    y, (matrix_val, y_val) = labels_of(given[1], "y"), given_val
    X = _source(given[0], "X") if X is None else X
    refuse_labels_among(X, np.unique(labels_for(y, X.shape[0], "y", "X"), return_inverse=True)[1])
    if (matrix_val is None) != (y_val is None):
        raise ValueError("X_val and y_val must be given together, or neither.")
    whole, y_whole, train = X, y, X
    dtype = computed_in(X.dtype)
    if matrix_val is not None:
        held = paired_source(_source(matrix_val, "X_val") if X_val is None else X_val, names, "X_val", X.shape[1])
        y_val = labels_for(labels_of(y_val, "y_val"), held.shape[0], "y_val", "X_val")
        dtype = np.result_type(dtype, computed_in(held.dtype))
        whole, y_whole = ShardedRows((as_rows(X, dtype), as_rows(held, dtype))), np.concatenate([y, y_val])
    elif held_out > 0:
        drawn = getattr(X, "drawn", None)
        drawn = np.arange(len(y)) if drawn is None else drawn
        rows, places = (np.sort(drawn[part]) for part in split_of(y[drawn], held_out, seed))
        train, held, y, y_val = some_rows(X, rows), some_rows(X, places), y[rows], y[places]
    else:
        held = None
    preparation = Preparation(bool(normalise))
    if standardise:
        preparation = preparation._replace(scaling=scaling_of(prepared_rows(train, preparation, dtype)))
    of_train = samples(prepared_rows(train, preparation, dtype), y, None)
    if held is None:
        return Rows(of_train, None, None, of_train, preparation, names)
    refuse_strange(y_val, of_train.classes)
    everything = samples(prepared_rows(whole, preparation, dtype), y_whole, None)
    return Rows(of_train, prepared_rows(held, preparation, dtype), y_val, everything, preparation, names)


def _source(X: Any, name: str) -> RowSource:
    """A matrix in memory as a source, beside another that is none."""
    array = features_of(X, name)
    if is_sparse(array):
        raise TypeError(f"{name} must be dense, or a source of rows, where the others are read by blocks; got CSR.")
    return as_rows(array, array.dtype)
