"""Files that are read: plain or gzip, what may be wrong with their bytes, and that somebody writes to one meanwhile."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

PICKLED = "holds Python objects, which are never unpickled (pickle is refused); store numbers or strings"


@contextmanager
def told(path: str | Path, *damage: type[Exception], what: str = "cannot be read") -> Iterator[None]:
    """What goes wrong with the bytes of a file, as a ValueError that names it.

    Args:
      path: the file.
      *damage: what its reader raises where the bytes are not what they should be.
      what: words for that.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.object[error.start]:#04x}); save it so.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged, or ends early: {error}.") from error
    except (OSError, *damage) as error:
        words = str(getattr(error, "strerror", None) or error or type(error).__name__)
        words = f"it {PICKLED}" if "pickle" in words.lower() else words
        raise ValueError(f"{path} {what}: {' '.join(words.split())[:200].rstrip('.')}.") from error


def suffix(path: Path) -> str:
    """The ending of a file's name, in small letters and without that of gzip."""
    return Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()


def is_gzip(path: str | Path) -> bool:
    """Whether a file is gzip by its first two bytes, whatever its name."""
    with Path(path).open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def unpacked(path: str | Path) -> IO[bytes]:
    """The open file; of a gzip file what is within."""
    opener: Any = gzip.open if is_gzip(path) else open
    return opener(path, "rb")


class Stamp(NamedTuple):
    """What tells that a file is still the one it was."""

    size: int
    mtime_ns: int


def stamp(path: Path) -> Stamp:
    """The stamp of a file.

    Raises:
      ValueError: it cannot be read.
    """
    with told(path):
        status = path.stat()
    return Stamp(status.st_size, status.st_mtime_ns)


@contextmanager
def unchanged(path: Path, expected: Stamp) -> Iterator[None]:
    """Raise ValueError if a file is not as it was, before it is read or after.

    Args:
      path: the file.
      expected: its stamp when it was opened.
    """
    _check_unchanged(path, expected)
    yield
    _check_unchanged(path, expected)


def _check_unchanged(path: Path, expected: Stamp) -> None:
    found = stamp(path)
    if found != expected:
        raise ValueError(
            f"{path} changed while it was in use: it had {expected.size} bytes, last written at "
            f"{expected.mtime_ns / 1e9:.3f} s, and has {found.size} bytes, written at {found.mtime_ns / 1e9:.3f} s. "
            "Fit again on a file that nobody writes to."
        )
