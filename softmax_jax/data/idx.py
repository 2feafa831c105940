"""IDX files, the format of MNIST: magic (0, 0, type, dimensions), sizes, then the values, big-endian.

They may be within a gzip file.
"""

from __future__ import annotations

import gzip
import math
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from softmax_jax.data.dataset import Dataset
from softmax_jax.data.files import told, unpacked

_DTYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_READ_BYTES = 1 << 24


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an IDX file, in the machine's byte order.

    Args:
      path: an IDX file, plain or gzip.

    Returns:
      Array of the shape and dtype that the file states.

    Raises:
      ValueError: no such file, not IDX, or more or fewer values than the file states.
    """
    with told(path), unpacked(path) as file:
        return _read(file, path)


def read_images(images: str | Path, labels: str | Path) -> Dataset:
    """Images and their labels from two IDX files; each image is a row of pixels, bytes scaled to [0, 1].

    Args:
      images: IDX file of (n, height, width) or more dimensions.
      labels: IDX file of (n,) integers.

    Returns:
      Dataset with float32 features.

    Raises:
      ValueError: a file cannot be read, or the two do not belong together.
    """
    (X, names, shape), y = read_pixels(images), read_idx(labels)
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise ValueError(f"labels must be 1-d integers, got shape {y.shape} of {y.dtype} in {labels}.")
    if len(X) != len(y):
        raise ValueError(f"images and labels must be equally many, got {len(X)} and {len(y)}.")
    name = Path(images).name.split(".")[0].removesuffix("-idx3-ubyte").removesuffix("-images")
    return Dataset(name, X, y.astype(np.int64), names, shape)


def read_pixels(images: str | Path) -> tuple[np.ndarray, tuple[str, ...], tuple[int, ...]]:
    """The images of an IDX file as rows of pixels, bytes scaled to [0, 1].

    Args:
      images: IDX file of (n, height, width) or more dimensions.

    Returns:
      X (n, m) float32, the names of its columns, and the shape of an image.

    Raises:
      ValueError: the file cannot be read, or does not hold images.
    """
    pixels = read_idx(images)
    if pixels.ndim < 2:
        raise ValueError(f"images must have 2 or more dimensions, got shape {pixels.shape} in {images}.")
    if pixels.size == 0:
        raise ValueError(f"images must hold at least one pixel, got shape {pixels.shape} in {images}.")
    X = pixels.reshape(len(pixels), -1).astype(np.float32)
    if pixels.dtype == np.uint8:
        X /= np.float32(255)
    return X, tuple(f"pixel_{j}" for j in range(X.shape[1])), pixels.shape[1:]


def is_idx(path: str | Path) -> bool:
    """Whether a file begins as IDX files do.

    Raises:
      OSError: it cannot be read.
    """
    with suppress(EOFError, zlib.error, gzip.BadGzipFile), unpacked(path) as file:
        return _is_magic(file.read(4))
    return False


def _is_magic(magic: bytes) -> bool:
    return len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in _DTYPES and magic[3] > 0


def _read(file: IO[bytes], path: str | Path) -> np.ndarray:
    magic = file.read(4)
    if not _is_magic(magic):
        raise ValueError(f"{path} is not an IDX file: it starts with {magic!r}.")
    dtype = np.dtype(_DTYPES[magic[2]])
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise ValueError(f"{path} ends early, within its header.")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    expected = math.prod(shape) * dtype.itemsize
    content = _at_most(file, expected + 1)
    if len(content) != expected:
        found = "more" if len(content) > expected else f"only {len(content)}"
        raise ValueError(f"{path} must hold {expected} bytes for shape {shape}, it holds {found}.")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _at_most(file: IO[bytes], limit: int) -> bytes:
    """Up to `limit` bytes: memory grows with what the file holds, not with what its header claims."""
    pieces, room = [], limit
    while room > 0 and (piece := file.read(min(room, _READ_BYTES))):
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces)
