"""How rivals that compute by BLAS are timed: on one thread and on all, and the faster counts.

The threads of BLAS wait for one another by spinning. Where another process holds a core, or the matrices are small, all
threads together can take many times as long as one of them, so that a rival's time on all is not its best.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from threadpoolctl import threadpool_info, threadpool_limits


class Best(NamedTuple):
    """The faster way: its seconds, what it returned, its threads (None: all), and the seconds of every way."""

    wall_s: float
    result: Any
    threads: int | None
    seconds: dict[str, float]


def ways() -> tuple[int | None, ...]:
    """1 and None for all; 1 alone where BLAS has no more."""
    most = max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)
    return (1, None) if most > 1 else (1,)


def limited(threads: int | None) -> AbstractContextManager[Any]:
    """A context in which BLAS uses so many threads; None for all."""
    return threadpool_limits(threads, user_api="blas")


def in_words(threads: int | None) -> str:
    """As "1 BLAS thread"."""
    return "all BLAS threads" if threads is None else f"{threads} BLAS thread{'s' * (threads != 1)}"


def fastest(timed: Callable[[], tuple[float, Any]]) -> Best:
    """The faster of a call on one thread and on all.

    Args:
      timed: makes the call and returns its seconds and its result.
    """
    done: dict[int | None, tuple[float, Any]] = {}
    for threads in ways():
        with limited(threads):
            done[threads] = timed()
    best = min(done, key=lambda threads: done[threads][0])
    return Best(*done[best], best, {in_words(threads): wall_s for threads, (wall_s, _) in done.items()})
