"""Checkpoints of a fit by several processes: process 0 keeps them for all, and all do the same at the same chunk.

A checkpoint holds what is alike on every process: parameters, the solver's memory, the preconditioner. Cached logits,
of which each process has those of its rows, are computed anew on resuming: another number of processes can go on.
What fails or is warned of on process 0 is raised or warned of on all.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from softmax_jax.distributed.agreement import describe, gather
from softmax_jax.distributed.stopping import AgreedStop
from softmax_jax.storage.checkpoints import CheckpointError, CheckpointStore, CheckpointWarning, Contents
from softmax_jax.storage.resuming import is_recomputable
from softmax_jax.storage.saving import Pace

LARGEST_PIECE = 1 << 26  # bytes of a state that are sent at a time
Result = TypeVar("Result")


class JointSession:
    """What `resuming.Session` is to a fit by one process; all have to enter it and to call the same methods.

    Args:
      store: not entered yet; only that of process 0 is used.
      every: seconds between checkpoints by the clock of process 0, as for `resuming.Session`.
      stop: what gathers the reasons to stop after each chunk; with them it tells all whether it is time to save.
    """

    def __init__(self, store: CheckpointStore, every: float | None, stop: AgreedStop) -> None:
        """Nothing is touched yet."""
        self._store, self._pace, self._stop = store, Pace(every), stop

    def __enter__(self) -> JointSession:
        """Lock the directory.

        Raises:
          CheckpointError: on every process; the directory cannot be made, written to or locked.
        """
        led(self._store.__enter__)
        self._pace.start()
        self._stop.is_due = self._pace.is_due
        return self

    def __exit__(self, *exception: Any) -> None:
        """Unlock; nothing is waited for, because an error may be that of this process alone."""
        self._store.__exit__()

    def load(self) -> Contents | None:
        """The newest whole checkpoint, as process 0 reads it, or None.

        Raises:
          CheckpointError: on every process, as by CheckpointStore.load.
        """
        found = led(self._store.load)
        told = None if found is None else [found[1], {name: _described(a) for name, a in found[0].items()}]
        told = gather(told)[0]
        if told is None:
            return None
        texts, shapes = told
        tensors = {} if found is None else found[0]
        return {name: _from_first(tensors.get(name), *what) for name, what in shapes.items()}, texts

    def after(self, step: int, status: str, snapshot: Callable[[], Contents]) -> str:
        """As `Session.after`; a signal has already become the status "interrupted", on every process.

        Args:
          step: iterations so far, the same on every process.
          status: that the chunk ended with on every process, "" to go on; nothing is saved after "nonfinite".
          snapshot: gives the state as tensors and texts; only called on process 0.
        """
        if status == "nonfinite" or not (status or self._stop.due):
            return status

        def save() -> bool:
            tensors, texts = snapshot()
            shared = {name: tensor for name, tensor in tensors.items() if not is_recomputable(name)}
            return self._store.save(step, shared, {**texts, "status": status})

        led(lambda: self._pace.timed(save))
        return status


def joint_session(
    checkpoint: Any,
    every: float | None,
    stop: AgreedStop,
    identity: Callable[[], tuple[dict[str, Any], dict[str, Any]]],
) -> contextlib.AbstractContextManager[JointSession | None]:
    """The session of a fit in the directory `checkpoint` of process 0, or a context of None where that is None.

    Args:
      checkpoint: path, or None, as on all processes.
      every: as for JointSession.
      stop: as for JointSession.
      identity: gives the fingerprint of the data of all processes, and the settings.
    """
    if checkpoint is None:
        return contextlib.nullcontext()
    return JointSession(CheckpointStore(checkpoint, *identity()), every, stop)


def led(action: Callable[[], Result]) -> Result | None:
    """The result of `action()` on process 0, which alone calls it, and None elsewhere; all wait for it.

    Its CheckpointWarnings are warned of on every process.

    Raises:
      CheckpointError: on every process, with kind and words of what it has raised.
    """
    result, failure, said = None, None, []
    if jax.process_index() == 0:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CheckpointWarning)
            try:
                result = action()
            except Exception as error:
                failure = error
        said = [str(warning.message) for warning in caught if issubclass(warning.category, CheckpointWarning)]
    words = str(failure) if isinstance(failure, CheckpointError) else describe(failure)
    words, said = gather([words, said])[0]
    for text in said:
        warnings.warn(text, CheckpointWarning, stacklevel=4)
    if words:
        raise CheckpointError(words) from failure
    return result


def _described(array: np.ndarray) -> tuple[str, tuple[int, ...]]:
    return array.dtype.name, array.shape


def _from_first(array: np.ndarray | None, dtype: str, shape: list[int]) -> np.ndarray:
    """The array of process 0, on every process; each tells its dtype and shape, only process 0 has to give it."""
    result = np.empty(shape, np.dtype(dtype)) if array is None else np.ascontiguousarray(array).reshape(shape)
    flat = result.reshape(-1).view(np.uint8)
    for start in range(0, len(flat), LARGEST_PIECE):
        piece = flat[start : start + LARGEST_PIECE]
        room = np.zeros(max(64, 1 << (len(piece) - 1).bit_length()), np.uint8)  # few sizes are compiled
        room[: len(piece)] = piece
        sent = np.asarray(multihost_utils.broadcast_one_to_all(room))
        if array is None:
            piece[:] = sent[: len(piece)]
    return result
