"""Rows of a tensor in a safetensors file: contiguous numbers behind a header, read as those of a .npy file are.

    8 bytes      length of the header
    header       JSON: {name: {"dtype": "F32", "shape": [n, m], "data_offsets": [start, end]}, ...}
    numbers      of all tensors, little-endian

Several tensors in one file are told apart by name: features.safetensors:layer12.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from softmax_jax.data.files import stamp, told
from softmax_jax.data.rows.npy import NpyRows
from softmax_jax.data.rows.source import storage_dtype

ENDING = ".safetensors"
_KINDS = {"F": "f", "I": "i", "U": "u"}
_LONGEST_HEADER = 100_000_000  # bytes, as the library that writes them has it
_SHOWN = 12  # tensors in a message


class Tensor(NamedTuple):
    """A tensor in a file.

    Attributes:
      name: its name.
      kind: what its numbers are, as the format has it, such as "F32".
      shape: of it.
      offset: bytes before its first number.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    offset: int

    @property
    def dtype(self) -> np.dtype | None:
        """Of its numbers; None of what NumPy cannot hold, such as numbers of 8 bits with a point."""
        if self.kind == "BF16":
            return np.dtype(ml_dtypes.bfloat16)
        letter, bits = self.kind[:1], self.kind[1:]
        if self.kind != "BOOL" and (letter not in _KINDS or bits not in ("8", "16", "32", "64") or self.kind == "F8"):
            return None
        return np.dtype(bool) if self.kind == "BOOL" else np.dtype(f"{_KINDS[letter]}{int(bits) // 8}")

    def __str__(self) -> str:
        """Its name, shape and kind of numbers."""
        return f"{self.name} {'x'.join(map(str, self.shape)) or 'scalar'} {self.kind}"


def tensor_path(source: str | Path) -> tuple[Path, str | None]:
    """The file, and the name of the tensor in it, where `source` gives one: "features.safetensors:layer12"."""
    path, before = Path(source), str(source).partition(f"{ENDING}:")
    if path.suffix.lower() == ENDING or not before[1] or path.exists():
        return path, None
    return Path(before[0] + ENDING), before[2]


def is_tensor_file(source: str | Path) -> bool:
    """Whether `source` is a safetensors file that is there, with or without the name of a tensor."""
    path, _ = tensor_path(source)
    return path.suffix.lower() == ENDING and path.is_file()


def tensors_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, from its header, which is checked against the length of the file.

    Raises:
      ValueError: it cannot be read, is no safetensors file, is cut short, or is a model of this library.
    """
    size = stamp(path).size
    with told(path), path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length) if 0 < length <= min(size - 8, _LONGEST_HEADER) else b""
    try:
        header = json.loads(text)
        metadata = header.pop("__metadata__", None) or {}
        found = {name: _tensor(name, described, 8 + length, size) for name, described in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is cut short, damaged, or no safetensors file.") from error
    if metadata.get("format") == "softmax_jax":
        raise ValueError(f"{path} is a saved model, not a file of features.")
    return found


def chosen_tensor(path: Path, name: str | None) -> Tensor:
    """The tensor of that name; without a name the only one of two or more dimensions.

    Raises:
      ValueError: there is no such tensor, or it is not clear which; the message lists what there is.
    """
    tensors = tensors_of(path)
    candidates = [each for each in tensors.values() if len(each.shape) >= 2]
    if name is None and len(candidates) == 1:
        return candidates[0]
    if name is None or name not in tensors:
        what = f"has no tensor {name!r}" if name is not None else f"holds {len(candidates)} matrices"
        how = f"name one, as {path.name}:NAME or by tensor= in Python"
        raise ValueError(f"{path} {what}: {how}; it has {listed(tensors)}.")
    return tensors[name]


def listed(tensors: dict[str, Tensor]) -> str:
    """The tensors of a file in words."""
    shown = ", ".join(str(tensors[name]) for name in sorted(tensors)[:_SHOWN])
    more = f" and {len(tensors) - _SHOWN} more" if len(tensors) > _SHOWN else ""
    return (shown or "none") + more


def open_tensor(path: Path, name: str | None = None) -> NpyRows:
    """The rows of a tensor (n, m).

    Args:
      path: the file.
      name: of the tensor; not needed where one alone has two dimensions or more.

    Raises:
      ValueError: the file cannot be read, there is no such tensor, or it is not two-dimensional.
      TypeError: it is not of numbers that NumPy can hold.
    """
    tensor = chosen_tensor(path, name)
    dtype = numbers_of(tensor, path)
    if len(tensor.shape) != 2 or 0 in tensor.shape:
        raise ValueError(f"{path} must hold a matrix of samples and features, got {tensor}.")
    shape: Any = tensor.shape
    return NpyRows(path, shape, dtype, tensor.offset, sys.byteorder != "little", False, stamp(path))


def numbers_of(tensor: Tensor, path: Path) -> np.dtype:
    """The dtype of a tensor; TypeError where rows cannot be stored in it."""
    if tensor.dtype is None:
        raise TypeError(f"{path} must hold numbers of 16 to 64 bits, integers or bool, got {tensor}.")
    return storage_dtype(tensor.dtype, f"{path}: {tensor.name}")


def _tensor(name: str, described: dict[str, Any], start: int, size: int) -> Tensor:
    first, end = described["data_offsets"]
    tensor = Tensor(name, described["dtype"], tuple(map(int, described["shape"])), start + first)
    held = None if tensor.dtype is None else math.prod(tensor.shape) * tensor.dtype.itemsize
    if not 0 <= first <= end <= size - start or held not in (None, end - first) or min(tensor.shape, default=0) < 0:
        raise ValueError("offsets that do not fit")
    return tensor
