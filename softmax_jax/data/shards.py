"""Which files of a folder are shards, in which order, and which labels belong to which: said once for all readers.

Numbers in names count by value: X_2 comes before X_10. Features and labels belong together by what their names say
beside "X" and "y": X-3.npy and y_03.npy. What is ambiguous is refused with what was found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from softmax_jax.data.columns import normalised

PARQUET = (".parquet", ".pq")
_ARRAY = (".npy",)
_FEATURES = {"x", "features", "feature", "feats", "embeddings", "embedding", "inputs", "data", "part", "shard"}
_LABELS = {"y", "label", "labels", "target", "targets"}
_PARTS = {
    **dict.fromkeys(("train", "training", "trn", "tr"), "train"),
    **dict.fromkeys(("test", "testing", "tst", "te"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("holdout", "heldout"), "held out"),
}

Key = tuple[tuple[int, str], ...]  # numbers as (number, ""), words as (-1, word)


class Shards(NamedTuple):
    """The shards of a folder.

    Attributes:
      folder: where they are.
      features: files of features, in order.
      labels: as many files of labels in the same order, or a single one for all rows, or none.
      notes: the order and the pairing, in words.
    """

    folder: Path
    features: tuple[Path, ...]
    labels: tuple[Path, ...]
    notes: tuple[str, ...]


def has_shards(folder: Path) -> bool:
    """Whether a folder holds files that may be shards of features."""
    return bool(_roles(_files(folder))[0])


def find_shards(folder: Path, *, labels: str | Path | None = None) -> Shards:
    """The shards of a folder: X*.npy with y*.npy where there are such, else all .npy or all Parquet files.

    Args:
      folder: where they are.
      labels: a file of labels for all rows, in place of those in the folder.

    Raises:
      ValueError: no shards, two kinds or two parts (train and test) of them, two with the same number, or labels
        whose names do not match; the message says what was found.
    """
    files = _files(folder)
    features, own, others = _roles(files)
    if not features:
        raise ValueError(f"{folder} must hold .npy or Parquet files, got a folder without any for features.")
    kinds = sorted({"Parquet" if file.suffix.lower() in PARQUET else ".npy" for file in features})
    if len(kinds) > 1:
        raise ValueError(f"{folder} holds {_few(features)}: {' and '.join(kinds)} files; keep one kind in a folder.")
    given = None if labels is None else Path(labels)
    own = {file: key for file, key in own.items() if given is None or file.resolve() != given.resolve()}
    _refuse_parts(folder, features, {} if given else own)
    _refuse_twins(folder, features)
    _refuse_twins(folder, own)
    ordered = tuple(sorted(features, key=features.__getitem__))
    ignored = [*others, *(own if given else ())]
    left = (f"not read: {_few(ignored)}",) if ignored else ()
    order = _order(features)
    if given is None and not own:
        return Shards(folder, ordered, (), (order, *left))
    for_all = len(own) == 1 < len(features) and not _numbers(*own.values())
    if given is not None or for_all:
        (file,) = own if given is None else (given,)
        _refuse_unordered(folder, features, file.name)
        return Shards(folder, ordered, (file,), (f"{order}, with the labels of {given or file.name}", *left))
    _refuse_unpaired(folder, features, own)
    by = "number" if all(map(_numbers, features.values())) else "name"
    pairing = f"{order}, with the labels of {_few(own)}"
    if len(features) > 1:
        pairing = f"{len(features)} shards paired with labels by {by}: {_run(features)}"
    return Shards(folder, ordered, tuple(sorted(own, key=own.__getitem__)), (pairing, *left))


def _files(folder: Path) -> list[Path]:
    endings = (*_ARRAY, *PARQUET)
    files = (path for path in folder.iterdir() if path.suffix.lower() in endings and not path.name.startswith("."))
    return sorted(path for path in files if path.is_file())


def _roles(files: Sequence[Path]) -> tuple[dict[Path, Key], dict[Path, Key], list[Path]]:
    """Files of features and of labels, with what their names say beside that, and files that are neither."""
    named = [file for file in files if file.name.startswith("X")]
    if named:
        labels = {f: _key(f.stem[1:]) for f in files if f.name.startswith("y") and f.suffix.lower() in _ARRAY}
        others = [file for file in files if file not in named and file not in labels]
        return {file: _key(file.stem[1:]) for file in named}, labels, others
    labels = {f: _key(f.stem) for f in files if f.suffix.lower() in _ARRAY and _LABELS & set(_words(f.stem))}
    return {file: _key(file.stem) for file in files if file not in labels}, labels, []


def _words(stem: str) -> list[str]:
    return re.findall(r"[0-9]+|[^\W\d_]+", normalised(stem).casefold())


def _key(stem: str) -> Key:
    """What a name says beside its role."""
    words = [word for word in _words(stem) if word not in _FEATURES | _LABELS]
    return tuple((int(word), "") if word.isascii() and word.isdigit() else (-1, word) for word in words)


def _numbers(key: Key) -> tuple[int, ...]:
    return tuple(number for number, _ in key if number >= 0)


def _texts(key: Key) -> tuple[str, ...]:
    return tuple(word for _, word in key if word)


def _part(key: Key) -> str | None:
    """train, test or validation, where a name says so."""
    return next((_PARTS[word] for word in _texts(key) if word in _PARTS), None)


def _refuse_parts(folder: Path, features: dict[Path, Key], labels: dict[Path, Key]) -> None:
    """Refuse rows for training and for testing in one folder, which would be read as one data set."""
    parts: dict[str | None, list[Path]] = {}
    for file, key in {**features, **labels}.items():
        if file in features or _part(key) is not None:  # y.npy may be of any part
            parts.setdefault(_part(key), []).append(file)
    if len(parts) > 1:
        found = "; ".join(f"{name or 'no part named'}: {_few(files)}" for name, files in parts.items())
        raise ValueError(f"{folder} holds more than one part of a data set ({found}); give each a folder of its own.")


def _refuse_twins(folder: Path, files: dict[Path, Key]) -> None:
    seen: dict[Key, Path] = {}
    for file, key in files.items():
        other = seen.setdefault(key, file)
        if other != file:
            raise ValueError(
                f"{folder} holds {other.name} and {file.name}, which have the same number or name; keep one of them."
            )


def _refuse_unordered(folder: Path, features: dict[Path, Key], labels: str) -> None:
    """Refuse shards of different words where one file has all labels: their order is not known."""
    if len({_texts(key) for key in features.values()}) > 1:
        raise ValueError(
            f"{folder} holds {_few(features)} with all labels in {labels}, but words have no order by which rows and "
            "labels could be paired; number the shards, or store the labels of each."
        )


def _refuse_unpaired(folder: Path, features: dict[Path, Key], labels: dict[Path, Key]) -> None:
    without_labels = [file for file, key in features.items() if key not in labels.values()]
    without_features = [file for file, key in labels.items() if key not in features.values()]
    if without_labels or without_features:
        found = [
            f"{_few(files)} without {what}"
            for files, what in ((without_labels, "labels"), (without_features, "features"))
            if files
        ]
        raise ValueError(
            f"{folder} holds shards that do not pair by number or name: {'; '.join(found)} (X-3.npy goes with y-3.npy)."
        )


def _order(features: dict[Path, Key]) -> str:
    if len(features) == 1:
        return f"rows of {_few(features)}"
    by = "numbers" if len({_texts(key) for key in features.values()}) == 1 else "names"
    return f"{len(features)} shards in the order of their {by}: {_run(features)}"


def _run(features: dict[Path, Key]) -> str:
    """The names of shards in their order, with the numbers that are missing between them."""
    names = [file.stem for file in sorted(features, key=features.__getitem__)]
    words = ", ".join(names) if len(names) <= 3 else f"{names[0]}..{names[-1]}"
    numbers = {_numbers(key) for key in features.values()}
    if len(numbers) == len(names) and all(len(number) == 1 for number in numbers):
        there = {number for (number,) in numbers}
        gaps = [
            str(number) for number in range(min(there), min(max(there), min(there) + 10_000)) if number not in there
        ]
        if gaps:
            words += f" (without {', '.join(gaps[:6])}{', ...' if len(gaps) > 6 else ''})"
    return words


def _few(files: Sequence[Path] | dict[Path, Key]) -> str:
    names = [file.name for file in files]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
