"""What fit takes, and what of it several processes together cannot follow."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from softmax_jax.cli import options
from softmax_jax.cli.settings import FromConfig
from softmax_jax.solvers.names import SOLVERS

of_several = functools.partial(typer.Option, rich_help_panel="Several processes")


_IN_MEMORY = ("newton", "sgd")  # solvers that take rows in another order than that in which they are stored


class Group(enum.StrEnum):
    """What --group takes."""

    features = "features"


if TYPE_CHECKING:
    SolverName = enum.StrEnum
else:
    SolverName = enum.StrEnum("SolverName", {name: name for name in SOLVERS})


@dataclass(frozen=True, kw_only=True)
class FitOptions(options.Source):
    """What fit takes."""

    weights: options.Weights = None
    stream: options.Stream = None
    test: Annotated[float, options.of_data(help="Fraction of the rows kept for the test.")] = 0.2
    l2: options.L2 = 1e-4
    l1: options.L1 = 0.0
    group: Annotated[
        Group | None, options.of_problem(metavar="features", help="With --l1: a feature is kept or dropped as a whole.")
    ] = None
    solver: Annotated[
        SolverName, options.of_problem(metavar="NAME", help=f"One of {', '.join(SOLVERS)}; auto is by size.")
    ] = SolverName("auto")
    tol: options.Tol = 1e-6
    max_iter: Annotated[int, options.of_problem(help="Most iterations.")] = 1000
    eta: Annotated[float | None, options.of_problem(help="Learning rate; selects gradient descent.")] = None
    epochs: Annotated[int | None, options.of_problem(help="Times that all rows are used; selects it too.")] = None
    minibatches: Annotated[int | None, options.of_problem(help="Samples per update; selects it too.")] = None
    seed: options.Seed = 0
    no_cache: options.NoCache = False
    out: Annotated[
        Path,
        options.of_output(help="Folder for pictures, numbers and the model; or a .safetensors file for the model."),
    ] = Path("softmax-jax-fit")
    report: Annotated[Path | None, options.of_output(help="Folder for a report in HTML.")] = None
    checkpoint: Annotated[Path | None, options.of_output(help="Folder to save the state to, and to resume from.")] = (
        None
    )
    every: Annotated[float | None, options.of_output(help="Seconds from one checkpoint to the next.")] = None
    as_json: options.AsJson = False
    from_config: FromConfig = None
    distributed: Annotated[bool, of_several("--distributed", help="Share a folder of shards with other processes.")] = (
        False
    )
    coordinator: Annotated[str | None, of_several(help="host:port of process 0, where no scheduler tells.")] = None
    num_processes: Annotated[int | None, of_several(help="How many there are.")] = None
    process_id: Annotated[int | None, of_several(help="Which one this is, from 0.")] = None

    def penalty(self) -> dict[str, Any]:
        """The arguments of `fit` that say it.

        Raises:
          ValueError: --group without --l1.
        """
        if self.group is not None and not self.l1:
            raise ValueError("--group says how --l1 counts weights; give --l1, too.")
        return {"l2": self.l2, "l1": self.l1, "group": None if self.group is None else self.group.value}

    def streamed(self) -> bool:
        """Whether rows are read by blocks.

        Raises:
          ValueError: another option needs them in memory.
        """
        from softmax_jax.runs.streaming import is_streamed

        found = self.images is None and is_streamed(self.data or "iris", self.stream)
        if self.images is not None and self.stream:
            raise ValueError("--stream is not for --images, which are read whole; leave it out.")
        descent = any(value is not None for value in (self.eta, self.epochs, self.minibatches))
        if found and (descent or self.solver.value in _IN_MEMORY):
            name = "--eta, --epochs, --minibatches" if descent else f"--solver {self.solver.value}"
            raise ValueError(
                f"{name} needs all rows in memory, and they are read by blocks: give --no-stream, or a solver that "
                "needs no order of rows: auto, lbfgs or newton-cg."
            )
        return found

    def join(self) -> tuple[str | None, int | None, int | None]:
        """Address of process 0, number of processes, index of this one; all None where JAX finds them itself.

        Raises:
          ValueError: options are given that do not go together.
        """
        join = (self.coordinator, self.num_processes, self.process_id)
        missing = {value is None for value in join}
        if not self.distributed and missing != {True}:
            raise ValueError("--coordinator, --num-processes and --process-id belong to --distributed.")
        if not self.distributed:
            return join
        names = [name for name, value in self._of_one_process().items() if value]
        if names:
            raise ValueError(
                f"--distributed fits all rows of a folder of shards as they are; leave out {', '.join(names)}."
            )
        if len(missing) > 1:
            raise ValueError("--coordinator, --num-processes and --process-id must be given together, or none of them.")
        return join

    def _of_one_process(self) -> dict[str, object]:
        """The options that only one process alone can follow: name -> what was given, or something false."""
        names = ("target", "weights", "drop", "delimiter", "thousands", "images", "labels")
        return {f"--{name}": getattr(self, name) for name in (*names, "report", "checkpoint", "every")} | {
            "--decimal": self.decimal != ".",
            "--stream": self.stream,
            "--l1": self.l1,
            "--group": self.group,
            "--test (give 0)": self.test,
            "the scaling (--no-standardise)": not self.no_standardise,
        }
