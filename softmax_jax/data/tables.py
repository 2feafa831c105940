"""CSV and TSV files: one column of labels, every other column a number, and nothing guessed in silence.

pandas reads the file; where its result looks wrong (missing cells, text among numbers, rows of another
length), a second, slow reading finds the line and column to name. Labels are read as text, so that "NA" stays
a class and a long identifier is not rounded.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import shlex
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from softmax_jax.data.columns import labelled
from softmax_jax.data.dataset import Dataset

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_OTHER_DELIMITERS = {";": "';'", "\t": "a tab", ",": "','", "|": "'|'"}
_BOMS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-"}
_INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,17})")  # at most 18 digits: fits int64; no leading zeros to lose


class CsvTable:
    """A CSV or TSV file: its names at once, its columns when asked for.

    Args:
      path: the file; `.csv` is split at commas and `.tsv` at tabs where `delimiter` is not given.
      delimiter: one character between the fields.
      header: whether the first line names the columns; without it they are called "0", "1", ...

    Raises:
      ValueError: the file cannot be read as a table; the message names line and column.
    """

    def __init__(self, path: str | Path, delimiter: str | None = None, header: bool = True) -> None:
        """Read the names, and check that every row has as many fields."""
        self.path, self.header = Path(path), header
        suffix = self.path.with_suffix("").suffix if self.path.suffix.lower() == ".gz" else self.path.suffix
        self.delimiter = delimiter or DELIMITERS.get(suffix.lower(), ",")
        if len(self.delimiter) != 1:
            raise ValueError(f"delimiter must be one character, got {self.delimiter!r}.")
        with _told(self.path):
            self.compression: Any = self._compression()
            self.names = _column_names(self)
            # pandas drops an empty field too many without a word where pyarrow is not installed: count them here
            _find_bad_row(self, len(self.names))

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """The columns `names`, (n, len(names)) float64."""
        with _told(self.path):
            return _features(self, _read_frame(self, names, text=False)[list(names)])

    def labels(self, name: str) -> np.ndarray:
        """The column `name` (n,): integers where every label is one, else text."""
        with _told(self.path):
            y = _read_frame(self, [name], text=True)[name].to_numpy(dtype=object)
            return _labels(self, y, self.names.index(name), name)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row that is not blank, with the number of its last line."""
        opener: Any = gzip.open if self.compression else io.open
        with opener(self.path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter, skipinitialspace=self.delimiter != "\t")
            for row in reader:
                if row:
                    yield reader.line_num, row

    def _compression(self) -> str | None:
        with self.path.open("rb") as file:
            start = file.read(4)
        for bom, encoding in _BOMS.items():
            if start.startswith(bom):
                raise ValueError(f"{self.path} is {encoding} text, expected UTF-8; save it as UTF-8.")
        return "gzip" if start[:2] == b"\x1f\x8b" else None


def read_table(path: str | Path, target: str | None, *, delimiter: str | None = None, header: bool = True) -> Dataset:
    """Features and labels from a CSV or TSV file, plain or gzip, in UTF-8.

    Args:
      path: the file; `.csv` is split at commas and `.tsv` at tabs where `delimiter` is not given.
      target: name of the column of labels; without a header, columns are called "0", "1", ...
      delimiter: one character between the fields.
      header: whether the first line names the columns.

    Returns:
      Dataset with float64 features. Labels are integers where every label is one, else text.

    Raises:
      ValueError: the file or a cell of it cannot be read as such a table; the message names line and column.
      ImportError: pandas is not installed.
    """
    return labelled(CsvTable(path, delimiter, header), target)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What may go wrong with the bytes of a file, as a ValueError that names it."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.object[error.start]:#04x}); save it so.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is a damaged gzip file, or ends early: {error}.") from error
    except csv.Error as error:
        raise ValueError(f"{path} cannot be split into fields: {error}.") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from error


def _column_names(table: CsvTable) -> list[str]:
    """The names of the columns, checked against the first row of data."""
    rows = table.rows()
    first = next(rows, (0, []))[1]
    if not first:
        raise ValueError(f"{table.path} is empty, expected a line of names and rows of data.")
    if len(first) == 1:
        raise ValueError(_one_column(table.path, first[0], table.delimiter))
    if not table.header:
        return [str(j) for j in range(len(first))]
    if next(rows, None) is None:
        raise ValueError(f"{table.path} has a line of names but no rows of data.")
    names = [name.strip() for name in first]
    if "" in names:
        raise ValueError(
            f"{table.path}: column {names.index('') + 1} has no name; name it, or drop it if it only numbers the rows."
        )
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(f"{table.path}: column names must differ, {twice[0]!r} occurs more than once.")
    if all(_is_number(name) for name in names):
        warnings.warn(
            f"{table.path}: every column name is a number; if line 1 is data, say --no-header (header=False)",
            stacklevel=3,
        )
    return names


def _one_column(path: Path, line: str, delimiter: str) -> str:
    likely = [words for other, words in _OTHER_DELIMITERS.items() if other != delimiter and other in line]
    hint = f"; is the delimiter {likely[0]}? (--delimiter)" if likely else ""
    return f"{path}: 1 column found, expected one of labels and at least one of features{hint}."


def _read_frame(table: CsvTable, names: Sequence[str], *, text: bool) -> Any:
    """The columns `names` as a pandas frame: all of them text as it stands, or numbers where they are."""
    try:
        import pandas as pd  # the library itself does without it
    except ImportError as error:
        raise ImportError("reading CSV files needs pandas: pip install 'softmax_jax[cli]'") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            return pd.read_csv(
                table.path,
                sep=table.delimiter,
                header=0 if table.header else None,
                names=table.names,
                usecols=list(names),
                index_col=False,  # else pandas makes the first column an index where every row is too long
                dtype=str if text else None,
                keep_default_na=False,
                na_values=[] if text else [""],
                skipinitialspace=table.delimiter != "\t",
                encoding="utf-8-sig",
                compression=table.compression,
                low_memory=False,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(f"{table.path} cannot be read as a table: {str(error).strip()}.") from error


def _features(table: CsvTable, frame: Any) -> np.ndarray:
    """(n, m) float64, or the error that names the first cell that is not a finite number."""
    X = np.empty(frame.shape, np.float64)
    for j, name in enumerate(frame.columns):
        column = frame[name].to_numpy()
        if column.dtype.kind == "O" and all(isinstance(cell, int) for cell in column):
            column = np.array([str(cell) for cell in column]).astype(np.float64)  # beyond 64 bits
        if column.dtype.kind not in "biuf" or not np.isfinite(column).all():
            _find_bad_cell(table, name)
        X[:, j] = column
    return X


def _labels(table: CsvTable, y: np.ndarray, column: int, target: str) -> np.ndarray:
    """Integers where every label is a whole number, else text."""
    labels = [label.strip() if isinstance(label, str) else "" for label in y]
    if any("\0" in label for label in labels):
        raise ValueError(f"{table.path}: a label in column {target!r} holds a NUL byte; is the file damaged?")
    if not all(labels):
        _find_bad_row(table, None, column, target)
    text = np.array(labels)
    unique = np.unique(text)
    if all(_INTEGER.fullmatch(label) for label in unique):
        return text.astype(np.int64)
    if all(_is_number(label) and "." in label or _INTEGER.fullmatch(label) for label in unique):
        values = text.astype(np.float64)
        if (values % 1 != 0).any():
            raise ValueError(f"{table.path}: target {target!r} must hold classes, got {unique[0]}: continuous numbers.")
        return values.astype(np.int64)
    return text


def _find_bad_row(table: CsvTable, fields: int | None, column: int = 0, name: str = "") -> None:
    """Raise for the first row that is not of `fields` fields, or has no label in `column`."""
    for line, row in table.rows():
        fields = len(row) if fields is None else fields
        if len(row) != fields:
            raise ValueError(f"{table.path}, line {line}: expected {fields} fields, got {len(row)}.")
        if name and not row[column].strip():
            raise ValueError(f"{table.path}, line {line}, column {name!r}: the label is missing.")


def _find_bad_cell(table: CsvTable, name: str) -> None:
    """Raise for the first row of another length, else the first cell of column `name` that is no number."""
    rows = table.rows()
    first = next(rows)[1]
    column = [field.strip() for field in first].index(name) if table.header else int(name)
    for line, row in rows if table.header else table.rows():
        if len(row) != len(first):
            raise ValueError(f"{table.path}, line {line}: expected {len(first)} fields, got {len(row)}.")
        cell = row[column].strip()
        where = f"{table.path}, line {line}, column {name!r}"
        if cell.lower() in _MISSING:
            raise ValueError(f"{where}: the value is missing ({cell!r}); fill it in or drop the row.")
        if not _is_number(cell):
            comma = re.fullmatch(r"[+-]?\d+,\d+", cell)
            remedy = "write decimals with a point" if comma else f"--drop {shlex.quote(name)} leaves a column out"
            raise ValueError(f"{where}: expected a number, got {cell!r:.60}; {remedy}.")
        if not np.isfinite(float(cell)):
            raise ValueError(f"{where}: expected a finite number, got {cell}.")
    raise ValueError(f"{table.path}, column {name!r}: expected numbers only.")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
