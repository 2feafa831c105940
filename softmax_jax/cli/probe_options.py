"""What probe takes: features, validation and test rows, the protocol and its grid."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from softmax_jax.cli import options
from softmax_jax.cli.settings import FromConfig
from softmax_jax.cli.words import spoken

if TYPE_CHECKING:
    from softmax_jax.data import Dataset

Sources = Annotated[list[str] | None, typer.Argument(help=f"One or several of: {options.FORMS}", show_default="iris")]
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

    data: Sources = None  # type: ignore[assignment] # several, where other verbs take one
    normalise: Annotated[bool, options.of_data("--normalise", help="Scale every row to unit length first.")] = False
    stream: options.Stream = None
    val: Annotated[str | None, options.of_data(help="Validation rows, as DATA; else 10 % of DATA.")] = None
    val_labels: Annotated[str | None, options.of_data(help="File of labels of --val.")] = None
    folds: Annotated[int | None, options.of_data(help="Score on so many folds instead of validation rows.")] = None
    test: Annotated[
        float | None, options.of_data(help="Fraction of DATA kept for the test.", show_default=str(TEST))
    ] = None
    test_file: Annotated[
        list[str] | None, options.of_data(help="Test rows, as DATA, instead of a fraction; once for each DATA.")
    ] = None
    test_labels: Annotated[str | None, options.of_data(help="File of labels of --test-file.")] = None
    preset: Annotated[PresetName, options.of_problem(metavar="NAME", help="clip, dinov2 or simclr.")] = PresetName.clip
    l2_grid: Annotated[
        str | None,
        options.of_problem(metavar="FROM:TO:COUNT", help="Values of l2, or such as 1e-3,1e-2; not the preset's."),
    ] = None
    sparse: Annotated[
        int | None, options.of_problem(metavar="N", help="Use at most N features, by an l1 penalty; not by a preset.")
    ] = None
    tol: options.Tol = 1e-6
    max_iter: Annotated[int, options.of_problem(help="Most iterations of a fit.")] = 1000
    prune: Annotated[
        PruneRule | None,
        options.of_problem(metavar="RULE", help="proof or validation: give up penalties that cannot win."),
    ] = None
    seed: options.Seed = 0
    seeds: Annotated[int, options.of_several(help="Splits of DATA, from --seed on.")] = 1
    shots: Annotated[
        str | None, options.of_several(metavar="1,2,4", help="Few-shot curves: labelled rows of each class.")
    ] = None
    no_cache: options.NoCache = False
    out: Annotated[Path, options.of_output(help="Folder for picture, numbers and the model.")] = Path(
        "softmax-jax-probe"
    )
    report: Annotated[Path | None, options.of_output(help="Folder for a report in HTML.")] = None
    checkpoint: Annotated[Path | None, options.of_output(help="Folder to keep every fit in, and to resume from.")] = (
        None
    )
    as_json: options.AsJson = False
    from_config: FromConfig = None

    @property
    def sources(self) -> list[str]:
        """DATA, one or several."""
        return list(self.data or []) or [""]

    @property
    def is_several(self) -> bool:
        """Whether this is a comparison, or few-shot curves."""
        return len(self.sources) > 1 or self.seeds > 1 or self.shots is not None

    def streamed(self) -> dict[str, bool]:
        """Whether the rows of each are read by blocks: DATA, --val and --test-file.

        Raises:
          ValueError: another option needs them in memory.
        """
        from softmax_jax.runs.streaming import are_streamed

        if self.stream and self.images is not None:
            raise ValueError("--stream is not for --images, which are read whole; leave it out.")
        tuned = [source or "iris" for source in (*self.sources, *([self.val] if self.val else []))]
        sources = [*tuned, *(self.test_file or [])]
        found = dict.fromkeys(sources, False) if self.images is not None else are_streamed(sources, self.stream)
        if any(found[source] for source in tuned) and self.prune is PruneRule.proof:
            raise ValueError("--prune proof needs all rows in memory, and they are read by blocks: give --no-stream.")
        return found

    def several(self) -> dict[str, Any]:
        """The arguments of `probe_several` beside those of `settings`.

        Raises:
          ValueError: options that belong to one set of features.
        """
        alone = {
            "--stream": self.stream,
            "--val": self.val,
            "--val-labels": self.val_labels,
            "--report": self.report,
            "--images": self.images,
        }
        if given := [name for name, value in alone.items() if value]:
            raise ValueError(f"{given[0]} is for one DATA, one seed and no --shots.")
        if self.shots is not None and self.folds is not None:
            raise ValueError("--shots draws validation rows of its own; leave out --folds.")
        if self.seeds < 1:
            raise ValueError(f"--seeds must be at least 1, got {self.seeds}.")
        counts = None if self.shots is None else shots_of(self.shots)
        found: dict[str, Any] = {"seeds": list(range(self.seed, self.seed + self.seeds)), "shots": counts}
        return found if self.test_file else {**found, "test": self.test_share()}

    def open_several(self) -> tuple[list[Dataset], list[Dataset] | None]:
        """Each DATA, and the test rows of each where they are files of their own."""
        data = [self._open(source, self.labels) for source in self.sources]
        self.test_share()
        if not self.test_file:
            return data, None
        if len(self.test_file) != len(data):
            got = f"{len(self.test_file)} for {len(data)}"
            raise ValueError(f"--test-file must be given once for each DATA, got {got}.")
        return data, [self._open(source, self.test_labels) for source in self.test_file]

    def settings(self) -> dict[str, Any]:
        """The arguments of `linear_probe`.

        Raises:
          ValueError: options that do not go together.
        """
        if self.folds is not None and self.val is not None:
            raise ValueError("--folds stands in place of --val; give one of them.")
        along_l2 = {"--l2-grid": self.l2_grid, "--folds": self.folds, "--prune": self.prune, "--shots": self.shots}
        if self.sparse is not None and (given := [name for name, value in along_l2.items() if value is not None]):
            raise ValueError(f"{given[0]} is for probes along l2, and --sparse for one along l1; give one of them.")
        return {
            "preset": self.preset.value,
            "l2_values": None if self.l2_grid is None else strengths(self.l2_grid),
            "folds": self.folds,
            "standardise": not self.no_standardise,
            "normalise": self.normalise,
            "tol": self.tol,
            "max_iter": self.max_iter,
            "prune": None if self.prune is None else self.prune.value,
            **({} if self.sparse is None else {"sparse": self.sparse}),
            "checkpoint": self.checkpoint,
        }

    def test_share(self) -> float:
        """The fraction of the rows for the test.

        Raises:
          ValueError: there is a file of test rows, too.
        """
        if self.test_file and self.test:
            raise ValueError("--test-file stands in place of --test; give one of them.")
        return 0.0 if self.test_file else TEST if self.test is None else self.test

    def open_all(self) -> tuple[Dataset, Dataset | None, Dataset | None]:
        """DATA, the validation rows and the test rows, the latter two where they are files of their own."""
        self.test_share()
        test = self.test_file[0] if self.test_file else None
        if len(self.test_file or ()) > 1:
            raise ValueError(f"--test-file must be given once for each DATA, got {len(self.test_file or ())} for 1.")
        streamed, data = self.streamed(), self.sources[0]
        return (
            replace(self, data=data).open(streamed=streamed[data or "iris"]),  # type: ignore[arg-type] # as one
            self._beside(self.val, self.val_labels, "--val", "--val-labels", streamed),
            self._beside(test, self.test_labels, "--test-file", "--test-labels", streamed),
        )

    def _open(self, source: str, labels: str | None, streamed: bool = False) -> Dataset:
        one = replace(self, data=source, images=None, labels=labels)  # type: ignore[arg-type] # as one
        return one.open(streamed=streamed)

    def _beside(
        self, source: str | None, labels: str | None, name: str, name_of_labels: str, streamed: dict[str, bool]
    ) -> Dataset | None:
        if source is not None:
            with spoken(labels=name_of_labels):
                return self._open(source, labels, streamed[source])
        if labels is not None:
            raise ValueError(f"{name_of_labels} belongs to {name}; give both.")
        return None


def shots_of(words: str) -> list[int]:
    """The numbers that --shots lists.

    Raises:
      ValueError: they are no different numbers above 0.
    """
    try:
        found = [int(word) for word in words.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1 or len(set(found)) < len(found):
        raise ValueError(f"--shots must be such as 1,2,4,8,16, different numbers above 0, got {words!r}.")
    return found


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
