"""What probe takes: features, validation and test rows, the protocol and its grid."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from softmax_jax.cli import options

if TYPE_CHECKING:
    from softmax_jax.data import Dataset

TEST = 0.2  # of the rows, where nothing is said of the test


class PresetName(enum.StrEnum):
    """What --preset takes."""

    clip = "clip"
    dinov2 = "dinov2"
    simclr = "simclr"


class PruneRule(enum.StrEnum):
    """What --prune takes."""

    proof = "proof"
    validation = "validation"


@dataclass(frozen=True, kw_only=True)
class ProbeOptions(options.Source):
    """What probe takes."""

    normalise: Annotated[bool, options.of_data("--normalise", help="Scale every row to unit length first.")] = False
    val: Annotated[str | None, options.of_data(help="Validation rows, as DATA; else 10 % of DATA.")] = None
    val_labels: Annotated[str | None, options.of_data(help="File of labels of --val.")] = None
    folds: Annotated[int | None, options.of_data(help="Score on so many folds instead of validation rows.")] = None
    test: Annotated[
        float | None, options.of_data(help="Fraction of DATA kept for the test.", show_default=str(TEST))
    ] = None
    test_file: Annotated[str | None, options.of_data(help="Test rows, as DATA, instead of a fraction.")] = None
    test_labels: Annotated[str | None, options.of_data(help="File of labels of --test-file.")] = None
    preset: Annotated[PresetName, options.of_problem(metavar="NAME", help="clip, dinov2 or simclr.")] = PresetName.clip
    l2_grid: Annotated[
        str | None,
        options.of_problem(metavar="FROM:TO:COUNT", help="Strengths as l2, or such as 1e-3,1e-2; not the preset's."),
    ] = None
    tol: options.Tol = 1e-6
    max_iter: Annotated[int, options.of_problem(help="Most iterations of a fit.")] = 1000
    prune: Annotated[
        PruneRule | None,
        options.of_problem(metavar="RULE", help="proof or validation: give up strengths that cannot win."),
    ] = None
    seed: options.Seed = 0
    no_cache: options.NoCache = False
    out: Annotated[Path, options.of_output(help="Folder for picture, numbers and the model.")] = Path(
        "softmax_jax_output"
    )
    report: Annotated[Path | None, options.of_output(help="Folder for a report in HTML.")] = None
    checkpoint: Annotated[Path | None, options.of_output(help="Folder to keep every fit in, and to resume from.")] = (
        None
    )
    as_json: options.AsJson = False

    def settings(self) -> dict[str, Any]:
        """The arguments of `linear_probe`.

        Raises:
          ValueError: options that do not go together.
        """
        if self.folds is not None and self.val is not None:
            raise ValueError("--folds stands in place of --val; give one of them.")
        return {
            "preset": self.preset.value,
            "l2_values": None if self.l2_grid is None else strengths(self.l2_grid),
            "folds": self.folds,
            "standardise": not self.no_standardise,
            "normalise": self.normalise,
            "tol": self.tol,
            "max_iter": self.max_iter,
            "prune": None if self.prune is None else self.prune.value,
            "checkpoint": self.checkpoint,
        }

    def test_share(self) -> float:
        """The fraction of the rows for the test.

        Raises:
          ValueError: there is a file of test rows, too.
        """
        if self.test_file is not None and self.test:
            raise ValueError("--test-file stands in place of --test; give one of them.")
        return 0.0 if self.test_file is not None else TEST if self.test is None else self.test

    def open_all(self) -> tuple[Dataset, Dataset | None, Dataset | None]:
        """DATA, the validation rows and the test rows, the latter two where they are files of their own."""
        self.test_share()
        return (
            self.open(),
            self._beside(self.val, self.val_labels, "--val", "--val-labels"),
            self._beside(self.test_file, self.test_labels, "--test-file", "--test-labels"),
        )

    def _beside(self, source: str | None, labels: str | None, name: str, name_of_labels: str) -> Dataset | None:
        if source is not None:
            return replace(self, data=source, images=None, labels=labels).open()
        if labels is not None:
            raise ValueError(f"{name_of_labels} belongs to {name}; give both.")
        return None


def strengths(words: str) -> list[float]:
    """The strengths that --l2-grid names: FROM:TO:COUNT, evenly spaced in log l2, or a list with commas.

    Raises:
      ValueError: it is neither.
    """
    wrong = f"--l2-grid must be such as 1e-6:10:15 (from, to, how many) or 1e-3,1e-2, above 0, got {words!r}."
    try:
        if ":" in words:
            low, high, count = words.split(":")
            return _between(float(low), float(high), int(count))
        found = [float(word) for word in words.split(",")]
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise ValueError(wrong) from error
    if not all(0 < value < float("inf") for value in found):
        raise ValueError(wrong)
    return found


def _between(low: float, high: float, count: int) -> list[float]:
    if not (0 < low < high < float("inf") and 2 <= count <= 1000):
        raise ValueError
    return [low * (high / low) ** (i / (count - 1)) for i in range(count)]
