"""Checkpoints: the state of a computation in a directory, so that a killed process loses little, and nothing silently.

A checkpoint is one file of tensors and texts (see container.py) with the identity of the computation: a fingerprint of
its data, and its settings. It is written atomically; the last two are kept. A damaged one is never read as if it were
whole, a computation that is another one is never resumed, and one process at a time uses a directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import tempfile
import time
import warnings
from typing import Any

import numpy as np

from softmax_jax.storage import container
from softmax_jax.storage.atomic import AnyPath, remove_stale
from softmax_jax.storage.container import ModelFileError

FORMAT = 3  # of what the tensors and texts mean; another one is not resumed from
KEPT = 2
_NAME = re.compile(r"checkpoint-(\d{12})\.safetensors")
Contents = tuple[dict[str, np.ndarray], dict[str, str]]


class CheckpointError(ValueError):
    """A directory cannot be resumed from; the words name the reason and the remedy."""


class CheckpointWarning(UserWarning):
    """A checkpoint was not written, was damaged, or will be resumed from under other conditions."""


class CheckpointStore:
    """The checkpoints of one computation.

        with CheckpointStore(directory, fingerprint, settings) as store:
            found = store.load()
            ...
            store.save(step, tensors, texts)

    Attributes:
      directory: absolute path.
      before_s: seconds that the runs took whose checkpoint was loaded; each checkpoint has those until it is written.
    """

    def __init__(
        self,
        directory: AnyPath,
        fingerprint: dict[str, Any],
        settings: dict[str, Any],
        conditions: dict[str, Any] | None = None,
    ) -> None:
        """The store in `directory`; nothing is touched before it is entered.

        Args:
          directory: str or os.PathLike; made where it is missing.
          fingerprint: what the data are, by name; values that JSON can hold.
          settings: what else decides the result.
          conditions: what may differ on resuming, at the price of equality to rounding only.
        """
        self.directory = os.path.abspath(os.fsdecode(directory))
        self._identity = {
            "fingerprint": _as_json(fingerprint),
            "settings": {"format of checkpoints": FORMAT, **_as_json(settings)},
            "conditions": _as_json(conditions or {}),
        }
        self.before_s, self._entered_s = 0.0, time.perf_counter()
        self._lock: int | None = None  # the descriptor of a locked file

    def __enter__(self) -> CheckpointStore:
        """Lock the directory, and remove what killed processes left behind.

        Raises:
          CheckpointError: another process uses the directory.
          OSError: it cannot be made or written to.
        """
        os.makedirs(self.directory, exist_ok=True)
        tempfile.TemporaryFile(dir=self.directory).close()  # that it cannot be written to is better known now
        self._lock = _locked(os.path.join(self.directory, "lock"))
        remove_stale(self.directory)
        self._entered_s = time.perf_counter()
        return self

    def __exit__(self, *exception: Any) -> None:
        """Unlock. The lock file stays: another process may just have opened it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def save(self, step: int, tensors: dict[str, np.ndarray], texts: dict[str, str]) -> bool:
        """Write a checkpoint; where that fails, warn, and leave the others as they are.

        Args:
          step: rises from one checkpoint to the next.
          tensors: by name, of a dtype in container.DTYPES.
          texts: by name.

        Returns:
          Whether it was written.
        """
        identity = {name: json.dumps(value) for name, value in self._identity.items()}
        identity["wall_s"] = repr(self.before_s + time.perf_counter() - self._entered_s)
        path = os.path.join(self.directory, f"checkpoint-{step:012d}.safetensors")
        try:
            container.write(path, {"kind": "checkpoint", **identity, "texts": json.dumps(texts)}, tensors)
        except (OSError, ValueError) as error:
            words = f"The checkpoint of step {step} was not written to {self.directory!r} ({error}); earlier ones stay."
            warnings.warn(words, CheckpointWarning, stacklevel=2)
            return False
        for old in self._files()[:-KEPT]:
            with contextlib.suppress(OSError):
                os.unlink(old)
        return True

    def load(self) -> Contents | None:
        """The newest whole checkpoint as (tensors, texts), or None where there never was one.

        Where a newer one is damaged, it is put aside with a warning.

        Raises:
          CheckpointError: all are damaged, or they are of another computation; the differences are named.
        """
        damaged: list[tuple[str, str]] = []
        for path in reversed(self._files()):
            try:
                texts, tensors = container.read(path)
                if texts.get("kind") != "checkpoint":
                    raise ModelFileError(path, "it is not a checkpoint")
            except ModelFileError as error:
                damaged.append((path, error.defect))
                continue
            self._check_identity(texts)
            _put_aside(damaged, path)
            self.before_s = float(texts.get("wall_s", 0.0))
            return tensors, json.loads(texts["texts"])
        if damaged:
            found = "; ".join(f"{os.path.basename(path)}: {defect}" for path, defect in damaged)
            raise CheckpointError(
                f"No checkpoint in {self.directory!r} can be read ({found}). Restore them from a copy, or empty the "
                "directory to start anew."
            )
        return None

    def _files(self) -> list[str]:
        return checkpoint_files(self.directory)

    def _check_identity(self, texts: dict[str, str]) -> None:
        """Raise CheckpointError unless data and settings agree; warn where the conditions do not."""
        stored = {name: json.loads(texts[name]) for name in self._identity}
        found = [d for kind in ("fingerprint", "settings") for d in _differences(stored[kind], self._identity[kind])]
        if found:
            raise CheckpointError(
                f"The checkpoint in {self.directory!r} is of another computation: {'; '.join(found)}. Give the same "
                "data and settings to resume it, or another directory."
            )
        found = _differences(stored["conditions"], self._identity["conditions"])
        if found:
            warnings.warn(
                f"Resuming from {self.directory!r} under other conditions ({'; '.join(found)}): the result will agree "
                "with that of an uninterrupted run to rounding, not bit for bit.",
                CheckpointWarning,
                stacklevel=3,
            )


def checkpoint_files(directory: str) -> list[str]:
    """Paths of the checkpoints in a directory, the oldest first."""
    names = sorted(name for name in os.listdir(directory) if _NAME.fullmatch(name))
    return [os.path.join(directory, name) for name in names]


def _as_json(values: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(values))


def _differences(stored: dict[str, Any], given: dict[str, Any]) -> list[str]:
    """A phrase with both values for each name on which they disagree."""
    nothing = "not given"
    pairs = {name: (stored.get(name, nothing), given.get(name, nothing)) for name in [*given, *stored]}
    return [f"{name} was {old}, now {new}" for name, (old, new) in pairs.items() if old != new]


def _put_aside(damaged: list[tuple[str, str]], used: str) -> None:
    """Rename damaged files, so that they count no longer, and say so."""
    for path, defect in damaged:
        os.replace(path, path + ".damaged")
        warnings.warn(
            f"The checkpoint {path!r} cannot be read: {defect}. It was renamed to *.damaged, and {used!r}, the one "
            "before, is used.",
            CheckpointWarning,
            stacklevel=3,
        )


def _locked(path: str) -> int:
    """A descriptor of the file at `path`, locked by this process until it is closed or the process is gone.

    The kernel gives up the lock of a process that died, however it died, so that no lock is ever stale.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    with contextlib.ExitStack() as closing:
        closing.callback(os.close, file)
        _lock(file, path)
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()} on {socket.gethostname()}".encode())
        closing.pop_all()
    return file


def _lock(file: int, path: str) -> None:
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(file, 200).decode(errors="replace") or "unknown"
        raise CheckpointError(
            f"The checkpoints in {os.path.dirname(path)!r} are in use by pid {owner}. Wait for that process, or give "
            "another directory."
        ) from None
    except (ImportError, OSError) as error:  # on Windows, and on some network file systems
        words = f"{path!r} cannot be locked ({error}): see to it that only one process uses it."
        warnings.warn(words, CheckpointWarning, stacklevel=4)
