"""NumPy files: .npz with X and y, .npy with its labels beside it, a folder of .npy shards.

    data.npz      X (n, m) and y (n,); also, where they are there, feature_names (m,) and any weights (n,)
    features.npy  X (n, m); labels in another .npy file, or in a text file with a label in each line
    folder/       shards X*.npy and y*.npy, one after the other in the order of their numbers (see `shards`)

X of more dimensions, such as images (n, height, width), is flattened. Nothing is unpickled. A folder is read whole.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from softmax_jax.data.columns import check_weights, normalised, positions, shown
from softmax_jax.data.dataset import Dataset
from softmax_jax.data.labels import checked_labels, encoded, joined_labels, whole_or_text
from softmax_jax.data.shards import Shards, find_shards
from softmax_jax.inputs import checks

_DAMAGED = (EOFError, KeyError, NotImplementedError, OSError, SyntaxError, ValueError, tokenize.TokenError)


class Unlabelled(NamedTuple):
    """X (n, m), its names, and (height, width) where its rows are images; in what order they were read, in words."""

    X: np.ndarray
    names: tuple[str, ...]
    image_shape: tuple[int, ...] | None
    notes: tuple[str, ...] = ()


def read_arrays(
    path: str | Path, target: str | None = None, *, labels: str | Path | None = None, weights: str | None = None
) -> Dataset:
    """Features and labels from NumPy files.

    Args:
      path: a .npz or .npy file, or a folder of .npy shards.
      target: the name of the labels in a .npz file; "y" where it is not given.
      labels: a .npy or text file of labels; needed for a .npy file, and for a folder without y*.npy.
      weights: the name of the sample weights in a .npz file.

    Returns:
      Dataset; floating features keep their dtype, uint8 ones become float32 and other integers float64.

    Raises:
      ValueError: a file cannot be read, or its arrays are not as described.
    """
    path = Path(path)
    npz = _is_npz(path)
    if not npz and (target is not None or weights is not None):
        name = "target" if target is not None else "weights"
        raise ValueError(
            f"{name} is for .npz files and tables; {path} has no names in it. Give its labels by --labels."
        )
    if path.is_dir():
        return _read_folder(find_shards(path, labels=labels))
    X, names, image_shape, _ = read_array_features(path)
    if labels is None and not npz:
        raise ValueError(f"{path} holds features only; give a .npy or text file of their labels by --labels.")
    if labels is not None:
        y, where = read_labels(labels), str(labels)
    else:
        y, where = _member(path, target or "y"), f"{path}: {target or 'y'}"
    y = checked_labels(y, where)
    _check_rows(len(y), len(X), where, path)
    w = None if weights is None else _checked_weights(_member(path, weights), len(X), f"{path}: {weights}")
    return Dataset(path.name.split(".")[0], X, y, names, image_shape, w)


def read_array_features(path: str | Path) -> Unlabelled:
    """X from a .npz or .npy file, or from the shards of a folder.

    Args:
      path: the file or folder.

    Raises:
      ValueError: it cannot be read, or is not a matrix of finite numbers.
    """
    path = Path(path)
    if path.is_dir():
        shards = find_shards(path)
        return _stacked([read_array_features(part) for part in shards.features], shards)
    array, where = (_member(path, "X"), f"X in {path}") if _is_npz(path) else (read_npy(path), str(path))
    shape = array.shape[1:] if array.ndim == 3 else None
    X = array.reshape(len(array), -1) if array.ndim > 2 and len(array) else array
    X = checks.features(X.astype(np.float32) if X.dtype == np.uint8 else X, name=where)
    return Unlabelled(X, _names(path, X.shape[1]), shape)


def read_npy(path: str | Path) -> np.ndarray:
    """The array in a .npy file.

    Args:
      path: the file.

    Raises:
      ValueError: not such a file, of another length than it says, or of Python objects, which are never unpickled.
    """
    path = Path(path)
    with _told(path):
        with path.open("rb") as file:
            array_format = np.lib.format
            magic = array_format.read_magic(file)
            read_header = array_format.read_array_header_1_0 if magic == (1, 0) else array_format.read_array_header_2_0
            shape, _, dtype = read_header(file)
            expected, there = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize, path.stat().st_size - file.tell()
        if not dtype.hasobject and expected != there:
            raise ValueError(f"expected {expected} bytes for shape {shape} of {dtype}, the file holds {there}")
        return np.load(path, allow_pickle=False)


def npy_rows(path: Path) -> int:
    """The number of rows in a .npy file.

    Raises:
      ValueError: it cannot be read, or holds a single number.
    """
    with _told(path):
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
        if not shape:
            raise ValueError("it holds a single number")
        return shape[0]


def read_labels(path: str | Path) -> np.ndarray:
    """Labels from a .npy file, or from a text file with a label in each line; integers where all of them are.

    Args:
      path: the file, or a folder of shards, whose y*.npy are read in the order in which `open_rows` reads its X*.npy.

    Raises:
      ValueError: it cannot be read, or a line is empty.
    """
    path = Path(path)
    if path.is_dir():
        shards = find_shards(path)
        parts = [checked_labels(read_npy(part), str(part)) for part in _labels_of(shards)]
        for part, y, rows in zip(shards.labels, parts, _rows_of_labels(shards), strict=True):
            _check_rows(len(y), rows, part, path)
        return joined_labels(parts, shards.labels)
    if path.suffix.lower() == ".npy":
        return read_npy(path)
    with _told(path):
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    if not all(lines) or not lines:
        raise ValueError(f"{path}, line {lines.index('') + 1 if lines else 1}: the label is missing.")
    found, codes = encoded(lines)
    return whole_or_text(found, str(path))[codes]


def _member(path: Path, name: str) -> np.ndarray:
    """One array of a .npz file."""
    with _told(path), path.open("rb") as file, _archive(file) as archive:
        found = {normalised(file): file for file in archive.files}
        if normalised(name) not in found:
            raise ValueError(f"it has no array {name!r}, but {shown(archive.files) or 'nothing'}")
        return archive[found[normalised(name)]]


def _archive(file: IO[bytes]) -> Any:
    """The open .npz file; a .npy file under that name has no arrays by name."""
    archive = np.load(file, allow_pickle=False)
    if isinstance(archive, np.ndarray):
        raise ValueError("it is a .npy file; rename it")
    return archive


def _names(path: Path, m: int) -> tuple[str, ...]:
    """`feature_names` of a .npz file where it has them, else positions."""
    if _is_npz(path):
        with _told(path), path.open("rb") as file, _archive(file) as archive:
            names = archive["feature_names"] if "feature_names" in archive.files else None
        if names is not None:
            found = tuple(map(normalised, names.ravel().tolist())) if names.dtype.kind == "U" else ()
            if names.shape != (m,) or len(set(found)) < m:
                raise ValueError(f"{path}: feature_names must be {m} different strings, one per column of X.")
            return found
    return positions(m)


def _read_folder(shards: Shards) -> Dataset:
    """All rows of a folder, each shard with its labels."""
    reader = shard_reader(shards)
    pairs = [reader(part) for part in shards.features]
    found = _stacked([features for features, _ in pairs], shards)
    y = joined_labels([labels for _, labels in pairs], shards.labels * (len(pairs) // len(shards.labels)))
    name = shards.folder.absolute().name.split(".")[0]
    return Dataset(name, found.X, y, found.names, found.image_shape, notes=found.notes)


def shard_reader(shards: Shards) -> Callable[[Path], tuple[Unlabelled, np.ndarray]]:
    """A function from a file of features to what it holds, and its labels.

    Raises:
      ValueError: there are no labels, or not as many as rows.
    """
    files = _labels_of(shards)
    if len(files) == len(shards.features):
        labels = dict(zip(shards.features, files, strict=True))
        return lambda path: _pair(path, read_labels(labels[path]), str(labels[path]))
    rows = list(map(npy_rows, shards.features))
    y = checked_labels(read_labels(files[0]), str(files[0]))
    _check_rows(len(y), sum(rows), files[0], shards.folder)
    own = dict(zip(shards.features, np.split(y, np.cumsum(rows)[:-1]), strict=True))
    return lambda path: _pair(path, own[path], str(files[0]))


def _pair(path: Path, y: np.ndarray, where: str) -> tuple[Unlabelled, np.ndarray]:
    found, y = read_array_features(path), checked_labels(y, where)
    _check_rows(len(y), len(found.X), where, path)
    return found, y


def _labels_of(shards: Shards) -> tuple[Path, ...]:
    if not shards.labels:
        raise ValueError(
            f"{shards.folder} holds features only ({shards.notes[0]}); keep their labels beside them (y-3.npy for "
            "X-3.npy, or y.npy for all), or give a .npy or text file of them by --labels."
        )
    return shards.labels


def _rows_of_labels(shards: Shards) -> list[int]:
    """How many labels each file of them should hold."""
    rows = list(map(npy_rows, shards.features))
    return rows if len(shards.labels) == len(rows) else [sum(rows)]


def _stacked(parts: Sequence[Unlabelled], shards: Shards) -> Unlabelled:
    """The shards one after the other."""
    first = parts[0]
    for path, part in zip(shards.features, parts, strict=True):
        if part.X.shape[1] != first.X.shape[1] or part.image_shape != first.image_shape:
            raise ValueError(
                f"{path}: rows of {part.X.shape[1]} numbers, but {first.X.shape[1]} in {shards.features[0].name}."
            )
    X = first.X if len(parts) == 1 else np.concatenate([part.X for part in parts])
    return Unlabelled(X, first.names, first.image_shape, shards.notes)


def _check_rows(labels: int, rows: int, where: str | Path, path: Path) -> None:
    if labels != rows:
        raise ValueError(f"{where} holds {labels} labels, but X in {path} has {rows} rows.")


def _is_npz(path: Path) -> bool:
    return path.suffix.lower() == ".npz"


def _checked_weights(weights: np.ndarray, n: int, where: str) -> np.ndarray:
    if weights.shape != (n,) or weights.dtype.kind not in "biuf":
        raise ValueError(f"{where} must be {n} numbers, one per row of X, got {weights.dtype} {weights.shape}.")
    weights = weights.astype(np.float64)
    check_weights(weights, where)
    return weights


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What may go wrong with the bytes of a file, as a ValueError that names it."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.object[error.start]:#04x}); save it so.") from error
    except (*_DAMAGED, zipfile.BadZipFile, zlib.error) as error:
        words = str(getattr(error, "strerror", None) or error or type(error).__name__)
        if "pickle" in words.lower():
            words = "it holds Python objects, which are never unpickled; store numbers or strings"
        raise ValueError(f"{path} cannot be read: {' '.join(words.split()):.200}.") from error
