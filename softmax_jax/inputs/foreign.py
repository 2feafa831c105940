"""Arrays of libraries that NumPy does not read right by itself: tensors of torch, and columns of lists.

    torch.Tensor                                   see `runtime.tensors`
    pyarrow Array, ChunkedArray, polars Series     of lists: a row for each list (n, m)
    a column of a Hugging Face Dataset             its Arrow data, in the dtype that they are stored in

None of these libraries is imported: what they made can only be here if they are loaded.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from softmax_jax.runtime.tensors import plain_tensor


def as_plain(X: Any, name: str) -> Any:
    """X as a NumPy or JAX array where it is one of the above; anything else as it is.

    Args:
      X: anything.
      name: what error messages call it.

    Raises:
      TypeError: a sparse tensor, or a whole Hugging Face Dataset.
      ValueError: lists of different lengths, or missing ones.
    """
    for module, kind, convert in _CONVERSIONS:
        known = getattr(sys.modules.get(module), kind, None)
        if known is not None and isinstance(X, known):
            return convert(X, name)
    return X


def _from_arrow(column: Any, name: str) -> Any:
    """A column of lists as (n, m); of numbers or text as it is, for NumPy to read."""
    stored = getattr(column.type, "storage_type", None)  # of an extension, such as tensors of one shape
    if stored is not None:
        column = column.cast(stored)
    if "list" not in str(column.type).partition("<")[0]:
        return column
    parts, start = [], 0
    for chunk in getattr(column, "chunks", [column]):
        if len(chunk):
            parts.append(_arrow_rows(chunk, name, start, parts[0].shape[1] if parts else None))
        start += len(chunk)
    return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty((0, 0))


def _arrow_rows(lists: Any, name: str, start: int, width: int | None) -> np.ndarray:
    """The lists of an Arrow array, of which the first is row `start`, as rows of `width` numbers."""
    if lists.null_count:
        raise ValueError(f"{name} has no list in row {start + int(np.argmax(np.asarray(lists.is_null())))}.")
    width = _same_length(np.asarray(lists.value_lengths()), name, start, width)
    values = lists.flatten()
    if values.null_count:
        row = start + int(np.argmax(np.asarray(values.is_null()))) // width
        raise ValueError(f"Input {name} contains missing numbers, first in row {row}; expected finite numbers.")
    return values.to_numpy(zero_copy_only=False).reshape(len(lists), width)


def _from_polars(series: Any, name: str) -> Any:
    """A Series of lists as (n, m); any other as it is, for NumPy to read."""
    if not str(series.dtype).startswith("List"):
        return series
    if series.null_count():
        raise ValueError(f"{name} has no list in row {series.is_null().arg_max()}.")
    if not len(series):
        return np.empty((0, 0))
    width = _same_length(series.list.len().to_numpy(), name, 0, None)
    return series.explode().to_numpy().reshape(len(series), width)


def _same_length(lengths: np.ndarray, name: str, start: int, width: int | None) -> int:
    """The length of all lists; ValueError where they differ, or are empty."""
    width = int(lengths[0]) if width is None else width
    differ = lengths != width
    if width == 0 or differ.any():
        row = int(np.argmax(differ))
        raise ValueError(
            f"{name} must hold lists of one length, at least 1, got {width} in row 0 and {lengths[row]} in row "
            f"{start + row}."
        )
    return width


def _from_column(column: Any, name: str) -> Any:
    """A column of a Hugging Face Dataset; as it is, where a function of the user makes its values."""
    source, label = column.source, column.column_name
    if not hasattr(source, "with_format") or source.format["type"] == "custom":
        return column
    return _from_arrow(source.select_columns([label]).with_format("arrow")[:].column(label), name)


def _refuse_dataset(dataset: Any, name: str) -> Any:
    columns = ", ".join(map(repr, dataset.column_names[:8]))
    raise TypeError(
        f"{name} is a Hugging Face Dataset: pass a column of it, such as {name}[{dataset.column_names[0]!r}], or "
        f"open_rows({name}, columns=...); its columns are {columns}."
    )


_CONVERSIONS = (
    ("torch", "Tensor", plain_tensor),
    ("pyarrow", "Array", _from_arrow),
    ("pyarrow", "ChunkedArray", _from_arrow),
    ("polars", "Series", _from_polars),
    ("datasets.arrow_dataset", "Column", _from_column),
    ("datasets.arrow_dataset", "Dataset", _refuse_dataset),
)
