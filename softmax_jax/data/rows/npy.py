"""Rows of a .npy file or of a numpy.memmap, read by read() and never through a map.

So a file that is cut short meanwhile is an error, where a map would end the process by a signal.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import mmap
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from softmax_jax.data.files import Stamp, stamp, unchanged
from softmax_jax.data.npy import read_header
from softmax_jax.data.rows.source import Fill, storage_dtype


@dataclasses.dataclass(frozen=True)
class NpyRows:
    """Rows in a file of plain numbers.

    Attributes:
      path: the file.
      shape: (n, m).
      dtype: of storage, in native byte order.
      offset: bytes before the first row.
      swapped: whether the file is in the other byte order.
      by_columns: whether the file holds one column after the other (Fortran order).
      stamp: of the file when it was opened.
    """

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype
    offset: int
    swapped: bool
    by_columns: bool
    stamp: Stamp

    @contextlib.contextmanager
    def reader(self, rows: int) -> Iterator[Fill]:
        """A pass over the file."""
        with unchanged(self.path, self.stamp), self.path.open("rb", buffering=0) as file:
            start = 0

            def fill(out: np.ndarray) -> None:
                nonlocal start
                self._read(file, start, out)
                start += len(out)

            yield fill

    def place(self, row: int) -> str:
        """The file and the row in it."""
        return f"{self.path}, row {row}"

    def _read(self, file: FileIO, start: int, out: np.ndarray) -> None:
        m, size = self.shape[1], self.dtype.itemsize
        if self.by_columns:
            column = np.empty(len(out), self.dtype)
            for j in range(m):
                file.seek(self.offset + (j * self.shape[0] + start) * size)
                self._fill(file, column)
                out[:, j] = column
        else:
            file.seek(self.offset + start * m * size)
            self._fill(file, out)
        if self.swapped:
            out.byteswap(inplace=True)

    def _fill(self, file: FileIO, out: np.ndarray) -> None:
        """Fill the contiguous `out` from where the file stands."""
        left = out.reshape(-1).view(np.uint8).data
        while left.nbytes:
            count = file.readinto(left)
            if not count:
                raise ValueError(f"{self.path} ended early, at byte {file.tell()}: it was cut short while in use.")
            left = left[count:]


def open_npy(path: Path, dtype: DTypeLike | None = None, *, flat: bool = False) -> NpyRows:
    """The rows of a .npy file (n, m), checked against its header.

    Args:
      path: the file.
      dtype: what its two-byte items are, where the header cannot say: "bfloat16".
      flat: whether what a row holds, such as an image, is put in one line.

    Raises:
      ValueError: no such file, not .npy, not two-dimensional, of Python objects, or of another length than it says.
      TypeError: not of numbers.
    """
    state = stamp(path)
    shape, by_columns, stored, offset = read_header(path)
    if dtype is not None and stored != np.dtype(dtype):
        if stored.kind != "V" or stored.itemsize != np.dtype(dtype).itemsize:
            raise ValueError(f"dtype of {path} must be {stored}, as its header says, got {np.dtype(dtype)}.")
        stored = np.dtype(dtype)
    native = storage_dtype(stored, str(path))
    if flat and len(shape) > 2 and not by_columns:
        shape = shape[0], math.prod(shape[1:])
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"{path} must hold a matrix of samples and features, got shape {shape}.")
    return NpyRows(path, shape, native, offset, not stored.isnative, by_columns, state)


def rows_of_memmap(X: np.memmap) -> NpyRows | None:
    """The rows of a two-dimensional memmap, to be read from its file; None where they do not lie there in order."""
    if X.filename is None or X.mode == "c" or X.ndim != 2 or not (X.flags.c_contiguous or X.flags.f_contiguous):
        return None
    mapped: Any = X  # NumPy's types do not name the map
    if mapped._mmap is None:
        return None
    whole = np.frombuffer(mapped._mmap, np.uint8)
    inside = X.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    if not 0 <= inside <= len(whole) - X.nbytes:
        return None
    if X.mode in ("r+", "w+"):
        X.flush()  # written back later, changes would look like those of another process
    path, by_columns = Path(X.filename), not X.flags.c_contiguous
    start = X.offset - X.offset % mmap.ALLOCATIONGRANULARITY  # of the map; a view keeps the offset of its whole array
    native = storage_dtype(X.dtype, "X")
    return NpyRows(path, X.shape, native, start + inside, not X.dtype.isnative, by_columns, stamp(path))
