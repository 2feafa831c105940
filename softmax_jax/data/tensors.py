"""Safetensors files into memory: a tensor of features, and in the same file or beside it their labels.

    features.safetensors            its only tensor of two dimensions or more
    features.safetensors:layer12    the tensor of that name

Labels and weights are other tensors of the file, by name, or labels a file of their own. Half precision of the kind
that NumPy lacks (bfloat16) becomes float32, which holds it exactly.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np

from softmax_jax.data.arrays import read_labels
from softmax_jax.data.columns import checked_weights, positions
from softmax_jax.data.dataset import Dataset, Unlabelled
from softmax_jax.data.files import told
from softmax_jax.data.labels import checked_labels
from softmax_jax.data.rows.tensors import (
    Tensor,
    chosen_tensor,
    listed,
    numbers_of,
    open_tensor,
    tensor_path,
    tensors_of,
)
from softmax_jax.inputs import checks


def read_tensors(
    source: str | Path,
    target: str | None = None,
    *,
    labels: str | Path | None = None,
    weights: str | None = None,
    streamed: bool = False,
) -> Dataset:
    """Features and labels from a safetensors file.

    Args:
      source: the file, with the name of the tensor of features behind a colon where it has several matrices.
      target: the tensor of labels in the same file.
      labels: a .npy or text file of labels instead.
      weights: the tensor of sample weights.
      streamed: whether X is to be a source of rows, read by blocks; a tensor of two dimensions alone can be.

    Returns:
      Dataset; float16, float32 and float64 stay as they are, bfloat16 and uint8 become float32, other integers float64.

    Raises:
      ValueError: the file cannot be read, a tensor is not there or not as described; the message lists what there is.
      TypeError: a tensor is not of numbers.
    """
    path, name = tensor_path(source)
    if (target is None) == (labels is None):
        what = (
            "name the tensor of labels by target (--target), or give a .npy or text file of them by labels (--labels)"
        )
        raise ValueError(f"{path} needs labels: {what}, one of both; it has {listed(tensors_of(path))}.")
    X, names, image_shape, _ = open_tensor_features(source) if streamed else read_tensor_features(source)
    n = X.shape[0]
    where = f"{path}: {target}" if labels is None else str(labels)
    y = checked_labels(read_labels(labels) if labels is not None else _vector(path, str(target), n), where)
    if len(y) != n:
        raise ValueError(f"{where} holds {len(y)} labels, but X in {path} has {n} rows.")
    w = None if weights is None else checked_weights(_vector(path, weights, n), n, f"{path}: {weights}")
    return Dataset(name or path.stem, X, y, names, image_shape, w)


def read_tensor_features(source: str | Path) -> Unlabelled:
    """X from a safetensors file; a tensor of more than two dimensions is flattened.

    Args:
      source: as for `read_tensors`.

    Raises:
      ValueError, TypeError: as of `read_tensors`.
    """
    path, name = tensor_path(source)
    tensor = chosen_tensor(path, name)
    array, where = _array(path, tensor), f"{path}: {tensor.name}"
    if array.dtype.name in ("bfloat16", "uint8"):
        array = array.astype(np.float32)
    X = checks.features(array.reshape(len(array), -1) if array.ndim > 2 and len(array) else array, name=where)
    return Unlabelled(X, positions(X.shape[1]), tensor.shape[1:] if len(tensor.shape) == 3 else None)


def open_tensor_features(source: str | Path) -> Unlabelled:
    """X from a safetensors file, as rows where they are.

    Args:
      source: as for `read_tensors`.

    Raises:
      ValueError, TypeError: as of `read_tensors`; also where the tensor has not two dimensions.
    """
    X = open_tensor(*tensor_path(source))
    return Unlabelled(X, positions(X.shape[1]), None)


def _vector(path: Path, name: str, n: int) -> np.ndarray:
    """A tensor (n,)."""
    tensor = chosen_tensor(path, name)
    if tensor.shape != (n,):
        raise ValueError(f"{path} must have a number for each of the {n} rows in {name!r}, got {tensor}.")
    return _array(path, tensor)


def _array(path: Path, tensor: Tensor) -> np.ndarray:
    """A tensor in memory."""
    dtype = numbers_of(tensor, path)
    count = math.prod(tensor.shape) * dtype.itemsize
    with told(path):
        held = np.fromfile(path, np.uint8, count, offset=tensor.offset)
    if len(held) < count:
        raise ValueError(f"{path} ended early, at byte {tensor.offset + len(held)}: it was cut short while in use.")
    array = held.view(dtype).reshape(tensor.shape)
    return array if sys.byteorder == "little" else array.byteswap()
