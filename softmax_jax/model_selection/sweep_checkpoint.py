"""A sweep that survives being killed: what is kept after each strength, and how the sweep goes on from it.

All on which the next strength depends is kept: the result so far, the solutions that its start is extrapolated from,
and the solver's memory. A resumed sweep therefore ends in the same bits as one that was never stopped.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import jax
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.model_selection.sweep import Sweep
from softmax_jax.storage.checkpoints import CheckpointStore
from softmax_jax.storage.fingerprints import data_fingerprint, digest, record_settings
from softmax_jax.storage.resuming import from_tensors, to_tensors

_ARRAYS = ("objective", "duality_gap", "n_iter", "n_passes", "val_loss", "val_accuracy")


class SweepStore:
    """The checkpoints of one sweep over strengths, entered while it runs."""

    def __init__(self, store: CheckpointStore, sweep: Sweep, result: Any) -> None:
        """Keep `sweep` and the PathResult `result`, which fills, in `store`."""
        self._store, self._sweep, self._result = store, sweep, result

    def __enter__(self) -> SweepStore:
        """Lock the directory."""
        self._store.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        """Unlock it."""
        self._store.__exit__()

    def save(self, done: int) -> None:
        """Keep everything after `done` strengths."""
        sweep, result = self._sweep, self._result
        tensors = {f"result.{name}": np.asarray(getattr(result, name)) for name in _ARRAYS}
        tensors |= to_tensors("params", result.params) | {"l2": np.float64(sweep.l2).reshape(1)}
        if sweep.solved:
            tensors |= to_tensors("solved", Params(*(np.stack(p) for p in zip(*sweep.solved.values(), strict=True))))
            tensors["solved.at"] = np.array(list(sweep.solved), np.float64)
        if sweep.chunk is not None:
            tensors |= to_tensors("chunk", sweep.chunk)
        texts = {"done": str(done), "status": json.dumps(result.status), "dropped": json.dumps(result.dropped)}
        self._store.save(done, tensors, texts)

    def load(self) -> int:
        """Fill sweep and result from the newest checkpoint.

        Returns:
          The number of strengths that are done; 0 where there is no checkpoint.

        Raises:
          CheckpointError: it is damaged, or of another computation.
        """
        found = self._store.load()
        if found is None:
            return 0
        tensors, texts = found
        result, done = self._result, int(texts["done"])
        for name in _ARRAYS:
            getattr(result, name)[:] = tensors[f"result.{name}"]
        result.params.W[:], result.params.b[:] = (tensors[name] for name in to_tensors("params", result.params))
        result.status[:], result.dropped[:] = json.loads(texts["status"]), json.loads(texts["dropped"])
        if done < len(result.l2_values):
            self._resume(tensors)
        return done

    def _resume(self, tensors: dict[str, np.ndarray]) -> None:
        sweep = self._sweep
        sweep.l2 = float(tensors["l2"][0])
        if "solved.at" in tensors:
            W, b = (tensors[name] for name in to_tensors("solved", Params(np.zeros(0), np.zeros(0))))
            solved = zip(tensors["solved.at"], W, b, strict=True)
            sweep.solved = {float(l2): Params(np.array(w), np.array(c)) for l2, w, c in solved}
        if any(name.startswith("chunk") for name in tensors):
            with scope(sweep.data.training.dtype):  # outside of it JAX would narrow float64
                sweep.chunk = from_tensors("chunk", tensors, sweep.blank_chunk())[0]


def store_for(
    checkpoint: Any, sweep: Sweep, result: Any, data: tuple[Any, ...], validation: Any, settings: dict[str, Any]
) -> contextlib.AbstractContextManager[SweepStore | None]:
    """The store in the directory `checkpoint`, or a context of None where that is None.

    Args:
      checkpoint: path, or None.
      sweep: to be kept.
      result: PathResult to be kept.
      data: the arguments of `data_fingerprint`.
      validation: (X, T) or None.
      settings: what else decides the result; "init" holds Params or None.
    """
    if checkpoint is None:
        return contextlib.nullcontext()
    fingerprint = data_fingerprint(*data)
    if validation is not None:
        X_val, T_val = validation
        of_rows = data_fingerprint(X_val, T_val, None, data[3])
        fingerprint |= {f"validation {name}": value for name, value in of_rows.items()}
    init = settings["init"]
    settings = {
        **settings,
        **record_settings("solver", sweep.solver),
        "finishers": repr(sweep.finishers),
        "l2_values": digest(result.l2_values),
        "init": None if init is None else digest(*init),
    }
    if sweep.wide is not None:
        settings["in the span of the rows"] = True
    conditions = {
        "devices": sweep.device_count,
        "rows of a block": sweep.rows,
        "platform": jax.default_backend(),
        "version of jax": jax.__version__,
    }
    return SweepStore(CheckpointStore(checkpoint, fingerprint, settings, conditions), sweep, result)
