"""A reason to stop one process - callback, Ctrl-C, a scheduler's signal, an error - stops all after the same chunk."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

import jax
from jax.experimental import multihost_utils

from softmax_jax.distributed.agreement import describe, gather

STALLED = 70  # exit code of a process that gave up waiting
_LOG = logging.getLogger(__name__)
_POLLS = itertools.count()  # JAX's preemption service counts steps through the life of the process


class AgreedStop:
    """A callback for the driver, and a context in which signals are noted instead of ending the process.

    With the reasons to stop, all are told whether process 0 wants a checkpoint (`due`).

    Outside the context signals are what they were. A second Ctrl-C raises KeyboardInterrupt at once, and the other
    processes wait in vain.

    Args:
      callback: the user's; called with `Progress` on every process.
      stall_timeout_s: seconds without a finished chunk after which this process ends with exit code 70, because
        another lives but does not take part; None to wait for ever.
    """

    def __init__(self, callback: Callable[[Any], Any] | None, stall_timeout_s: float | None = None) -> None:
        """Nothing is taken over yet."""
        self.callback, self.stall_timeout_s = callback, stall_timeout_s
        self.signalled = False
        self.is_due: Callable[[], bool] = bool  # by the clock of this process; never, unless a session sets it
        self.due = False  # by that of process 0, when last called
        self._former: dict[int, Any] = {}
        self._timer: threading.Timer | None = None

    def __enter__(self) -> AgreedStop:
        """Take over SIGINT and SIGTERM; the latter only where JAX's preemption service does not have it."""
        if threading.current_thread() is threading.main_thread():
            served = _has_preemption_service()
            for number in (signal.SIGINT,) if served else (signal.SIGINT, signal.SIGTERM):
                self._former[number] = signal.signal(number, self._note)
        self._wind()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        if self._timer is not None:
            self._timer.cancel()
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def __call__(self, progress: Any) -> bool:
        """Whether to stop, the same on every process.

        Raises:
          RuntimeError: the callback failed on another process; where it failed its own error is raised.
        """
        self._wind()
        wanted, failure = False, None
        try:
            wanted = self.callback is not None and bool(self.callback(progress))
        except Exception as error:
            failure = error
        answers = gather([wanted or self.signalled, describe(failure), self.is_due()])
        self.due = answers[0][2]
        if failure is not None:
            raise failure
        failed = [f"process {i}: {words}" for i, (_, words, _) in enumerate(answers) if words]
        if failed:
            raise RuntimeError("The callback failed on another process. " + "; ".join(failed))
        return any(stop for stop, _, _ in answers) or _preempted()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signalled and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signalled = True

    def _wind(self) -> None:
        """Start to wait for the next chunk."""
        if self.stall_timeout_s is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self.stall_timeout_s, _give_up, [self.stall_timeout_s])
        self._timer.daemon = True
        self._timer.start()


def _give_up(seconds: float) -> None:
    _LOG.critical("No progress for %g s: another process does not take part. This one ends.", seconds)
    os._exit(STALLED)  # the main thread waits inside a collective, where no exception reaches it


def _preempted() -> bool:
    """Whether JAX's preemption service, where the user has started it, says that all should stop now."""
    return _has_preemption_service() and multihost_utils.reached_preemption_sync_point(next(_POLLS))


def _has_preemption_service() -> bool:
    """Whether JAX takes SIGTERM as the notice of a preemption."""
    settings: Any = jax.config
    return jax.process_count() > 1 and settings.jax_enable_preemption_service
