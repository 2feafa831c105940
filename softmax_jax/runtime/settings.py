"""What every function that runs on the host has in common, whatever JAX is told around it.

* A value that JAX traces is a TypeError (see traced.py).
* In a forked process it is a RuntimeError (see forks.py); functions in NumPy go on there, unless they get JAX arrays.
* The user's JAX settings do not reach inside: strict promotion, transfer guards, a search for NaN or infinity, no jit.
  A callback is called under them.

The one setting left as it is is the rank promotion: nothing here promotes ranks, and the tests run with "raise".
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ParamSpec, TypeVar

from softmax_jax.runtime.traced import ADVICE, is_traced, jax_types, refuse_traced

P = ParamSpec("P")
R = TypeVar("R")

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
