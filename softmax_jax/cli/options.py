"""What several verbs take, in the same words, and the one place where they open DATA.

The options of a verb are the fields of a record; `takes` shows them to typer as the parameters of a function.
Nothing here imports JAX, so that --help stays quick.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from softmax_jax.cli.programs import kept_programs

if TYPE_CHECKING:
    from softmax_jax.data import Dataset

Record = TypeVar("Record")
FORMS = (
    "iris, digits, wine, breast_cancer; a .csv, .tsv (also .gz), .parquet, .npz, .npy or .safetensors file, this also "
    "with :NAME of a tensor; a folder of shards."
)
MODEL = ".safetensors"

of_data = functools.partial(typer.Option, rich_help_panel="Data")  # by panels of --help
of_problem = functools.partial(typer.Option, rich_help_panel="Problem and solver")
of_output = functools.partial(typer.Option, rich_help_panel="Output")
of_several = functools.partial(typer.Option, rich_help_panel="Several features, seeds and shots")

Weights = Annotated[str | None, of_data(help="Column of sample weights; of an .npz file the array.")]
L2 = Annotated[float, of_problem(help="Penalty: l2/2 times the sum of squared weights is added to the mean loss.")]
L1 = Annotated[float, of_problem(help="Penalty: l1 times the sum of absolute weights; useless ones become zero.")]
Tol = Annotated[float, of_problem(help="How near to the least possible cost to come, proven; nats per sample.")]
Seed = Annotated[int, of_problem(help="Of everything that is drawn at random.")]
Stream = Annotated[
    bool | None,
    of_data("--stream/--no-stream", help="Read rows by blocks, never all into memory.", show_default="by size"),
]
NoCache = Annotated[bool, of_problem("--no-cache", help="Neither keep nor reuse compiled programs.")]
AsJson = Annotated[bool, of_output("--json", help="Print JSON for machines.")]


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """How a CSV file is written."""

    delimiter: Annotated[str | None, of_data(help="Character between the fields of a CSV file.")] = None
    header: Annotated[bool, of_data("--header/--no-header", help="Line 1 of a CSV file has names.")] = True
    decimal: Annotated[str, of_data(help="Sign before the decimals in a CSV file, such as ','.")] = "."
    thousands: Annotated[str | None, of_data(help="Sign between thousands in a CSV file, such as ','.")] = None

    def written(self) -> dict[str, Any]:
        """The arguments of the readers that say it."""
        return {name: getattr(self, name) for name in ("delimiter", "header", "decimal", "thousands")}


@dataclass(frozen=True, kw_only=True)
class Source(Numbers):
    """The data of a verb."""

    data: Annotated[str, typer.Argument(help=FORMS, show_default="iris")] = ""
    target: Annotated[str | None, of_data(help="Column of labels; of an .npz file the array, y if not given.")] = None
    drop: Annotated[list[str] | None, of_data(help="Column to leave out; may be given several times.")] = None
    images: Annotated[str | None, of_data(help="IDX file of images, plain or .gz, instead of DATA.")] = None
    labels: Annotated[str | None, of_data(help="File of labels beside .npy features (.npy, .txt) or IDX images.")] = (
        None
    )
    no_standardise: Annotated[bool, of_data("--no-standardise", help="Leave features as they are.")] = False

    def open(self, *, weights: str | None = None, default: str = "iris", streamed: bool = False) -> Dataset:
        """The Dataset that the options name.

        Args:
          weights: column of sample weights, or None.
          default: its name where they name none.
          streamed: whether rows are read by blocks.

        Raises:
          ValueError: it cannot be read, or options contradict each other.
        """
        from softmax_jax.data import load_data, read_images

        if self.images is None:
            chosen: Any = {"target": self.target, "labels": self.labels, "weights": weights, "drop": self.drop or ()}
            return load_data(self.data or default, **chosen, **self.written(), streamed=streamed)
        if self.labels is None:
            raise ValueError("--images and --labels must be given together.")
        others = {"DATA": self.data, "--target": self.target, "--weights": weights}
        given = ", ".join(f"{name} {value}" for name, value in others.items() if value)
        if given:
            raise ValueError(f"DATA, --target and --weights are not for --images, got {given}.")
        return read_images(self.images, self.labels)


def takes(record: type[Record]) -> Callable[[Callable[[Record], int]], Callable[..., int]]:
    """Makes of a verb with one record what typer wants: a function with the fields of the record as parameters.

    Where NoCache is among them, the programs that the verb compiles are kept for the next run.
    """
    hints = get_type_hints(record, include_extras=True)
    fields = inspect.signature(record).parameters.values()

    def as_command(verb: Callable[[Record], int]) -> Callable[..., int]:
        @functools.wraps(verb)
        def command(**given: Any) -> int:
            if "no_cache" not in given:
                return verb(record(**given))
            with kept_programs(not given["no_cache"]):
                return verb(record(**given))

        command.__annotations__ = hints
        command.__signature__ = inspect.Signature([f.replace(annotation=hints[f.name]) for f in fields])  # type: ignore[attr-defined] # typer reads it
        return command

    return as_command


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


def place_for(out: Path) -> Path:
    """--out as a folder made now, or as a .safetensors file that can be written later."""
    is_file = out.suffix == MODEL and not out.is_dir()
    return file_for(out, "--out", MODEL) if is_file else folder_for(out, "--out")


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
