"""One door for named data sets and files: what the command line calls DATA."""

from __future__ import annotations

import difflib
from pathlib import Path

from softmax_jax.data.dataset import Dataset
from softmax_jax.data.named import NAMES, load_named
from softmax_jax.data.tables import DELIMITERS, read_table


def load_data(source: str, target: str | None = None, *, delimiter: str | None = None, header: bool = True) -> Dataset:
    """The data set called `source`: a name, or a CSV or TSV file.

    Args:
      source: one of iris, digits, wine, breast_cancer, or the path of a .csv or .tsv file (.gz too).
      target: the column of labels; for files only.
      delimiter: one character between the fields of a file.
      header: whether the first line of a file names the columns.

    Returns:
      Dataset.

    Raises:
      ValueError: no such data set or file, or it cannot be read; the message says what was expected.
    """
    if source in NAMES:
        if target is not None:
            raise ValueError(f"target is for files; {source} has its own labels, got target {target!r}.")
        return load_named(source)
    path = Path(source)
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if path.is_file() and (delimiter or (suffixes and suffixes[-1] in DELIMITERS)):
        return read_table(path, target, delimiter=delimiter, header=header)
    raise ValueError(_unknown(source, path))


def _unknown(source: str, path: Path) -> str:
    expected = f"DATA must be {', '.join(NAMES)}, or a .csv or .tsv file"
    if path.is_dir():
        return f"{expected}; {source} is a folder."
    if path.exists():
        return f"{expected}; {source} has another ending (give --delimiter if it is such a table)."
    close = difflib.get_close_matches(source, NAMES, 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{expected}; there is no {source!r}.{hint}"
