"""A forked process is told so: JAX's threads are not there, and its first computation would wait for ever."""

from __future__ import annotations

import os

_PID = os.getpid()  # of the process that imported what computes with JAX


def refuse_fork() -> None:
    """Raise RuntimeError in a process that was forked from the one in which this module was imported."""
    if os.getpid() != _PID:
        raise RuntimeError(
            f"softmax_jax was imported in process {_PID}, from which this process was forked; JAX does not survive a "
            "fork and would hang. Start workers by 'spawn', 'forkserver' or joblib's 'loky'."
        )
