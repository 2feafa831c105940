"""Hyperparameters and labels as JSON and back, each value with its type; what has no text form is refused.

    None, bool, int, str, finite float   as they are
    inf, nan                             {"float": "inf"}
    NumPy scalar                         {"numpy": "float32", "value": 0.5}
    dtype                                {"dtype": "float32"}
    class_weight                         {"dict": [[key, value], ...]}
    list, tuple                          {"list": [value, ...]}
    vector of numbers or strings         {"array": {"dtype": "float64", "values": [...]}}
    solver record                        {"record": "LBFGS", "fields": {"memory": 10, ...}}

A member of a class(str, Enum), or of an IntEnum, is stored as the string or number that it equals.

Decoding builds only these types, from a closed list; it imports and calls nothing that a file names.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "bfloat16", "float32", "float64")
_LARGEST_INT = 1 << 256
_LARGEST_LABELS = 1 << 28  # bytes


def encode(value: Any, name: str) -> Any:
    """`value` as what JSON can hold.

    Args:
      value: of a type listed in the module docstring.
      name: what error messages call it.

    Raises:
      ValueError: a random generator, an optax optimiser, or anything else that is not listed.
    """
    if isinstance(value, enum.Enum) and isinstance(value, str | int | float):
        plain: Any = str.__str__ if isinstance(value, str) else int if isinstance(value, int) else float
        return encode(plain(value), name)
    if value is None or type(value) in (bool, str) or (type(value) is int and abs(value) < _LARGEST_INT):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, np.generic):
        return _encode_scalar(value, name)
    if type(value) is dict:
        return {"dict": [[encode(key, f"key of {name}"), encode(of, f"{name}[{key!r}]")] for key, of in value.items()]}
    if type(value) is list or type(value) is tuple:
        return {type(value).__name__: [encode(part, f"{name}[{i}]") for i, part in enumerate(value)]}
    if isinstance(value, np.ndarray):
        return {"array": _encode_labels(value, name)}
    if type(value) in _records():
        record: Any = value
        fields = [field.name for field in dataclasses.fields(record)]
        encoded = {field: encode(getattr(record, field), f"{name}.{field}") for field in fields}
        return {"record": type(record).__name__, "fields": encoded}
    dtype = _dtype_name(value)
    if dtype is not None:
        return {"dtype": dtype}
    raise _cannot(value, name)


def decode(value: Any) -> Any:
    """The value that `encode` was given.

    Raises:
      ValueError, TypeError, KeyError: not what `encode` returns.
    """
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise ValueError("a list where a value was expected")
        return value
    decoders: dict[str, Callable[[Any], Any]] = {
        "float": float,
        "numpy": lambda kind: _decode_scalar(kind, value["value"]),
        "dtype": _dtype,
        "dict": lambda pairs: {decode(key): decode(of) for key, of in pairs},
        "list": lambda parts: list(map(decode, parts)),
        "tuple": lambda parts: tuple(map(decode, parts)),
        "array": decode_labels,
        "record": lambda name: {r.__name__: r for r in _records()}[name](**decode_all(value["fields"])),
    }
    kind = next(iter(value), None)
    if kind not in decoders:
        raise ValueError(f"the unknown kind of value {kind!r:.40}")
    return decoders[kind](value[kind])


def encode_all(values: dict[str, Any]) -> dict[str, Any]:
    """Each value by name as what JSON can hold."""
    return {name: encode(value, name) for name, value in values.items()}


def decode_all(values: dict[str, Any]) -> dict[str, Any]:
    """The values that `encode_all` was given."""
    return {name: decode(value) for name, value in values.items()}


def _encode_labels(labels: np.ndarray, name: str) -> dict[str, Any]:
    """Labels (k,) of one kind, with their dtype: "object" and "U12" for strings, else the name of a number's."""
    kind = labels.dtype.kind
    dtype = "object" if kind == "O" else labels.dtype.str[1:] if kind == "U" else labels.dtype.name
    values = labels.tolist()
    strings = kind in "OU" and all(isinstance(value, str) for value in values)
    if labels.ndim != 1 or not (strings or dtype in INTEGERS + FLOATS) or labels.nbytes > _LARGEST_LABELS:
        raise ValueError(f"{name} must be a vector of strings, bool or numbers, got {labels.dtype} {labels.shape}.")
    return {"dtype": dtype, "values": [str.__str__(v) if strings else encode(v, name) for v in values]}


def decode_labels(stored: Any) -> np.ndarray:
    """The labels that `encode` was given as {"array": ...}.

    Raises:
      ValueError, TypeError, KeyError, OverflowError: not what `encode` returns.
    """
    dtype, values = stored["dtype"], [decode(value) for value in stored["values"]]
    strings = dtype == "object" or dtype[:1] == "U"
    if not all(isinstance(value, str if strings else bool | int | float) for value in values):
        raise ValueError("labels of another kind than their dtype")
    if not strings:
        return np.array(values, _dtype(dtype))
    if dtype == "object":
        return np.array(values, object)
    width = int(dtype[1:9])
    if not max(map(len, values), default=0) <= width <= _LARGEST_LABELS // (4 * max(1, len(values))):
        raise ValueError("labels that do not fit their dtype")
    return np.array(values, f"U{width}")


def _encode_scalar(value: np.generic, name: str) -> dict[str, Any]:
    kind = "str" if isinstance(value, np.str_) else value.dtype.name
    if kind not in ("str", *INTEGERS, *FLOATS):
        raise _cannot(value, name)
    plain = str(value) if kind == "str" else float(value) if kind in FLOATS else value.item()
    return {"numpy": kind, "value": encode(plain, name)}


def _decode_scalar(kind: Any, value: Any) -> Any:
    plain = decode(value)
    if kind == "str":
        return np.str_(plain)
    if not isinstance(plain, bool | int | float):
        raise ValueError("a scalar that is not a number")
    return _dtype(kind).type(plain)


def _dtype(name: Any) -> np.dtype:
    """The dtype of a name on the closed list."""
    if name not in INTEGERS + FLOATS:
        raise ValueError(f"the unknown dtype {name!r:.40}")
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)


def _dtype_name(value: Any) -> str | None:
    """The name of a dtype, scalar type such as np.float32 or jnp.float32, or float; None for anything else."""
    with contextlib.suppress(TypeError, ValueError):
        if isinstance(value, np.dtype | type) and np.dtype(value).name in FLOATS:
            return np.dtype(value).name
    return None


def _records() -> tuple[type, ...]:
    from softmax_jax.solvers.hyperparameters import RECORDS

    return RECORDS


def _cannot(value: Any, name: str) -> ValueError:
    words = f"{name} cannot be stored in a model file, got {type(value).__module__}.{type(value).__name__}"
    if isinstance(value, np.random.RandomState | np.random.Generator):
        return ValueError(f"{words}: use an integer seed before saving, by set_params(random_state=0).")
    if name.endswith("optimiser"):
        return ValueError(f"{words}: its functions would have to be run on loading; use set_params(solver='sgd').")
    if name in ("cv", "scoring"):
        return ValueError(f"{words}: use set_params({name}=None) before saving; what was found stays in path_.")
    return ValueError(
        f"{words}; None, bool, numbers, strings, dtypes, lists, tuples, arrays, dicts of these and solver records can."
    )
