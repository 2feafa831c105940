"""What every function that runs on the host has in common, whatever JAX is told around it.

* A value that JAX traces is a TypeError. The function would see the value at hand without what is to be done with it:
  `jax.grad` through it would be 0 without a word. JAX is recognised, never imported.
* In a forked process it is a RuntimeError (see forks.py); functions in NumPy go on there, unless they get JAX arrays.
* The user's JAX settings do not reach inside: strict promotion, transfer guards, a search for NaN or infinity, no jit.
  A callback is called under them.

The one setting left as it is is the rank promotion: nothing here promotes ranks, and the tests run with "raise".
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")
_DEPTH = 16  # of containers in containers that are searched
_PLAIN = {int, float, bool, complex, str, bytes, type(None), *(np.dtype(code).type for code in "?bBhHiIlLqQefdSUmM")}
ADVICE = (
    "jax.grad, jax.jvp, jax.jit and jax.vmap do not go through it. softmax_jax.solve_implicit is the optimum as a "
    "function that they go through; so are softmax_jax.objective, net_input and softmax."
)

# JAX's name of each, less "jax_", which is that of its context manager too, and the value that is needed
_TRANSFERS: dict[str, Any] = {
    f"transfer_guard_{way}": "allow" for way in ("host_to_device", "device_to_device", "device_to_host")
}
_SETTINGS: dict[str, Any] = {
    "debug_nans": False,
    "debug_infs": False,
    "disable_jit": False,
    "numpy_dtype_promotion": "standard",
    **_TRANSFERS,
}


def on_host(function: Callable[P, R]) -> Callable[P, R]:
    """A function that computes with JAX, on the host: no traced values, no forked process, no settings of the user."""
    return _guarded(function, computes=True)


def in_numpy(function: Callable[P, R]) -> Callable[P, R]:
    """As `on_host`, for a function in NumPy: it computes with JAX only where it is given a JAX array."""
    return _guarded(function, computes=False)


def _guarded(function: Callable[P, R], *, computes: bool) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        jax = sys.modules.get("jax")
        if jax is None:
            return function(*args, **kwargs)
        name, types = function.__qualname__, jax_types((args, kwargs))
        if is_traced(types):
            refuse_traced(name, inspect.signature(function).bind_partial(*args, **kwargs).arguments)
        if computes or types:
            from softmax_jax.runtime.forks import (
                refuse_fork,  # imported where JAX is first used: that is what forks break
            )

            refuse_fork()
        with _changed(_SETTINGS) as theirs:
            callback: Any = kwargs.get("callback")
            if theirs and callable(callback):
                kwargs["callback"] = _under(theirs, callback)
            try:
                return function(*args, **kwargs)
            except jax.errors.JAXTypeError as error:  # a value hidden in a function, or jit around it all
                raise TypeError(f"{name} runs on the host, and met a value that JAX traces: {ADVICE}") from error

    return wrapper


def transfers_allowed() -> contextlib.AbstractContextManager[Any]:
    """A context in which arrays may be brought to the device that is to compute with them, and numbers beside them."""
    return _changed(_TRANSFERS)


@contextlib.contextmanager
def _changed(needed: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A context with the settings that are needed; gives those of the user that differ."""
    config = sys.modules["jax"].config
    now = {name: getattr(config, f"jax_{name}") for name in needed}
    theirs = {name: value for name, value in now.items() if value not in (None, needed[name])}
    with _settings({name: needed[name] for name in theirs}):
        yield theirs


@contextlib.contextmanager
def _settings(values: Mapping[str, Any]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for name, value in values.items():
            stack.enter_context(getattr(sys.modules["jax"], name)(value))
        yield


def _under(theirs: Mapping[str, Any], callback: Callable[..., Any]) -> Callable[..., Any]:
    """The user's `callback`, called under the user's settings."""

    def called(*args: Any, **kwargs: Any) -> Any:
        with _settings(theirs):
            return callback(*args, **kwargs)

    return called


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
