"""A fit that is resumed: when its state is saved, and pytrees of arrays as tensors with names.

A fit runs in chunks; its state is saved between them. The iterates do not depend on where chunks end, so that a resumed
fit takes the same steps as one that was never stopped.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.inputs import checks
from softmax_jax.storage.checkpoints import CheckpointError, CheckpointStore, CheckpointWarning, Contents
from softmax_jax.storage.container import DTYPES
from softmax_jax.storage.fingerprints import data_fingerprint, digest, record_settings
from softmax_jax.storage.saving import Pace
from softmax_jax.storage.signals import Signals

LARGEST_LOGITS = 1 << 32  # bytes; larger cached logits are computed anew on resuming, equal to rounding only
_RECOMPUTABLE = ".point.Z"


class Session:
    """The checkpoints of one fit, and the signals that stop it; entered while the fit runs."""

    def __init__(self, store: CheckpointStore, every: float | None = None) -> None:
        """A session that saves to `store`.

        Args:
          store: not entered yet.
          every: as for Pace.
        """
        self._store = store
        self._pace = Pace(every)
        self._signals = Signals()

    def __enter__(self) -> Session:
        """Lock the directory, take the signals."""
        self._store.__enter__()
        self._signals.take()
        self._pace.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        """Unlock, and hand the signals back."""
        self._store.__exit__()
        self._signals.give_back()

    def load(self) -> Contents | None:
        """As CheckpointStore.load."""
        return self._store.load()

    def after(self, step: int, status: str, snapshot: Callable[[], Contents]) -> str:
        """As Saving.after: saves the state where it is time to; "interrupted" where a signal came.

        Args:
          step: iterations so far.
          status: that the chunk ended with, "" to go on.
          snapshot: the state as tensors and texts.
        """
        signalled = not status and self._signals.received
        status = "interrupted" if signalled else status
        if status == "nonfinite" or not (status or self._pace.is_due()):
            return status

        def save() -> bool:
            tensors, texts = snapshot()
            return self._store.save(step, tensors, {**texts, "status": status})

        saved = self._pace.timed(save)
        if signalled:
            self._signals.obeyed = True
            if saved:
                self._tell(step)
        return status

    def _tell(self, step: int) -> None:
        warnings.warn(
            f"The fit was interrupted by {self._signals.name} after step {step}. Its state is in "
            f"{self._store.directory!r}: call fit again with the same arguments to resume it.",
            CheckpointWarning,
            stacklevel=4,
        )


def checked_interval(checkpoint: Any, every: Any) -> float | None:
    """`every` as a number >= 0, or None.

    Args:
      checkpoint: path, or None.
      every: seconds, or None.

    Raises:
      ValueError: it is neither, or is given without `checkpoint`.
    """
    if every is None:
        return None
    if checkpoint is None:
        raise ValueError(f"every must be None where no checkpoint directory is given, got {every!r}.")
    return checks.number(every, "every", low=0, allow_inf=True)


def session_for(
    checkpoint: Any,
    every: float | None,
    data: Callable[[], tuple[Any, ...]],
    solver: Any,
    settings: dict[str, Any],
    conditions: dict[str, Any],
) -> contextlib.AbstractContextManager[Session | None]:
    """The session of a fit in the directory `checkpoint`, or a context of None where that is None.

    Args:
      checkpoint: path, or None.
      every: as for Session.
      data: gives the arguments of `data_fingerprint`.
      solver: a record; epochs, like max_iter, may grow on resuming.
      settings: what else decides the result; "start" holds Params.
      conditions: what may differ, at the price of equality to rounding only.
    """
    if checkpoint is None:
        return contextlib.nullcontext()
    settings = session_settings(solver, settings)
    conditions = {**conditions, "platform": jax.default_backend(), "version of jax": jax.__version__}
    return Session(CheckpointStore(checkpoint, data_fingerprint(*data()), settings, conditions), every)


def session_settings(solver: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings and the solver's, as a checkpoint states them.

    Args:
      solver: as for `session_for`.
      settings: likewise.
    """
    start = digest(*settings["start"])
    return {**record_settings("solver", solver, leave_out=("epochs",)), **settings, "start": start}


def to_tensors(prefix: str, tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a pytree of arrays, by prefix and path, in dtypes that a file can hold.

    Args:
      prefix: of the names.
      tree: of arrays.

    Raises:
      ValueError: a leaf of another kind of numbers.
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    tensors = {}
    for path, leaf in leaves:
        name = prefix + jax.tree_util.keystr(path)
        leaf = leaf if isinstance(leaf, jax.Array) else np.asarray(leaf)
        if not (is_recomputable(name) and (leaf.nbytes > LARGEST_LOGITS or _is_scattered(leaf))):
            tensors[name] = _storable(name, leaf)
    return tensors


def from_tensors(prefix: str, tensors: dict[str, np.ndarray], template: Any) -> tuple[Any, bool]:
    """The pytree of `to_tensors`, with the structure, the dtypes and the devices of a template.

    Args:
      prefix: of the names.
      tensors: by name; others may be among them.
      template: a pytree of arrays.

    Returns:
      (tree, whole): `whole` is False where cached logits are those of `template`, because they were too large to be
      stored, or are laid out in another way here.

    Raises:
      CheckpointError: the structure is another one.
    """
    template = jax.tree.map(lambda leaf: leaf if isinstance(leaf, jax.Array) else jnp.asarray(leaf), template)
    leaves, structure = jax.tree_util.tree_flatten_with_path(template)
    names = [prefix + jax.tree_util.keystr(path) for path, _ in leaves]
    found, whole = [], True
    for name, (_, leaf) in zip(names, leaves, strict=True):
        tensor = tensors.get(name)
        shape = _numbers(leaf).shape
        if tensor is None or tensor.shape != shape:
            if not is_recomputable(name):
                stored = "nothing" if tensor is None else f"shape {tensor.shape}"
                raise CheckpointError(
                    f"The checkpoint holds a state of another structure: {stored} for {name}, where shape {shape} is "
                    "due. It was written by another version; give another directory."
                )
            whole = False
        found.append(leaf if tensor is None or tensor.shape != shape else _placed(tensor, leaf))
    return jax.tree_util.tree_unflatten(structure, found), whole


def is_recomputable(name: str) -> bool:
    """Whether a tensor of `to_tensors` is cached logits, without which a state is whole to rounding."""
    return name.endswith(_RECOMPUTABLE)


def _is_scattered(leaf: Any) -> bool:
    """Whether parts of an array are in other processes alone."""
    return isinstance(leaf, jax.Array) and not (leaf.is_fully_addressable or leaf.is_fully_replicated)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _numbers(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _storable(name: str, leaf: Any) -> np.ndarray:
    array = np.asarray(_numbers(leaf))
    if array.dtype.kind in "bui" and array.dtype != np.uint64:
        return array.astype(np.int64)
    if array.dtype not in DTYPES.values():
        raise ValueError(f"The state {name} has the dtype {array.dtype}, which cannot be kept in a checkpoint.")
    return array


def _placed(tensor: np.ndarray, leaf: Any) -> Any:
    """`tensor` as `leaf` is: its dtype, weak or not, and devices, in memory of JAX's own, which it may overwrite."""
    like = _numbers(leaf)
    array = jax.device_put(tensor.astype(like.dtype), like.sharding if like.committed else None)
    placed = like.at[...].set(array) if like.weak_type else jnp.copy(array)
    return jax.random.wrap_key_data(placed, impl=jax.random.key_impl(leaf)) if _is_key(leaf) else placed
