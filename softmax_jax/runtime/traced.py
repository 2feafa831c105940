"""Values that JAX is tracing are refused where a function runs on the host.

Such a function would see the value at hand without what is to be done with it: `jax.grad` through it would be 0
without a word, and `jax.jit` and `jax.vmap` would fail far inside. JAX is recognised, never imported.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_DEPTH = 16  # of containers in containers that are searched
_PLAIN = {int, float, bool, complex, str, bytes, type(None), *(np.dtype(code).type for code in "?bBhHiIlLqQefdSUmM")}
ADVICE = (
    "jax.grad, jax.jvp, jax.jit and jax.vmap do not go through it. softmax_jax.solve_implicit is the optimum as a "
    "function that they go through; so are softmax_jax.objective, net_input and softmax."
)


def jax_types(value: Any) -> set[type]:
    """The types of all JAX arrays in `value`: itself, or anywhere in containers, records, frames and estimators."""
    jax = sys.modules["jax"]
    found, level = set(), [value]
    for _ in range(_DEPTH):
        types = set(map(type, level))
        if types <= {list, tuple}:  # rows of numbers, of which there may be millions
            if set(map(type, itertools.chain.from_iterable(level))) <= _PLAIN:
                break
            level = list(itertools.chain.from_iterable(level))
            continue
        arrays = {kind for kind in types - _PLAIN if issubclass(kind, jax.Array | jax.core.Tracer)}
        found |= arrays
        skipped = _PLAIN | arrays
        level = list(itertools.chain.from_iterable(_parts(v) for v in level if type(v) not in skipped))
    return found


def is_traced(types: Iterable[type]) -> bool:
    """Whether one of the types is that of a value being traced."""
    return any(issubclass(kind, sys.modules["jax"].core.Tracer) for kind in types)


def refuse_traced(function: str, arguments: Mapping[str, Any]) -> None:
    """Raise TypeError if a value that JAX traces is anywhere in the arguments.

    Args:
      function: what the message calls the function.
      arguments: by name.
    """
    if "jax" not in sys.modules:
        return
    for name, value in arguments.items():
        if is_traced(jax_types(value)):
            raise TypeError(f"{function} runs on the host, got a value that JAX traces in {name!r}: {ADVICE}")


def _parts(value: Any) -> Iterable[Any]:
    """What `value` is made of, where that may be traced values."""
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, np.ndarray):
        return value.flat if value.dtype.hasobject else ()
    if isinstance(value, type):
        return ()
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    if hasattr(value, "get_params"):  # an estimator
        return vars(value).values()
    return _object_columns(value)


def _object_columns(value: Any) -> list[np.ndarray]:
    """What a pandas frame, series or index holds as Python objects."""
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, np.dtype) and hasattr(value, "to_numpy"):
        return [value.to_numpy()] if dtype.hasobject else []
    if not hasattr(value, "iloc") or value.ndim == 1:
        return []
    return [value.iloc[:, j].to_numpy() for j, d in enumerate(value.dtypes) if isinstance(d, np.dtype) and d.hasobject]
