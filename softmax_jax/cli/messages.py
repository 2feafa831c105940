"""What a verb says on stderr, in one line each, and the exit code that goes with it."""

from __future__ import annotations

import sys
from typing import Any

NOT_CONVERGED, BAD_INPUT, INTERRUPTED = 1, 2, 130
INTERRUPTED_BUT_SAVED = -INTERRUPTED  # what a verb returns that has told of the interruption itself


def say(kind: str, message: Any) -> None:
    """Print `message` in one line, whatever line breaks it has."""
    line = " ".join(str(message).split())
    print(f"softmax-jax: {kind}: {line}", file=sys.stderr)
