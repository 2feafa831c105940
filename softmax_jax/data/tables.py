"""CSV and TSV files: one column of labels, every other column a number, and nothing guessed in silence.

pandas reads the file once; where its result looks wrong (missing cells, text among numbers, rows of another
length), a second, slow reading finds the line and column to name. Labels are read as text, so that "NA" stays
a class and a long identifier is not rounded.
"""

from __future__ import annotations

import csv
import io
import re
import shlex
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from softmax_jax.data.columns import NAMELESS, distinct, labelled, normalised, positions
from softmax_jax.data.dataset import Dataset
from softmax_jax.data.fields import all_lines_have
from softmax_jax.data.files import is_gzip, suffix, told, unpacked
from softmax_jax.data.labels import encoded, whole_or_text
from softmax_jax.data.numerals import TextFormat, format_hint, is_number

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_OTHER_DELIMITERS = {";": "';'", "\t": "a tab", ",": "','", "|": "'|'"}
_BOMS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_ROWS = 4096
_MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-"}


class CsvTable:
    """A CSV or TSV file: its names at once, its columns when asked for.

    Args:
      path: the file; `.csv` is split at commas and `.tsv` at tabs where the format has no delimiter.
      form: how it is written; without a header, columns are called "0", "1", ...

    Raises:
      ValueError: the file cannot be read as a table; the message names line and column.
    """

    def __init__(self, path: str | Path, form: TextFormat) -> None:
        """Read the names, and check that every row has as many fields."""
        form.check()
        self.path, self.form = Path(path), form
        self.notes: tuple[str, ...] = ()
        self.delimiter = form.delimiter or DELIMITERS.get(suffix(self.path), ",")
        self._frame: pd.DataFrame | None = None
        with told(self.path, csv.Error):
            self._refuse_other_encodings()
            self.names = _column_names(self)
            # pandas drops an empty field too many without a word where pyarrow is not installed: count them here
            with unpacked(self.path) as file:
                regular = all_lines_have(file, len(self.names), self.delimiter)
            if not regular:
                _find_bad_row(self)
        self.index = tuple(name for name in self.names if form.header and NAMELESS.fullmatch(name))

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """The columns `names`, (n, len(names)) float64."""
        with told(self.path, csv.Error):
            frame = self._frame
            if frame is None or any(name not in frame for name in names):
                frame = _read_frame(self, names)
            return _features(self, frame, names)

    def labels(self, name: str, beside: Sequence[str] = ()) -> np.ndarray:
        """The column `name` (n,): integers where every label is one, else text.

        Args:
          name: of the column.
          beside: columns of numbers that are read in the same pass.
        """
        with told(self.path, csv.Error):
            self._frame = _read_frame(self, [*beside, name], text=[name])
            return _labels(self, self._frame[name].to_numpy(dtype=object), name)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row that is not blank, with the number of its last line."""
        with unpacked(self.path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter, skipinitialspace=self.delimiter != "\t")
            for row in reader:
                if row:
                    yield reader.line_num, row

    def _refuse_other_encodings(self) -> None:
        with self.path.open("rb") as file:
            start = file.read(4)
        for bom, encoding in _BOMS.items():
            if start.startswith(bom):
                raise ValueError(f"{self.path} is {encoding} text, expected UTF-8; save it as UTF-8.")


def read_table(
    path: str | Path,
    target: str | None,
    *,
    delimiter: str | None = None,
    header: bool = True,
    decimal: str = ".",
    thousands: str | None = None,
) -> Dataset:
    """Features and labels from a CSV or TSV file, plain or gzip, in UTF-8.

    Args:
      path: the file; `.csv` is split at commas and `.tsv` at tabs where `delimiter` is not given.
      target: name of the column of labels; without a header, columns are called "0", "1", ...
      delimiter: one character between the fields.
      header: whether the first line names the columns.
      decimal: the character before the decimals.
      thousands: the character between groups of three digits.

    Returns:
      Dataset with float64 features. Labels are integers where every label is one, else text.

    Raises:
      ValueError: the file or a cell of it cannot be read as such a table; the message names line and column.
      ImportError: pandas is not installed.
    """
    return labelled(CsvTable(path, TextFormat(delimiter, header, decimal, thousands)), target)


def _column_names(table: CsvTable) -> dict[str, str]:
    """The names of the columns, checked against the first row of data."""
    rows = table.rows()
    first = next(rows, (0, []))[1]
    if not first:
        raise ValueError(f"{table.path} is empty, expected a line of names and rows of data.")
    if len(first) == 1:
        raise ValueError(_one_column(table.path, first[0], table.delimiter))
    if not table.form.header:
        return {name: name for name in positions(len(first))}
    if next(rows, None) is None:
        raise ValueError(f"{table.path} has a line of names but no rows of data.")
    names = [normalised(name.strip()) for name in first]
    if "" in names:
        raise ValueError(
            f"{table.path}: column {names.index('') + 1} has no name; name it, or drop it if it only numbers the rows."
        )
    if all(map(is_number, names)):
        warnings.warn(
            f"{table.path}: every column name is a number; if line 1 is data, say --no-header (header=False)",
            stacklevel=3,
        )
    return distinct([(name, name) for name in names], table.path)


def _one_column(path: Path, line: str, delimiter: str) -> str:
    likely = [words for other, words in _OTHER_DELIMITERS.items() if other != delimiter and other in line]
    hint = f"; is the delimiter {likely[0]}? (--delimiter)" if likely else ""
    return f"{path}: 1 column found, expected one of labels and at least one of features{hint}."


def _read_frame(table: CsvTable, names: Sequence[str], *, text: Sequence[str] = ()) -> pd.DataFrame:
    """The columns `names` as a pandas frame: those of `text` as they stand, the others numbers where they are."""
    try:
        import pandas as pd  # the library itself does without it
    except ImportError as error:
        raise ImportError("reading CSV files needs pandas: pip install 'softmax_jax[cli]'") from error
    damage = pd.errors.ParserError, pd.errors.ParserWarning
    with told(table.path, *damage, what="cannot be read as a table"), warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # text in some parts of a column: told below
        return pd.read_csv(
            table.path,
            sep=table.delimiter,
            header=0 if table.form.header else None,
            names=list(table.names),
            usecols=list(names),
            index_col=False,  # else pandas makes the first column an index where every row is too long
            dtype=dict.fromkeys(text, object),
            keep_default_na=False,
            na_values={name: [""] for name in names if name not in text},
            decimal=table.form.decimal,
            skipinitialspace=table.delimiter != "\t",
            compression="gzip" if is_gzip(table.path) else None,
        )


def _features(table: CsvTable, frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """(n, m) float64, or the error that names the first cell that is not a finite number."""
    columns = []
    for name in names:
        column = frame[name].to_numpy()
        if column.dtype.kind == "O":
            column = _numbers(table, column)
        if column.dtype.kind not in "biuf" or not np.isfinite(column).all():
            _find_bad_cell(table, name)
        columns.append(column)
    X = np.empty((len(frame), len(names)), np.float64)
    for start in range(0, len(X), _ROWS):  # rows that stay in the cache while their columns are written
        for j, column in enumerate(columns):
            X[start : start + _ROWS, j] = column[start : start + _ROWS]
    return X


def _numbers(table: CsvTable, column: np.ndarray) -> np.ndarray:
    """Cells that pandas left as objects as the numbers that they are: beyond 64 bits, or with separators."""
    plain = [table.form.plain(cell.strip()) if isinstance(cell, str) else str(cell) for cell in column]
    truths = any(isinstance(cell, bool | np.bool_) for cell in column)
    return column if truths or None in plain else np.array(plain).astype(np.float64)


def _labels(table: CsvTable, cells: np.ndarray, target: str) -> np.ndarray:
    """Integers where every label is a whole number, else text."""
    found, codes = encoded(cells.tolist())
    labels = [cell.strip() if isinstance(cell, str) else "" for cell in found]
    if any("\0" in label for label in labels):
        raise ValueError(f"{table.path}: a label in column {target!r} holds a NUL byte; is the file damaged?")
    if not all(labels):
        j = list(table.names).index(target)
        line = next(line for line, row in table.rows() if not row[j].strip())
        raise ValueError(f"{table.path}, line {line}, column {target!r}: the label is missing.")
    numbers = [number for number in map(table.form.plain, labels) if number is not None]
    written = numbers if len(numbers) == len(labels) else labels
    return whole_or_text(written, f"{table.path}: target {target!r}")[codes]


def _find_bad_row(table: CsvTable) -> None:
    """Raise for the first row that has not as many fields as the first."""
    for line, row in table.rows():
        if len(row) != len(table.names):
            raise ValueError(f"{table.path}, line {line}: expected {len(table.names)} fields, got {len(row)}.")


def _find_bad_cell(table: CsvTable, name: str) -> None:
    """Raise for the first cell of column `name` that is no finite number."""
    j = list(table.names).index(name)
    rows = [(line, row[j].strip()) for line, row in table.rows()][table.form.header :]
    for line, cell in rows:
        where = f"{table.path}, line {line}, column {name!r}"
        if cell.lower() in _MISSING:
            raise ValueError(f"{where}: the value is missing ({cell!r}); fill it in or drop the row.")
        plain = table.form.plain(cell)
        if plain is None:
            cells = [other for _, other in rows if other.lower() not in _MISSING]
            options = format_hint(cells, table.form, table.delimiter) if re.search(r"\d", cell) else None
            remedy = f"{options} reads it" if options else f"--drop {shlex.quote(name)} leaves a column out"
            raise ValueError(f"{where}: expected a number, got {cell!r:.60}; {remedy}.")
        if not np.isfinite(float(plain)):
            raise ValueError(f"{where}: expected a finite number, got {cell}.")
    raise ValueError(f"{table.path}, column {name!r}: expected numbers only.")
