"""One rule for all races: rivals on one BLAS thread and on all, the load recorded, no ratio of a busy machine's times.

What is busy, and how threads are limited, is decided where `softmax-jax bench` has it from: `softmax_jax.runs.load` and
`softmax_jax.runs.blas_threads`. Times are of warm runs: what compiles is called once before.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from softmax_jax.runs import load
from softmax_jax.runs.load import Load, Ratio


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Wall seconds and the result, without warnings."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = call()
    return time.perf_counter() - start, result


@contextmanager
def watched() -> Iterator[dict[str, Any]]:
    """A record that holds what other processes took of the machine within the context, as soon as that has ended."""
    found: dict[str, Any] = {}
    begin = load.reading()
    yield found
    found |= load.told(load.since(begin))


def ratio(theirs_s: float | None, ours_s: float | None, *records: Mapping[str, Any] | None) -> Ratio:
    """Their seconds over ours, or why there is none.

    Args:
      theirs_s: None where they did not get there.
      ours_s: likewise.
      *records: of `watched`, while either was timed; None where none was recorded.
    """
    loads = [None if r is None else Load(*(r[name] for name in Load._fields)) for r in records]
    return load.ratio(theirs_s, ours_s, loads)


def in_words(found: Ratio) -> str:
    """For a cell of a table."""
    return found.why if found.value is None else f"{found.value:.2g}"
