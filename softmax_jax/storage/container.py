"""The container of a model file: safetensors layout with texts and tensors, and a checksum over both.

    sha256 of  canonical JSON of (the texts without the checksum, [name, dtype, shape] of each tensor)  and then
    the bytes of each tensor, both in the order of the names

The layout alone detects no changed number; the checksum does. Reading executes nothing, opens only a regular
file, and allocates nothing before the declared sizes agree with the size of the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import Any, NoReturn

import ml_dtypes
import numpy as np

from softmax_jax.storage.atomic import AnyPath, write_atomically

FORMAT = "softmax_jax"
FORMAT_VERSION = 4  # the latest; a file is of the earliest that its readers must know
LARGEST_FILE = 1 << 33  # bytes
LARGEST_HEADER = 100_000_000  # bytes, of safetensors itself
DTYPES = {
    "I64": np.dtype(np.int64),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F16": np.dtype(np.float16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_REMEDY = "Save the model again, or restore the file from a copy."


class ModelFileError(ValueError):
    """A file is not a whole, unchanged model file of this library; the words name file, defect and remedy."""

    def __init__(self, path: AnyPath, defect: str, remedy: str = _REMEDY) -> None:
        """The error.

        Args:
          path: of the file.
          defect: what is wrong with it.
          remedy: a sentence.
        """
        self.defect = defect
        super().__init__(f"{os.fsdecode(path)!r} cannot be loaded: {defect}. {remedy}")


def write(path: AnyPath, texts: dict[str, str], tensors: dict[str, np.ndarray], *, version: int = 1) -> None:
    """Write texts and tensors to `path`, atomically.

    Args:
      path: str or os.PathLike.
      texts: by name; ASCII.
      tensors: by name, of a dtype in DTYPES.
      version: of the format that a reader must know.

    Raises:
      ValueError: more than LARGEST_FILE bytes, or more than LARGEST_HEADER of texts.
      OSError: the file cannot be written; what was there is unchanged.
    """
    arrays = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in tensors.items()}
    texts = {"format": FORMAT, "format_version": str(version), **texts}
    size = sum(array.nbytes for array in arrays.values())
    if size > LARGEST_FILE or sum(map(len, texts.values())) > LARGEST_HEADER // 2:
        raise ValueError(f"model must fit into {LARGEST_FILE} bytes, got {size} bytes of numbers.")
    texts["sha256"] = checksum(texts, arrays)
    # written from where the arrays are: safetensors' own writer would hold the bytes twice more
    header, parts = _layout(texts, arrays)
    write_atomically(path, len(header).to_bytes(8, "little"), header, *parts)


def read(path: AnyPath) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The texts and tensors that `write` was given, proven unchanged by its checksum.

    Raises:
      ModelFileError: anything else than a whole, unchanged model file of a format version up to this one.
      FileNotFoundError, PermissionError: the file is not there, or not to be read.
    """
    data, header = _read_bytes(path)
    texts = header.get("__metadata__")
    if not isinstance(texts, dict) or texts.get("format") != FORMAT:
        _refuse_foreign(path, "a safetensors file that softmax_jax did not write")
    version = texts.get("format_version")
    if isinstance(version, str) and version.isdecimal() and version.isascii() and int(version[:9]) > FORMAT_VERSION:
        raise ModelFileError(
            path,
            f"it has format {version[:9]}; this version reads formats up to {FORMAT_VERSION}",
            "Upgrade softmax_jax.",
        )
    if version not in [str(known) for known in range(1, FORMAT_VERSION + 1)]:
        raise ModelFileError(path, f"its format version is {version!r:.40}")
    tensors = _tensors(path, data)
    if texts.pop("sha256", None) != checksum(texts, tensors):
        raise ModelFileError(path, "its checksum does not match its content, which was changed or damaged")
    del texts["format"], texts["format_version"]
    return texts, tensors


def read_texts(path: AnyPath) -> dict[str, str]:
    """The texts alone, from the start of the file: not proven unchanged.

    Raises:
      ModelFileError: no file that `write` wrote.
      OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > LARGEST_HEADER:
            _refuse_foreign(path, "truncated, or no safetensors file")
        texts = _header(path, file.read(length)).get("__metadata__")
    if not isinstance(texts, dict) or texts.get("format") != FORMAT:
        _refuse_foreign(path, "a safetensors file that softmax_jax did not write")
    return texts


def checksum(texts: dict[str, str], tensors: dict[str, np.ndarray]) -> str:
    """The sha256, as in the module docstring, in hexadecimal digits.

    Args:
      texts: by name, without the checksum.
      tensors: by name.
    """
    names = sorted(tensors)
    described = [[name, tensors[name].dtype.name, list(tensors[name].shape)] for name in names]
    digest = hashlib.sha256(json.dumps([texts, described], sort_keys=True).encode())
    for name in names:
        digest.update(np.ascontiguousarray(tensors[name]).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _layout(texts: dict[str, str], arrays: dict[str, np.ndarray]) -> tuple[bytes, list[memoryview]]:
    """The header of a safetensors file and the bytes behind it: the widest dtypes first, then by name."""
    header: dict[str, Any] = {"__metadata__": texts}
    parts, end = [], 0
    for name in sorted(arrays, key=lambda name: (-arrays[name].itemsize, name)):
        array = arrays[name]
        start, end = end, end + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": array.shape, "data_offsets": [start, end]}
        little = array.astype(array.dtype.newbyteorder("<"), copy=False) if array.dtype.kind in "if" else array
        parts.append(little.reshape(-1).view(np.uint8).data)
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8), parts


def _read_bytes(path: AnyPath) -> tuple[bytes, dict[str, Any]]:
    """The whole file, and its header as JSON."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ModelFileError(path, "it is not a regular file", "Give the path of a file that save wrote.")
    # should a pipe have taken its place meanwhile, opening it does not wait
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise ModelFileError(path, "it is empty")
        length = int.from_bytes(file.read(8), "little")
        if length > min(size - 8, LARGEST_HEADER):
            _refuse_foreign(path, "truncated, or no safetensors file")
        header = _header(path, file.read(length))
        declared = 8 + length + _declared_bytes(path, header)
        if declared != size:
            raise ModelFileError(path, f"it has {size} bytes where its header declares {min(declared, 10**30)}")
        if size > LARGEST_FILE + LARGEST_HEADER:
            raise ModelFileError(path, f"it has {size} bytes, more than any that save writes", "Give another file.")
        file.seek(0)
        return file.read(size), header


def _header(path: AnyPath, text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode())
    except (ValueError, RecursionError):
        _refuse_foreign(path, "damaged at its start, or no safetensors file")
    if not isinstance(header, dict):
        _refuse_foreign(path, "damaged at its start, or no safetensors file")
    return header


def _declared_bytes(path: AnyPath, header: dict[str, Any]) -> int:
    """Where the last tensor ends."""
    ends = [0]
    for name, tensor in header.items():
        if name != "__metadata__":
            offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
            if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(o) is int for o in offsets)):
                raise ModelFileError(path, f"the tensor {name!r:.40} in it is not described")
            ends.append(offsets[1])
    return max(ends)


def _tensors(path: AnyPath, data: bytes) -> dict[str, np.ndarray]:
    """The tensors as arrays of their own memory, by the library's reader, which checks offsets and shapes."""
    import safetensors

    try:
        described = dict(safetensors.deserialize(data))
    except safetensors.SafetensorError as error:
        raise ModelFileError(path, f"safetensors refuses it ({error})") from error
    tensors = {}
    for name, tensor in described.items():
        dtype = DTYPES.get(tensor["dtype"])
        if dtype is None:
            raise ModelFileError(path, f"the tensor {name!r:.40} in it has the dtype {tensor['dtype']}")
        stored = np.frombuffer(tensor["data"], dtype.newbyteorder("<") if dtype.kind in "if" else dtype)
        tensors[name] = stored.astype(dtype).reshape(tensor["shape"])
    return tensors


def _refuse_foreign(path: AnyPath, defect: str) -> NoReturn:
    raise ModelFileError(path, f"it is {defect}", "Give a whole file that softmax_jax.save wrote.")
