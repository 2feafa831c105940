"""Whether the rows of files are read by blocks or kept in memory: decided here, for all verbs.

A run in memory holds its rows about four times: as read, split, scaled, and on the device.
"""

from __future__ import annotations

from collections.abc import Sequence

from softmax_jax.data.streaming import bytes_in_memory, refuse_streamed
from softmax_jax.placement.memory import free_bytes, free_on_host

SHARE = 0.25  # of the free memory, beyond which rows are not read whole


def is_streamed(sources: Sequence[str], asked: bool | None, *, on_device: bool = True) -> bool:
    """Whether the rows of all `sources` are to be read by blocks.

    Args:
      sources: DATA, as for `load_data`; rows for validation and test count, too.
      asked: what the user says; None to decide by their size and the free memory.
      on_device: whether the rows would be copied to JAX's default device, whose memory then counts, too.

    Raises:
      ValueError: it is asked for, and one of them can only be read whole.
    """
    if asked is False:
        return False
    sizes = {source: bytes_in_memory(source) for source in sources}
    whole = [source for source, size in sizes.items() if size is None]
    if asked and whole:
        refuse_streamed(whole[0])
    if asked or whole:
        return bool(asked)
    free = min(free_on_host(), free_bytes()) if on_device else free_on_host()
    return sum(size or 0 for size in sizes.values()) > SHARE * free
