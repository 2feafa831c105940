"""What several verbs take, in the same words, and the one place where they open DATA.

Nothing here imports JAX, so that --help stays quick.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

_FORMS = "iris, digits, wine, breast_cancer; a .csv, .tsv (also .gz), .parquet, .npz or .npy file; a folder of shards."

DATA, PROBLEM, OUTPUT = "Data", "Problem and solver", "Output"  # panels of --help
Data = Annotated[str, typer.Argument(help=_FORMS, show_default="iris")]
Target = Annotated[
    str | None, typer.Option(help="Column of labels; of an .npz file the array, y if not given.", rich_help_panel=DATA)
]
Labels = Annotated[
    str | None,
    typer.Option(help="File of labels beside .npy features (.npy, .txt) or IDX images.", rich_help_panel=DATA),
]
Images = Annotated[
    str | None, typer.Option(help="IDX file of images, plain or .gz, instead of DATA.", rich_help_panel=DATA)
]
Weights = Annotated[
    str | None, typer.Option(help="Column of sample weights; of an .npz file the array.", rich_help_panel=DATA)
]
Drop = Annotated[
    list[str] | None, typer.Option(help="Column to leave out; may be given several times.", rich_help_panel=DATA)
]
Delimiter = Annotated[
    str | None, typer.Option(help="Character between the fields of a CSV file.", rich_help_panel=DATA)
]
Decimal = Annotated[
    str, typer.Option(help="Sign before the decimals in a CSV file, such as ','.", rich_help_panel=DATA)
]
Thousands = Annotated[
    str | None,
    typer.Option(help="Sign between thousands in a CSV file, such as ','.", rich_help_panel=DATA),
]
Header = Annotated[
    bool, typer.Option("--header/--no-header", help="Line 1 of a CSV file has names.", rich_help_panel=DATA)
]
NoStandardise = Annotated[
    bool, typer.Option("--no-standardise", help="Leave features as they are.", rich_help_panel=DATA)
]
L2 = Annotated[float, typer.Option(help="L2 strength, nats per squared weight.", rich_help_panel=PROBLEM)]
Tol = Annotated[float, typer.Option(help="Duality gap to prove, nats per sample.", rich_help_panel=PROBLEM)]
Seed = Annotated[int, typer.Option(help="Of everything that is drawn at random.", rich_help_panel=PROBLEM)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.", rich_help_panel=OUTPUT)]


class SolverName(enum.StrEnum):
    """What --solver takes."""

    auto = "auto"
    lbfgs = "lbfgs"
    newton_cg = "newton-cg"
    newton = "newton"
    sgd = "sgd"


def open_data(data: str, images: str | None, labels: str | None, **options: Any) -> Any:
    """The Dataset that the options of a verb name; iris where they name none.

    Args:
      data: DATA, or "".
      images: file of IDX images, or None.
      labels: file of labels, or None.
      **options: target, delimiter, header, decimal, thousands, weights and drop, as `load_data` takes them.

    Raises:
      ValueError: it cannot be read, or options contradict each other.
    """
    from softmax_jax.data import load_data, read_images

    options["drop"] = options.get("drop") or ()
    if images is None:
        return load_data(data or "iris", labels=labels, **options)
    if labels is None:
        raise ValueError("--images and --labels must be given together.")
    for name in ("target", "weights"):
        if options[name] is not None:
            raise ValueError(f"DATA, --target and --weights are not for --images, got --{name} {options[name]}.")
    if data:
        raise ValueError(f"DATA, --target and --weights are not for --images, got {data!r}.")
    return read_images(images, labels)


def note_rows(notes: Sequence[str]) -> list[tuple[str, str]]:
    """What was decided in reading, as a row of a printed table; none where nothing was."""
    return [("read", "\n".join(notes))] if notes else []


def folder_for(path: Path, option: str) -> Path:
    """`path` as a folder, made now: before the work, whose result must not be lost.

    Args:
      path: what the user gave.
      option: by which option, for the error.

    Raises:
      ValueError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{option} must be a folder that can be made, got {path}: {error.strerror}.") from error
    return path


def file_for(path: Path, option: str, *endings: str) -> Path:
    """`path` as a file that can be written later: its ending is known and its folder is made now.

    Args:
      path: what the user gave.
      option: by which option, for the error.
      *endings: those that are allowed.

    Raises:
      ValueError: another ending, a folder of that name, or its folder cannot be made.
    """
    if path.suffix.lower() not in endings:
        raise ValueError(
            f"{option} must end in {', '.join(endings[:-1])}{' or ' * (len(endings) > 1)}{endings[-1]}, got {path}."
        )
    if path.is_dir():
        raise ValueError(f"{option} must be a file, got {path}, which is a folder.")
    folder_for(path.parent, option)
    return path
