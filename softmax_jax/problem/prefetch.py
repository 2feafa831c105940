"""Blocks of rows from a source, the next one read by a thread while the device computes with the last."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import numpy as np

from softmax_jax.data.rows.source import RowSource

BUFFERS = 2  # one is computed with while the other is filled


def _aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array in memory that JAX takes over without a copy."""
    count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    room = np.empty(count + 64, np.uint8)
    offset = -room.ctypes.data % 64
    return room[offset : offset + count].view(dtype).reshape(shape)


def read_ahead(source: RowSource, size: int) -> Iterator[tuple[int, np.ndarray]]:
    """The first row and the rows (size, m) of each block in turn; the last is filled up with zeros.

    The memory of a block is used again once the next one is asked for: by then nothing may compute with it.

    Args:
      source: of rows.
      size: rows of a block.

    Yields:
      (start, block).

    Raises:
      ValueError: as the source's reader.
    """
    free: queue.Queue[np.ndarray] = queue.Queue()
    full: queue.Queue[tuple[int, np.ndarray] | BaseException | None] = queue.Queue()
    for _ in range(BUFFERS):
        free.put(_aligned_empty((size, source.shape[1]), source.dtype))
    stop = threading.Event()

    def read() -> None:
        try:
            with source.reader(size) as fill:
                for start in range(0, source.shape[0], size):
                    block = free.get()
                    if stop.is_set():
                        return
                    rows = min(size, source.shape[0] - start)
                    fill(block[:rows])
                    block[rows:] = 0
                    full.put((start, block))
            full.put(None)
        except BaseException as error:  # raised where the blocks are used
            full.put(error)

    thread = threading.Thread(target=read, name="softmax_jax.problem.prefetch", daemon=True)
    thread.start()
    try:
        while (item := full.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            free.put(item[1])
    finally:
        stop.set()
        free.put(np.empty(0))  # wakes the thread
        thread.join()
