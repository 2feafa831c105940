"""LAPACK on one thread while a compiled program calls it: its threads spin while XLA's wait for the cores.

On CPUs jaxlib takes LAPACK from SciPy's OpenBLAS, whose threads wait for each other busily. The matrices of dense
Newton are too small to gain from them, and beside other processes it took many times as long. The setting is that of
the process or, in other versions, of the thread: whoever leaves puts back what was before the first of those that
overlap, so that nothing lasts.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import threadpoolctl

_lock = threading.Lock()
_users = 0
_before: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Within it BLAS and LAPACK of all libraries of the process run on the thread that calls them."""
    _enter()
    try:
        yield
    finally:
        _leave()


@functools.lru_cache(maxsize=1)
def _libraries(modules: int) -> threadpoolctl.ThreadpoolController:
    """The libraries with threads that are loaded; to find them takes some milliseconds, so only after new imports."""
    return threadpoolctl.ThreadpoolController()


def _enter() -> None:
    global _users, _before
    with _lock:
        found = _libraries(len(sys.modules)).limit(limits=1, user_api="blas")
        _before = _before or found
        _users += 1


def _leave() -> None:
    global _users, _before
    with _lock:
        _before.restore_original_limits()
        _users -= 1
        _before = _before if _users else None
