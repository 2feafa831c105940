"""NumPy files: .npz with X and y, .npy with its labels beside it, a folder of .npy shards.

    data.npz      X (n, m) and y (n,); also, where they are there, feature_names (m,) and any weights (n,)
    features.npy  X (n, m); labels in another .npy file, or in a text file with a label in each line
    folder/       shards X*.npy and y*.npy, one after the other in the order of their numbers (see `shards`)

X of more dimensions, such as images (n, height, width), is flattened. Nothing is unpickled. A folder is read whole.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from softmax_jax.data.columns import checked_weights, normalised, positions, shown
from softmax_jax.data.dataset import Dataset, Unlabelled
from softmax_jax.data.files import told
from softmax_jax.data.labels import checked_labels, encoded, joined_labels, whole_or_text
from softmax_jax.data.npy import DAMAGED, read_header, read_npy
from softmax_jax.data.rows.source import storage_dtype
from softmax_jax.data.shards import Shards, find_shards
from softmax_jax.data.streaming import open_arrays
from softmax_jax.inputs import checks


def read_arrays(
    path: str | Path,
    target: str | None = None,
    *,
    labels: str | Path | None = None,
    weights: str | None = None,
    streamed: bool = False,
) -> Dataset:
    """Features and labels from NumPy files.

    Args:
      path: a .npz or .npy file, or a folder of .npy shards.
      target: the name of the labels in a .npz file; "y" where it is not given.
      labels: a .npy or text file of labels; needed for a .npy file, and for a folder without y*.npy.
      weights: the name of the sample weights in a .npz file.
      streamed: whether X is to be a source of rows, which leaves them where they are.

    Returns:
      Dataset; floating features keep their dtype, uint8 ones become float32 and other integers float64.

    Raises:
      ValueError: a file cannot be read, or its arrays are not as described.
    """
    path = Path(path)
    npz = path.suffix.lower() == ".npz"
    if not npz and (target is not None or weights is not None):
        name = "target" if target is not None else "weights"
        raise ValueError(
            f"{name} is for .npz files and tables; {path} has no names in it. Give its labels by labels (--labels)."
        )
    name = path.absolute().name.split(".")[0]
    if path.is_dir():
        shards = find_shards(path, labels=labels)
        y, found = _all_labels(shards), open_arrays(path) if streamed else _stacked(shards)
        return Dataset(name, found.X, y, found.names, found.image_shape, notes=found.notes)
    if labels is None and not npz:
        raise ValueError(f"{path} holds features only; give a .npy or text file of their labels by labels (--labels).")
    X, names, image_shape, _ = open_arrays(path) if streamed else read_array_features(path)
    n = X.shape[0]
    if labels is not None:
        y = _counted(read_labels(labels), str(labels), n, path)
    else:
        y = _counted(_member(path, target or "y"), f"{path}: {target or 'y'}", n, path)
    w = None if weights is None else checked_weights(_member(path, weights), n, f"{path}: {weights}")
    return Dataset(name, X, y, names, image_shape, w)


def read_array_features(path: str | Path) -> Unlabelled:
    """X from a .npz or .npy file, or from the shards of a folder.

    Args:
      path: the file or folder.

    Raises:
      ValueError: it cannot be read, or is not a matrix of finite numbers.
      TypeError: a .npy file does not hold real numbers.
    """
    path = Path(path)
    if path.is_dir():
        return _stacked(find_shards(path))
    if path.suffix.lower() == ".npz":
        array, where = _member(path, "X"), f"X in {path}"
    else:
        array, where = read_npy(path), str(path)
        if array.dtype != np.longdouble:  # which is narrowed, and has no place in rows read by blocks
            storage_dtype(array.dtype, where)
    shape = array.shape[1:] if array.ndim == 3 else None
    X = array.reshape(len(array), -1) if array.ndim > 2 and len(array) else array
    X = checks.features(X.astype(np.float32) if X.dtype == np.uint8 else X, name=where)
    return Unlabelled(X, _names(path, X.shape[1]), shape)


def read_labels(path: str | Path) -> np.ndarray:
    """Labels from a .npy file, or from a text file with a label in each line; integers where all of them are.

    Args:
      path: the file, or a folder of shards, whose y*.npy are read in the order in which `open_rows` reads its X*.npy.

    Raises:
      ValueError: it cannot be read, or a line is empty.
    """
    path = Path(path)
    if path.is_dir():
        return _all_labels(find_shards(path))
    if path.suffix.lower() == ".npy":
        return read_npy(path)
    with told(path):
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    if not all(lines) or not lines:
        raise ValueError(f"{path}, line {lines.index('') + 1 if lines else 1}: the label is missing.")
    found, codes = encoded(lines)
    return whole_or_text(found, str(path))[codes]


def shard_reader(shards: Shards) -> Callable[[Path], tuple[Unlabelled, np.ndarray]]:
    """A function from a file of features to what it holds, and its labels.

    Raises:
      ValueError: there are no labels, or not as many as rows.
    """
    labels = _shard_labels(shards)
    return lambda path: (read_array_features(path), labels(path))


def _shard_labels(shards: Shards) -> Callable[[Path], np.ndarray]:
    """A function from a file of features to the labels of its rows."""
    if not shards.labels:
        raise ValueError(
            f"{shards.folder} holds features only ({shards.notes[0]}); keep their labels beside them (y-3.npy for "
            "X-3.npy, or y.npy for all), or give a .npy or text file of them by labels (--labels)."
        )
    if len(shards.labels) == len(shards.features):
        files = dict(zip(shards.features, shards.labels, strict=True))
        return lambda path: _counted(read_labels(files[path]), str(files[path]), _n_rows(path), path)
    rows = list(map(_n_rows, shards.features))
    y = _counted(read_labels(shards.labels[0]), str(shards.labels[0]), sum(rows), shards.folder)
    return dict(zip(shards.features, np.split(y, np.cumsum(rows)[:-1]), strict=True)).__getitem__


def _all_labels(shards: Shards) -> np.ndarray:
    """The labels of a folder, in the order of its rows."""
    parts = list(map(_shard_labels(shards), shards.features))
    return joined_labels(parts, shards.labels * (len(parts) // len(shards.labels)))


def _stacked(shards: Shards) -> Unlabelled:
    """The features of a folder, one shard after the other."""
    parts = list(map(read_array_features, shards.features))
    first = parts[0]
    for path, part in zip(shards.features, parts, strict=True):
        if part.X.shape[1] != first.X.shape[1] or part.image_shape != first.image_shape:
            shapes = [each.image_shape or each.X.shape[1:] for each in (part, first)]
            raise ValueError(f"{path}: rows of shape {shapes[0]}, but {shapes[1]} in {shards.features[0].name}.")
    X = first.X if len(parts) == 1 else np.concatenate([part.X for part in parts])
    return Unlabelled(X, first.names, first.image_shape, shards.notes)


def _counted(y: np.ndarray, where: str, n: int, path: Path) -> np.ndarray:
    """Labels y, one for each of the n rows of X in `path`."""
    y = checked_labels(y, where)
    if len(y) != n:
        raise ValueError(f"{where} holds {len(y)} labels, but X in {path} has {n} rows.")
    return y


def _n_rows(path: Path) -> int:
    """The number of rows in a .npy file."""
    shape, *_ = read_header(path)
    if not shape:
        raise ValueError(f"{path} holds a single number, expected rows of features.")
    return shape[0]


def _names(path: Path, m: int) -> tuple[str, ...]:
    """`feature_names` of a .npz file where it has them, else positions."""
    if path.suffix.lower() == ".npz":
        with _archive(path) as archive:
            names = archive["feature_names"] if "feature_names" in archive.files else None
        if names is not None:
            found = tuple(map(normalised, names.ravel().tolist())) if names.dtype.kind == "U" else ()
            if names.shape != (m,) or len(set(found)) < m:
                raise ValueError(f"{path}: feature_names must be {m} different strings, one per column of X.")
            return found
    return positions(m)


def _member(path: Path, name: str) -> np.ndarray:
    """One array of a .npz file."""
    with _archive(path) as archive:
        found = {normalised(file): file for file in archive.files}
        if normalised(name) not in found:
            raise ValueError(f"it has no array {name!r}, but {shown(archive.files) or 'nothing'}")
        return archive[found[normalised(name)]]


@contextmanager
def _archive(path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    """The open .npz file; a .npy file under that name has no arrays by name."""
    with told(path, *DAMAGED, zipfile.BadZipFile, KeyError, NotImplementedError), path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("it is a .npy file; rename it")
        yield archive
