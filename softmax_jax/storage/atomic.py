"""Files that are there whole or not at all: written beside the target, flushed to disk, then renamed over it.

A reader sees the old content or the new one, also after kill -9, Ctrl-C or on a full disk. What a killed
process leaves behind is a hidden temporary file, which the next write into the directory removes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import socket
import stat
from collections.abc import Iterator
from typing import BinaryIO

AnyPath = str | bytes | os.PathLike[str]
_PREFIX = ".softmax_jax-"
_NO_DIRECTORY_SYNC = (errno.EACCES, errno.EINVAL, errno.ENOTSUP)  # some file systems cannot, and need not
_writing: set[str] = set()  # temporary files that threads of this process are writing


def write_atomically(path: AnyPath, *parts: bytes | bytearray | memoryview) -> None:
    """Replace the file at `path` by the bytes `parts`, one after the other.

    Args:
      path: as for `opened_atomically`, which raises the same errors.
      parts: bytes-like objects.
    """
    with opened_atomically(path) as file:
        for part in parts:
            file.write(part)


@contextlib.contextmanager
def opened_atomically(path: AnyPath) -> Iterator[BinaryIO]:
    """A file to write to, which replaces that at `path` where the context ends without an error.

    Args:
      path: str or os.PathLike; a symbolic link is followed, so that it stays a link.

    Raises:
      OSError: the directory is missing or not writable, the disk is full, or `path` is there and is no regular
        file; what was at `path` is unchanged and no temporary file is left.
    """
    target = os.path.realpath(os.fsdecode(path))
    directory = os.path.dirname(target)
    if os.path.lexists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        raise OSError(errno.EINVAL, "not a regular file, so it is not replaced", os.fsdecode(path))
    remove_stale(directory)
    temporary = os.path.join(directory, f"{_own_prefix()}{os.getpid()}-{secrets.token_hex(8)}.tmp")
    _writing.add(temporary)
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            error.filename, error.filename2 = os.fsdecode(path), None  # what the caller knows, in place of our own
            if not os.path.isdir(directory):
                error.strerror = f"{error.strerror}: the folder {directory!r} is not there"
        raise
    finally:
        _writing.discard(temporary)
    _sync_directory(directory)


def _own_prefix() -> str:
    """Process ids mean nothing on another host that writes into the same directory."""
    return _PREFIX + re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())[:64] + "-"


def remove_stale(directory: str) -> None:
    """Remove from a directory the temporary files of processes of this host that are gone."""
    pattern = re.compile(re.escape(_own_prefix()) + r"(\d{1,9})-[0-9a-f]{16}\.tmp")
    with contextlib.suppress(OSError):  # a directory that cannot be listed may still be written to
        for name in os.listdir(directory):
            match = pattern.fullmatch(name)
            temporary = os.path.join(directory, name)
            if match and temporary not in _writing and not _alive(int(match[1])):
                with contextlib.suppress(OSError):
                    os.unlink(temporary)


def _alive(pid: int) -> bool:
    """Whether another process has this id; where that cannot be asked without harm, yes."""
    if pid == os.getpid():
        return False  # left by an earlier process with the same id, as in a container that was started again
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sync_directory(directory: str) -> None:
    """Make the rename durable."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError as error:
        if error.errno in _NO_DIRECTORY_SYNC:
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)
