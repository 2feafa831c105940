"""Whether the rows of files are read by blocks or kept in memory: decided here, for all verbs.

A run in memory holds its rows about four times: as read, split, scaled, and on the device.
"""

from __future__ import annotations

from collections.abc import Sequence

from softmax_jax.data.streaming import bytes_in_memory, refuse_streamed
from softmax_jax.placement.memory import free_bytes, free_on_host

SHARE = 0.25  # of the free memory, beyond which rows are not read whole


def is_streamed(source: str, asked: bool | None, *, on_device: bool = True) -> bool:
    """Whether the rows of `source` are to be read by blocks; see `are_streamed`."""
    return are_streamed([source], asked, on_device=on_device)[source]


def are_streamed(sources: Sequence[str], asked: bool | None, *, on_device: bool = True) -> dict[str, bool]:
    """Which of several sources of one run are to be read by blocks: all that can be, where together they are too large.

    Args:
      sources: DATA, as for `load_data`; rows for validation and test count, too.
      asked: what the user says; None to decide by their size and the free memory.
      on_device: whether the rows would be copied to JAX's default device, whose memory then counts, too.

    Returns:
      An answer for each. Sources that can only be read whole are, whatever the others are.

    Raises:
      ValueError: it is asked for, and one of them can only be read whole.
    """
    if asked is False:
        return dict.fromkeys(sources, False)
    sizes = {source: bytes_in_memory(source) for source in sources}
    whole = [source for source, size in sizes.items() if size is None]
    if asked and whole:
        refuse_streamed(whole[0])
    known = {source: size for source, size in sizes.items() if size is not None}
    streamed = bool(asked) or (bool(known) and sum(known.values()) > SHARE * _free(on_device))
    return {source: streamed and source in known for source in sources}


def _free(on_device: bool) -> float:
    """Bytes on the host, or where there are fewer on the device."""
    return min(free_on_host(), free_bytes()) if on_device else free_on_host()
