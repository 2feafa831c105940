"""The one door for data: what the command line calls DATA, from a name or a path to features and labels.

| DATA | labels | weights |
|---|---|---|
| iris, digits, wine, breast_cancer | its own | |
| .csv, .tsv (.gz too), .parquet | the column `target` | the column `weights` |
| .npz | the array y, or `target` | the array `weights` |
| .npy, or a folder of .npy or .parquet shards | the file `labels`, or y*.npy in the folder | |
| a folder of .parquet shards | the column `target` | the column `weights` |
| .safetensors, .safetensors:NAME | the tensor `target`, or the file `labels` | the tensor `weights` |
| IDX images, as of MNIST | the IDX file `labels` | |
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from softmax_jax.data.arrays import read_array_features, read_arrays
from softmax_jax.data.columns import Table, column_of, features_by_name, labelled, matched, normalised, shown
from softmax_jax.data.dataset import Dataset, Features
from softmax_jax.data.files import suffix
from softmax_jax.data.idx import is_idx, read_images, read_pixels
from softmax_jax.data.named import NAMES, load_named
from softmax_jax.data.numerals import TextFormat
from softmax_jax.data.parquet import ParquetTable
from softmax_jax.data.rows.reading import some_columns
from softmax_jax.data.rows.source import RowSource
from softmax_jax.data.rows.tensors import is_tensor_file
from softmax_jax.data.shards import PARQUET, find_shards, has_shards
from softmax_jax.data.streaming import check_streamed, open_arrays, streamed_note
from softmax_jax.data.tables import DELIMITERS, CsvTable
from softmax_jax.data.tensors import open_tensor_features, read_tensor_features, read_tensors

_ARRAYS = (".npz", ".npy")
Loaded = TypeVar("Loaded", Dataset, Features)


def load_data(
    source: str,
    target: str | None = None,
    *,
    delimiter: str | None = None,
    header: bool = True,
    labels: str | Path | None = None,
    weights: str | None = None,
    drop: Sequence[str] = (),
    decimal: str = ".",
    thousands: str | None = None,
    streamed: bool = False,
) -> Dataset:
    """The data set called `source`: a name, a table, NumPy files, or a folder of them.

    Args:
      source: one of iris, digits, wine, breast_cancer, or a path as in the table above.
      target: the column of labels of a table, or their name in a .npz file.
      delimiter: one character between the fields of a CSV file.
      header: whether the first line of a CSV file names the columns.
      labels: the file of labels that belongs to .npy features.
      weights: the column of sample weights of a table, or their name in a .npz file.
      drop: columns of a table to leave out.
      decimal: the character before the decimals in a CSV file.
      thousands: the character between groups of three digits in a CSV file, or None.
      streamed: whether X is to be a source of rows, read by blocks from where they are, of `streaming.FORMS`.

    Returns:
      Dataset; its `notes` say in which order shards were read, how they were paired with labels, and which columns were
      left out because they number the rows of a data frame.

    Raises:
      ValueError: no such data set or file, or it cannot be read; the message says what was expected.
      ImportError: pandas or pyarrow is needed and not installed.
    """
    if streamed:
        check_streamed(source)
    if source in NAMES:
        given = {"target": target, "labels": labels, "weights": weights, "drop": drop or None}
        for name, value in given.items():
            if value is not None:
                raise ValueError(f"{name} is for files; {source} has its own labels, got {name} {value!r}.")
        return load_named(source)
    path = Path(source)
    table = _table(path, TextFormat(delimiter, header, decimal, thousands), streamed=streamed)
    if table is not None:
        if labels is not None:
            raise ValueError(f"labels is for .npy features; give the column of labels of {path} by target (--target).")
        return _told_streamed(labelled(table, target, weights=weights, drop=drop))
    if _is_arrays(path):
        if drop:
            raise ValueError(f"drop is for tables; {path} has no names of columns.")
        return _told_streamed(read_arrays(path, target, labels=labels, weights=weights, streamed=streamed))
    if is_tensor_file(source):
        if drop:
            raise ValueError(f"drop is for tables; {source} has no names of columns.")
        return _told_streamed(read_tensors(source, target, labels=labels, weights=weights, streamed=streamed))
    if labels is not None and path.is_file() and is_idx(path):
        return read_images(path, labels)
    raise ValueError(_unknown(source, path))


def load_features(
    source: str,
    names: Sequence[str],
    *,
    drop: Sequence[str] = (),
    delimiter: str | None = None,
    header: bool = True,
    decimal: str = ".",
    thousands: str | None = None,
    streamed: bool = False,
) -> Features:
    """The features that a fitted model asks for, whatever else the source holds.

    Args:
      source: as for `load_data`; also an IDX file of images.
      names: the model's feature names, or "0", "1", ... where it has none.
      drop: columns of a table to leave out, which matters where they are taken by position.
      delimiter: one character between the fields of a CSV file.
      header: whether the first line of a CSV file names the columns.
      decimal: the character before the decimals in a CSV file.
      thousands: the character between groups of three digits in a CSV file, or None.
      streamed: whether X is to be a source of rows, read by blocks from where they are, of `streaming.FORMS`.

    Returns:
      Features: the columns in the order of `names`, and the names of those left out.

    Raises:
      ValueError: no such source, it cannot be read, or a column of the model is missing.
      ImportError: pandas or pyarrow is needed and not installed.
    """
    path = Path(source)
    if streamed:
        check_streamed(source)
    form = TextFormat(delimiter, header, decimal, thousands)
    table = None if source in NAMES else _table(path, form, streamed=streamed)
    if table is not None:
        return _told_streamed(features_by_name(table, names, drop))
    if drop:
        raise ValueError(f"drop is for tables; {source} has no names of columns.")
    notes: tuple[str, ...] = ()
    if source in NAMES:
        data = load_named(source)
        X, available = data.X, data.feature_names
    elif _is_arrays(path):
        X, available, _, notes = open_arrays(path) if streamed else read_array_features(path)
    elif is_tensor_file(source):
        X, available, _, notes = open_tensor_features(source) if streamed else read_tensor_features(source)
    elif path.is_file() and is_idx(path):
        X, available, _ = read_pixels(path)
    else:
        raise ValueError(_unknown(source, path))
    return _told_streamed(_in_order(X, available, names, source, notes))


def load_labelled(
    source: str,
    names: Sequence[str],
    target: str | None = None,
    *,
    labels: str | Path | None = None,
    drop: Sequence[str] = (),
    delimiter: str | None = None,
    header: bool = True,
    decimal: str = ".",
    thousands: str | None = None,
    streamed: bool = False,
) -> tuple[Features, np.ndarray]:
    """The features that a fitted model asks for, and the labels that it should have predicted.

    Args:
      source: as for `load_data`.
      names: the model's feature names, or "0", "1", ... where it has none.
      target: the column of labels of a table, or their name in a .npz file.
      labels: the file of labels that belongs to .npy features or IDX images.
      drop: columns of a table to leave out.
      delimiter: one character between the fields of a CSV file.
      header: whether the first line of a CSV file names the columns.
      decimal: the character before the decimals in a CSV file.
      thousands: the character between groups of three digits in a CSV file, or None.
      streamed: whether X is to be a source of rows, read by blocks from where they are, of `streaming.FORMS`.

    Returns:
      Features, and labels (n,).

    Raises:
      ValueError: no such source, it cannot be read, a column of the model is missing, or there are no labels.
      ImportError: pandas or pyarrow is needed and not installed.
    """
    form: dict[str, Any] = {"delimiter": delimiter, "header": header, "decimal": decimal, "thousands": thousands}
    if streamed:
        check_streamed(source)
    table = None if source in NAMES else _table(Path(source), TextFormat(**form), streamed=streamed)
    if table is None:
        data = load_data(source, target, labels=labels, drop=drop, streamed=streamed, **form)
        return _in_order(data.X, data.feature_names, names, source, data.notes), data.y
    if labels is not None:
        raise ValueError(f"labels is for .npy features; give the column of labels of {source} by target (--target).")
    if target is None:
        raise ValueError(f"target must name the column of labels in {source}; columns: {shown(list(table.names))}.")
    column = column_of(list(table.names), target, "target", source)
    return _told_streamed(features_by_name(table, names, [column, *drop])), table.labels(column)


def _told_streamed(data: Loaded) -> Loaded:
    """The same, with a note where the rows are read by blocks."""
    return data._replace(notes=(*data.notes, streamed_note(data.X))) if isinstance(data.X, RowSource) else data


def _in_order(X: Any, available: Sequence[str], names: Sequence[str], source: str, notes: tuple[str, ...]) -> Features:
    """The columns that are asked for, of those available, in the order of `names`."""
    used = matched(names, available, source)
    at = {name: j for j, name in enumerate(available)}
    X = X if list(available) == used else some_columns(X, [at[name] for name in used])
    ignored = tuple(name for name in available if name not in set(used))
    return Features(X, ignored, list(map(normalised, used)) != list(map(normalised, names)), notes)


def _table(path: Path, form: TextFormat, *, streamed: bool = False) -> Table | None:
    """The file or folder as a table, if its name says that it is one, or a delimiter is given."""
    if path.is_dir() and has_shards(path):
        shards = find_shards(path)
        if shards.features[0].suffix.lower() not in PARQUET:
            return None
        return ParquetTable(path, shards.features, shards.notes, streamed=streamed)
    if not path.is_file():
        return None
    last = suffix(path)
    if last in PARQUET:
        return ParquetTable(path, streamed=streamed)
    return CsvTable(path, form) if form.delimiter or last in DELIMITERS else None


def _is_arrays(path: Path) -> bool:
    return has_shards(path) if path.is_dir() else path.is_file() and path.suffix.lower() in _ARRAYS


def _unknown(source: str, path: Path) -> str:
    expected = (
        f"DATA must be {', '.join(NAMES)}, or a .csv, .tsv, .parquet, .npz, .npy or .safetensors file, or a folder "
        "of .npy or .parquet shards"
    )
    if path.is_dir():
        return f"{expected}; {source} is a folder without .npy or .parquet files of features."
    if path.exists():
        return f"{expected}; {source} has another ending (give --delimiter if it is a table of text)."
    close = difflib.get_close_matches(source, NAMES, 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{expected}; there is no {source!r}.{hint}"
