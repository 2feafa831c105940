""".npy files: one reading of their header, and one set of refusals, for arrays in memory and for rows read by blocks.

Headers of versions 1, 2 and 3 are read; 3 differs from 2 only where fields of records have names beyond Latin-1, and
records are no features. Nothing is ever unpickled.
"""

from __future__ import annotations

import math
import tokenize
from pathlib import Path

import numpy as np

from softmax_jax.data.files import PICKLED, stamp, told

DAMAGED = (SyntaxError, ValueError, tokenize.TokenError)  # of the header, which is written in Python
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,
}


def read_header(path: Path) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """The header of a file, checked against its length.

    Returns:
      Shape; whether the file holds one column after the other (Fortran order); dtype of storage; the array's offset.

    Raises:
      ValueError: no such file, not .npy, of another length than it says, or of Python objects.
    """
    size = stamp(path).size
    not_npy = told(path, *DAMAGED, what="cannot be read: it is not a .npy file")
    with told(path), path.open("rb") as file, not_npy:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"version {version} is not known")
        shape, by_columns, dtype = _HEADERS[version](file)
        offset = file.tell()
    if dtype.hasobject:
        raise ValueError(f"{path} {PICKLED}.")
    count, there = math.prod(shape), size - offset
    if there != count * dtype.itemsize:
        fault = "cut short" if there < count * dtype.itemsize else "too long"
        held = there // max(1, dtype.itemsize)
        raise ValueError(
            f"{path} is {fault}: expected {count} elements for shape {shape} of {dtype}, file holds {held}."
        )
    return shape, by_columns, dtype, offset


def read_npy(path: str | Path) -> np.ndarray:
    """The array in a .npy file.

    Args:
      path: the file.

    Raises:
      ValueError: not such a file, of another length than it says, or of Python objects, which are never unpickled.
    """
    read_header(Path(path))
    with told(path, ValueError):
        return np.load(path, allow_pickle=False)
