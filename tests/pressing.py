"""Ctrl-C in tests: where it is heeded, and when it is pressed."""

from __future__ import annotations

import os
import signal

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of its own, and Ctrl-C heeded as in a terminal; handed back as it was."""
    monkeypatch.chdir(tmp_path)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def press(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)


def pressed_in(monkeypatch, place, name):
    """Ctrl-C is pressed when a function begins."""
    real = getattr(place, name)

    def called(*arguments, **settings):
        press()
        return real(*arguments, **settings)

    monkeypatch.setattr(place, name, called)
