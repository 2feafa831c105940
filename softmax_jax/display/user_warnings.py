"""Warnings of functions, by category, shown at the user's own line, however deep in this package they are found."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class NotConvergedWarning(UserWarning):
    """A fit, or some of many, ended before its gap was proven."""


class SpreadWarning(UserWarning):
    """Columns of X differ so much in spread that one penalty cannot be right for all."""


def warn_user(words: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line that is outside this package.

    Args:
      words: the message.
      category: kind of the warning.
    """
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_code.co_filename.startswith((_PACKAGE, contextlib.__file__)):
        frame, level = frame.f_back, level + 1
    warnings.warn(words, category, stacklevel=level)
