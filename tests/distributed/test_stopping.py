"""Signals inside the context stop the fit after its chunk; outside they are what they were."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from softmax_jax.distributed import stopping
from softmax_jax.distributed.stopping import AgreedStop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noted_and_its_former_handler_comes_back(number):
    former = signal.getsignal(number)
    with AgreedStop(None) as stop:
        assert stop(None) is False
        os.kill(os.getpid(), number)
        assert stop(None) is True
    assert signal.getsignal(number) == former


def test_a_second_ctrl_c_interrupts_at_once():
    with AgreedStop(None):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_callback_s_answer_decides_and_its_error_is_raised():
    answers = iter([None, 1])
    with AgreedStop(lambda progress: next(answers)) as stop:
        assert [stop("p"), stop("p")] == [False, True]
    with AgreedStop(lambda progress: [][0]) as stop, pytest.raises(IndexError):
        stop("p")


def test_another_process_s_reason_counts_and_its_error_is_named(monkeypatch):
    monkeypatch.setattr(stopping, "gather", lambda value: [value, [True, "", False]])
    with AgreedStop(None) as stop:
        assert stop("p") is True
    monkeypatch.setattr(stopping, "gather", lambda value: [value, [False, "OSError: gone", False]])
    with AgreedStop(None) as stop, pytest.raises(RuntimeError, match="process 1: OSError: gone"):
        stop("p")


def test_in_a_thread_signals_are_left_alone():
    former, inside = signal.getsignal(signal.SIGTERM), []

    def work():
        with AgreedStop(None):
            inside.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [former]


def test_the_wait_ends_with_the_context_and_starts_anew_with_each_chunk(monkeypatch):
    ended = []
    monkeypatch.setattr(stopping.os, "_exit", ended.append)
    with AgreedStop(None, stall_timeout_s=0.2) as stop:
        for _ in range(3):
            first = stop._timer
            stop(None)
            assert first.finished.is_set()  # cancelled
    assert stop._timer.finished.wait(1) and not ended
    stopping._give_up(0.2)
    assert ended == [stopping.STALLED]
