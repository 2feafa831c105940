"""A fit within the free memory: by blocks of rows where its logits are large, smaller ones where memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax

from softmax_jax.placement.devices import memories_of
from softmax_jax.placement.memory import DeviceMemoryError, free_bytes, is_exhausted
from softmax_jax.placement.place import Kind
from softmax_jax.placement.platforms import tiles_on
from softmax_jax.problem.blocks import chosen_rows, rows_per_block, streamed_rows

Found = TypeVar("Found")
LEAST_ROWS = 16  # of a block; with fewer, it is not the blocks that memory runs out for


def first_rows(kind: Kind, k: int, device: Any) -> int | None:
    """Rows of a block to begin with; None to store all logits.

    Args:
      kind: of the features.
      k: logits of each row.
      device: a device, a mesh, or None.
    """
    one, memories = memories_of(device)
    n, m = kind.shape
    tiles = tiles_on(one)
    if kind.is_streamed:
        return streamed_rows(tiles, m * kind.dtype.itemsize, k, free_bytes(one))
    if kind.is_sparse:
        return None
    return chosen_rows(tiles, -(-n // memories), k, kind.computed_in.itemsize, free_bytes(one))


def within_memory(run: Callable[[int | None], Found], rows: int | None, kind: Kind, k: int, device: Any) -> Found:
    """`run(rows)`, by ever smaller blocks while memory runs out.

    Args:
      run: takes the rows of a block, or None to store all logits.
      rows: to begin with.
      kind: of the features.
      k: logits of each row.
      device: a device, a mesh, or None.

    Raises:
      DeviceMemoryError: memory runs out however small the blocks are.
    """
    one, _ = memories_of(device)
    free = free_bytes(one)
    while True:
        try:
            return run(rows)
        except (MemoryError, jax.errors.JaxRuntimeError) as error:
            if not is_exhausted(error):
                raise
            rows = _fewer(rows, kind, k, one, free, error)


def _fewer(rows: int | None, kind: Kind, k: int, one: Any, free: int, error: BaseException) -> int:
    """Rows of a smaller block, or DeviceMemoryError."""
    itemsize = kind.computed_in.itemsize
    if rows is None and not kind.is_sparse:
        return rows_per_block(tiles_on(one), k * itemsize, free)
    if rows is not None and rows > LEAST_ROWS:
        return max(LEAST_ROWS, rows // 4)
    n, m = kind.shape
    need = n * m * kind.dtype.itemsize + 48 * m * k * itemsize + 3 * (rows or n) * k * 8
    raise DeviceMemoryError(
        f"Memory ran out. X ({n} x {m}), 48 arrays of the parameters ({m} x {k}) and the logits of "
        f"{'one block' if rows else 'all rows'} take about {need / 2**30:.3g} GiB; {free / 2**30:.3g} GiB were free at "
        "the start of the fit. Give fewer pairs to LBFGS(memory=...), X in float32 or float16, or X as a memory map or "
        "another source that is read by blocks (softmax_jax.data.open_rows)."
    ) from error
