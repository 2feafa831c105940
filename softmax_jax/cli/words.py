"""The words of the library as those of the command line: its options in place of the arguments of Python.

The one place where that is done: `terminal.say` passes every error, warning and note through `in_options`. A library
names an argument as "max_iter", "The 'max_iter' parameter", "max_iter=20" or "target (--target)"; here all of these
become "--max-iter". What the user wrote, in quotes or in names of files and columns, stays as it is, and so do records
as Python prints them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_PLAIN = (
    *("target", "labels", "weights", "drop", "delimiter", "header", "decimal", "thousands", "images", "test", "folds"),
    *("l1", "l2", "group", "solver", "tol", "eta", "epochs", "minibatches", "seed", "seeds", "shots", "preset"),
    *("prune", "sparse", "normalise", "checkpoint", "every"),
)
_LONG = {  # no words of English: found wherever they stand
    "max_iter": "--max-iter",
    "sample_weight": "--weights",
    "l2_values": "--l2-grid",
    "X_val": "--val",
    "y_val": "--val",
    "X_test": "--test-file",
    "y_test": "--test-file",
    "num_processes": "--num-processes",
    "process_id": "--process-id",
}
OPTIONS = {name: f"--{name}" for name in _PLAIN} | _LONG
_SWITCHES = {
    "standardise=True": "leave out --no-standardise",
    "standardise=False": "--no-standardise",
    "normalise=True": "--normalise",
    "header=False": "--no-header",
    "columns=[...]": "--drop for each of the others",
}
_AT_START = {"X": "DATA", "y": "the labels of DATA"}
_VERBS = r"(?=\s(?:must|needs?|has|have|is for|are for|is taken|belongs?|stands?|contains?|selects?|splits?)\b)"
_RECORD = re.compile(r"\b[A-Z]\w*\([^()]*=[^()]*\)")
_FREE = r"(?<![\w.'\"/=-])"  # neither part of a word, of a path or of an option, nor quoted


def in_options(message: str, options: Mapping[str, str] = OPTIONS) -> str:
    """A message that names options of the command line where it named arguments of Python.

    Args:
      message: of the library.
      options: argument -> option.
    """
    message, listed, names = message.partition("columns: ")  # which are the user's
    records = _RECORD.findall(message)
    message = _RECORD.sub("\0", message)
    for words, option in _SWITCHES.items():
        message = re.sub(rf"{_FREE}{re.escape(words)}", option, message)
    for name, option in options.items():
        word = re.escape(name)
        message = re.sub(rf"{_FREE}{word}(?:=\S*)? \(({re.escape(option)}\b[^)]*)\)", r"\1", message)
        message = re.sub(rf"The '{word}' parameter", option, message)
        message = re.sub(rf"{_FREE}{word}=(?=[\w'\"\[(.-])(?!\S*/)", f"{option} ", message)
        if name in _LONG:
            message = re.sub(rf"{_FREE}{word}(?![\w.'\"(=/])", option, message)
        else:
            message = re.sub(rf"(?:^|(?<=[.;:] ))(?<!['\"]){word}{_VERBS}", option, message)
            advised = rf"(?<=[Rr]aise ){word}\b(?!=)|(?<=[Gg]ive ){word}(?=[,.;])|(?<=or ){word}(?=\.$)"
            message = re.sub(advised, option, message)
    for name, words in _AT_START.items():
        message = re.sub(rf"(?:^|(?<=: )){name}{_VERBS}", words, message)
    message = re.sub(r"^(--\S+ must be) None\b", r"\1 left out", message)
    return "".join(itertools.chain(*itertools.zip_longest(message.split("\0"), records, fillvalue=""))) + listed + names


@contextmanager
def spoken(**options: str) -> Iterator[None]:
    """A context whose errors name these options for these arguments, such as labels="--val-labels".

    Raises:
      ValueError, TypeError: as within, in other words.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        words = in_options(str(error))
        for name, option in options.items():
            words = re.sub(rf"(?<![\w-]){re.escape(OPTIONS[name])}(?![\w-])", option, words)
        raise (ValueError if isinstance(error, ValueError) else TypeError)(words) from error
