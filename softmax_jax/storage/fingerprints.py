"""What identifies a fit: fingerprints of its data and of its settings, equal in every process.

Of X, some rows are read by index, the first and the last among them, so that X may lie on a disk. Targets, weights and
classes are read whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import types
from typing import Any

import jax
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.inputs.conversion import is_sparse

SAMPLED_ROWS = 256
READ_ROWS = 4096  # at a time, where rows cannot be read by index
DEPTH = 20  # of nested closures that are looked into


def data_fingerprint(X: Any, T: np.ndarray, weight: np.ndarray | None, classes: np.ndarray) -> dict[str, Any]:
    """The shape of the data, and digests of them, by the name to be used in messages.

    Args:
      X: (n, m) checked features: an array, CSR, anything with shape, dtype and rows by an index array; or, instead of
        these, with reader(rows), a context that gives a function which fills arrays with the next rows.
      T: (n,) class indices or (n, k) soft targets.
      weight: (n,) or None.
      classes: (k,) labels.
    """
    n, m = X.shape
    return {
        "n": n,
        "m": m,
        "k": len(classes),
        "dtype of X": np.dtype(X.dtype).name,
        "layout of X": "sparse" if is_sparse(X) else "dense",
        "sampled rows of X": digest(*_rows(X, np.unique(np.linspace(0, n - 1, SAMPLED_ROWS).astype(np.int64)))),
        "y": digest(T),
        "classes": labels_digest(classes),
        "sample_weight": None if weight is None else digest(weight),
    }


def digest(*arrays: Any) -> str:
    """Sixteen hexadecimal digits that depend on dtype, shape and every bit of the arrays."""
    total = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        total.update(f"{array.dtype.name} {array.shape} ".encode())
        total.update(array.reshape(-1).view(np.uint8).data)
    return total.hexdigest()[:16]


def labels_digest(classes: np.ndarray) -> str:
    """Sixteen hexadecimal digits for labels (k,)."""
    labels = json.dumps(np.asarray(classes).tolist(), default=str)
    return hashlib.sha256(labels.encode()).hexdigest()[:16]


def record_settings(name: str, record: Any, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """The type of a frozen record and its fields, under `name` and name.field.

    Args:
      name: of the record in messages.
      record: a dataclass.
      leave_out: fields that are not told.
    """
    fields = [f.name for f in dataclasses.fields(record) if f.name not in leave_out]
    values = {field: described(getattr(record, field)) for field in fields}
    short = {f: v if isinstance(v, str | int | float | None) else _short(v) for f, v in values.items()}
    return {name: type(record).__name__, **{f"{name}.{field}": value for field, value in short.items()}}


def described(value: Any, depth: int = DEPTH) -> Any:
    """`value` as JSON holds it. A function, such as those of an optax optimiser, by its name and what it encloses.

    Args:
      value: of any type.
      depth: of what is nested in it, beyond which types alone are told.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, np.ndarray | jax.Array):
        return digest(value)
    if depth == 0:
        return type(value).__qualname__

    def parts(items: Any) -> list[Any]:
        return [described(item, depth - 1) for item in items]

    if isinstance(value, list | tuple):
        return [type(value).__qualname__, *parts(value)]
    if isinstance(value, dict):
        return parts(sorted(value.items(), key=lambda item: str(item[0])))
    if isinstance(value, functools.partial):
        return parts(["partial", value.func, value.args, value.keywords])
    if isinstance(value, types.FunctionType):
        inside = [*_enclosed(value), value.__defaults__, value.__kwdefaults__]
        return [f"{value.__module__}.{value.__qualname__}", *parts(inside)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [type(value).__qualname__, *parts(getattr(value, f.name) for f in dataclasses.fields(value))]
    return getattr(value, "__qualname__", type(value).__qualname__)


def _enclosed(function: types.FunctionType) -> list[Any]:
    """What a function's closure holds."""
    contents = []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # a cell that is not filled yet
            contents.append(cell.cell_contents)
    return contents


def _short(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _rows(X: Any, rows: np.ndarray) -> list[np.ndarray]:
    """Rows of X by index, as arrays."""
    if is_sparse(X):
        some = X[rows]
        return [some.indptr, some.indices, some.data]
    if callable(getattr(X, "reader", None)):
        return [_read_rows(X, rows)]
    with scope(X.dtype):
        return [np.asarray(X[rows])]


def _read_rows(source: Any, rows: np.ndarray) -> np.ndarray:
    """Rows by index of what is only read from the first row to the last."""
    n, m = source.shape
    block, found = np.empty((READ_ROWS, m), source.dtype), []
    with source.reader(READ_ROWS) as fill:
        for start in range(0, n, READ_ROWS):
            part = block[: min(READ_ROWS, n - start)]
            fill(part)
            inside = rows[(rows >= start) & (rows < start + len(part))]
            found.append(part[inside - start])
    return np.concatenate(found)
