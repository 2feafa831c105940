"""NumPy files: .npz with X and y, .npy with its labels beside it, a folder of .npy shards.

    data.npz      X (n, m) and y (n,); also, where they are there, feature_names (m,) and any weights (n,)
    features.npy  X (n, m); labels in another .npy file, or in a text file with a label in each line
    folder/       X*.npy and y*.npy, one after the other in the order of their names

X of more dimensions, such as images (n, height, width), is flattened. Nothing is unpickled. A folder is read whole.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from softmax_jax import border
from softmax_jax.data.columns import check_weights, positions, shown, whole_labels
from softmax_jax.data.dataset import Dataset

_DAMAGED = (EOFError, KeyError, NotImplementedError, OSError, SyntaxError, ValueError, tokenize.TokenError)


class Unlabelled(NamedTuple):
    """X (n, m), its names, and (height, width) where its rows are images."""

    X: np.ndarray
    names: tuple[str, ...]
    image_shape: tuple[int, ...] | None


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
    npz = path.suffix.lower() == ".npz"
    if not npz and (target is not None or weights is not None):
        name = "target" if target is not None else "weights"
        raise ValueError(
            f"{name} is for .npz files and tables; {path} has no names in it. Give its labels by --labels."
        )
    X, names, image_shape = read_array_features(path)
    if labels is not None:
        y, where = read_labels(labels), str(labels)
    elif npz:
        y, where = _member(path, target or "y"), f"{path}: {target or 'y'}"
    else:
        y, where = _folder_labels(path), f"the labels of {path}"
    y = _checked_labels(y, where)
    if len(y) != len(X):
        raise ValueError(f"{where} holds {len(y)} labels, but X in {path} has {len(X)} rows.")
    w = None if weights is None else _checked_weights(_member(path, weights), len(X), f"{path}: {weights}")
    return Dataset(path.name.split(".")[0], X, y, names, image_shape, w)


def read_array_features(path: str | Path) -> Unlabelled:
    """X from a .npz or .npy file, or from the X*.npy shards of a folder.

    Args:
      path: the file or folder.

    Raises:
      ValueError: it cannot be read, or is not a matrix of finite numbers.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        array, where = _member(path, "X"), f"X in {path}"
    elif path.is_dir():
        array, where = _shards(path, "X"), f"X in {path}"
    else:
        array, where = read_npy(path), str(path)
    shape = array.shape[1:] if array.ndim == 3 else None
    X = array.reshape(len(array), -1) if array.ndim > 2 and len(array) else array
    X = border.features(X.astype(np.float32) if X.dtype == np.uint8 else X, name=where)
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


def read_labels(path: str | Path) -> np.ndarray:
    """Labels from a .npy file, or from a text file with a label in each line; integers where all of them are.

    Args:
      path: the file.

    Raises:
      ValueError: it cannot be read, or a line is empty.
    """
    path = Path(path)
    if path.suffix.lower() == ".npy":
        return read_npy(path)
    with _told(path):
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    if not all(lines) or not lines:
        raise ValueError(f"{path}, line {lines.index('') + 1 if lines else 1}: the label is missing.")
    text = np.array(lines)
    if all(line.lstrip("+-").isdecimal() and len(line) < 18 and str(int(line)) == line for line in np.unique(text)):
        return text.astype(np.int64)
    return text


def _member(path: Path, name: str) -> np.ndarray:
    """One array of a .npz file."""
    with _told(path), path.open("rb") as file, _archive(file) as archive:
        if name not in archive.files:
            raise ValueError(f"it has no array {name!r}, but {shown(archive.files) or 'nothing'}")
        return archive[name]


def _archive(file: IO[bytes]) -> Any:
    """The open .npz file; a .npy file under that name has no arrays by name."""
    archive = np.load(file, allow_pickle=False)
    if isinstance(archive, np.ndarray):
        raise ValueError("it is a .npy file; rename it")
    return archive


def _names(path: Path, m: int) -> tuple[str, ...]:
    """`feature_names` of a .npz file where it has them, else positions."""
    if path.suffix.lower() == ".npz":
        with _told(path), path.open("rb") as file, _archive(file) as archive:
            names = archive["feature_names"] if "feature_names" in archive.files else None
        if names is not None:
            if names.shape != (m,) or names.dtype.kind != "U" or len(set(names.tolist())) < m:
                raise ValueError(f"{path}: feature_names must be {m} different strings, one per column of X.")
            return tuple(names.tolist())
    return positions(m)


def _shards(folder: Path, letter: str) -> np.ndarray:
    """The shards `letter`*.npy of a folder, one after the other."""
    paths = sorted(folder.glob(f"{letter}*.npy"))
    if not paths:
        raise ValueError(f"{folder} must hold shards X*.npy and y*.npy, got no {letter}*.npy in it.")
    parts: Sequence[np.ndarray] = [read_npy(path) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if part.ndim == 0 or part.shape[1:] != parts[0].shape[1:]:
            raise ValueError(f"{path}: rows of shape {part.shape[1:]}, but {parts[0].shape[1:]} in {paths[0].name}.")
    return np.concatenate(parts)


def _folder_labels(path: Path) -> np.ndarray:
    if not path.is_dir():
        raise ValueError(f"{path} holds features only; give a .npy or text file of their labels by --labels.")
    return _shards(path, "y")


def _checked_labels(y: np.ndarray, where: str) -> np.ndarray:
    """Labels (n,), floating ones as the integers they are."""
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1:
        raise ValueError(
            f"{where} must be labels of shape (n,), got {y.shape}; for one-hot rows store y.argmax(axis=1)."
        )
    if y.dtype.kind == "f":
        return whole_labels(y.astype(np.float64), where)
    return border.check_labels(y, where)


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
