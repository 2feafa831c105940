"""What the processes of one computation must agree on before they compute together.

Arrays of different shapes, other settings or a missing process are not noticed by JAX: sums come out wrong, or wait for
ever. So each process says what it has, all read what all have said, and all raise the same error or none does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

Result = TypeVar("Result")
_SHOWN = 4  # processes named in a message


def gather(value: Any) -> list[Any]:
    """What JSON can hold from every process, in their order; all of them have to call it."""
    if jax.process_count() == 1:
        return [value]
    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    sizes = np.asarray(multihost_utils.process_allgather(np.int32(len(text)))).reshape(-1)
    room = np.zeros(max(64, 1 << int(sizes.max() - 1).bit_length()), np.uint8)  # few sizes are compiled
    room[: len(text)] = text
    texts = np.asarray(multihost_utils.process_allgather(room)).reshape(len(sizes), -1)
    return [json.loads(row[:size].tobytes()) for row, size in zip(texts, sizes, strict=True)]


def together(action: Callable[[], Result]) -> Result:
    """The result of `action()`, such as reading a file; where it fails on one process, all raise.

    Args:
      action: called on every process. It must not wait for another one.

    Raises:
      ValueError: the same on every process, with the process, kind and words of each failure.
    """
    result: Any = None
    failure = None
    try:
        result = action()
    except Exception as error:
        failure = error
    words = gather(describe(failure))
    if any(words):
        raise ValueError(_by_process(words)) from failure
    return result


def agree(**values: Any) -> None:
    """Raise the same ValueError on every process unless all have the same values (of what JSON can hold)."""
    everyone = gather(values)
    for name in values:
        theirs = [v[name] for v in everyone]
        if any(value != theirs[0] for value in theirs):
            raise ValueError(f"The processes must agree on {name.replace('_', ' ')}, got {_held(theirs)}.")


def describe(error: BaseException | None) -> str:
    """Kind and words of an error; "" for none."""
    return "" if error is None else f"{type(error).__name__}: {error}"


def _by_process(words: list[str]) -> str:
    """The failures, with their processes."""
    failed = [f"process {i}: {text}" for i, text in enumerate(words) if text]
    rest = len(failed) - _SHOWN
    return "; ".join(failed[:_SHOWN]) + (f"; and {rest} more" if rest > 0 else "")


def _held(values: list[Any]) -> str:
    """Which process has which value: the first, and those that differ from it."""
    different = [f"{value} on process {i}" for i, value in enumerate(values) if i == 0 or value != values[0]]
    rest = len(different) - _SHOWN
    return ", ".join(different[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
