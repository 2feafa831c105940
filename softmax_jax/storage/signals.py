"""Ctrl-C and SIGTERM during a fit: they only ask it to stop, its state is saved, and then the signal has its way."""

from __future__ import annotations

import signal
import threading
from typing import Any

import jax


class Signals:
    """SIGINT and SIGTERM, noted instead of obeyed at once; a second Ctrl-C is obeyed."""

    def __init__(self) -> None:
        """None is noted before `take`."""
        self.received = 0
        self.obeyed = False  # whether the fit has ended because of it
        self._previous: dict[int, Any] = {}

    @property
    def name(self) -> str:
        """Of the signal that was received."""
        return signal.Signals(self.received).name

    def take(self) -> None:
        """Put our handler in place of those that do something, in the main thread of a single process.

        Where there are several processes, stopping is a matter for all of them together.
        """
        if threading.current_thread() is not threading.main_thread() or jax.process_count() > 1:
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler is not None and handler != signal.SIG_IGN:
                self._previous[number] = handler
                signal.signal(number, self._note)

    def give_back(self) -> None:
        """Restore the handlers, and let them have what they have missed.

        Only a Ctrl-C that has ended the fit, and would by default have raised KeyboardInterrupt, has had its effect.
        """
        self._restore()
        previous = self._previous.get(self.received)
        if self.received and not (self.obeyed and previous is signal.default_int_handler):
            signal.raise_signal(self.received)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        if number == signal.SIGINT and self.received:
            self._restore()
            self.received = 0
            raise KeyboardInterrupt
        self.received = number
