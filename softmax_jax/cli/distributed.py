"""What `softmax-jax fit --distributed` does: the same words on every process, of which the first one speaks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from softmax_jax.cli import options
from softmax_jax.cli.messages import INTERRUPTED_BUT_SAVED, NOT_CONVERGED, say
from softmax_jax.cli.tables import print_table


def refuse_others(given: dict[str, Any]) -> None:
    """Raise for options that only one process alone can follow.

    Args:
      given: option -> what the user gave, or something false.

    Raises:
      ValueError: one was given.
    """
    names = [name for name, value in given.items() if value]
    if names:
        raise ValueError(
            f"--distributed fits all rows of a folder of shards as they are; leave out {', '.join(names)}."
        )


def fit_over_processes(
    data: str, out: Path, join: tuple[str | None, int | None, int | None], *, as_json: bool, settings: dict[str, Any]
) -> int:
    """Join the other processes, fit, and write and print on process 0.

    Args:
      data: a folder of shards.
      out: folder, or .safetensors file.
      join: address of process 0, number of processes, index of this one; all None where JAX finds them itself.
      as_json: whether to print JSON.
      settings: l2, solver, tol, max_iter and seed.

    Returns:
      The exit code, the same on every process.

    Raises:
      ValueError: bad input, or no process to join.
    """
    if len({value is None for value in join}) > 1:
        raise ValueError("--coordinator, --num-processes and --process-id must be given together, or none of them.")
    from softmax_jax.distributed.fitting import initialise

    try:
        initialise(*join)
    except RuntimeError as error:
        raise ValueError(f"--distributed cannot join the other processes: {error}") from error
    except ValueError as error:
        words = (
            "--distributed finds no scheduler (SLURM, Open MPI, TPU); give --coordinator, --num-processes, --process-id"
        )
        raise ValueError(f"{words}. JAX says: {error}") from error
    return _run(data, out, as_json, settings)


def _run(data: str, out: Path, as_json: bool, settings: dict[str, Any]) -> int:
    import jax

    from softmax_jax.runs.artifacts import to_json

    first = jax.process_index() == 0
    with _stdout_for_us():
        run, written = _fitted(Path(data), out, first, settings)
    if first and as_json:
        print(to_json(run.summary))
    elif first:
        print_table([*_rows(run.summary), ("written", "\n".join(map(str, written)))])
    return _verdict(run.summary, first)


def _fitted(folder: Path, out: Path, first: bool, settings: dict[str, Any]) -> tuple[Any, list[Path]]:
    """The run, and what the first process has written."""
    from softmax_jax.distributed.agreement import together
    from softmax_jax.runs.distributed import train_distributed, write_distributed
    from softmax_jax.runs.progress import ProgressLine

    together(lambda: _prepare(out) if first else None)  # before the work, whose result must not be lost
    if first:
        with ProgressLine(settings["tol"]) as line:
            run = train_distributed(folder, callback=line, **settings)
    else:
        run = train_distributed(folder, **settings)
    return run, together(lambda: write_distributed(run, out) if first else [])


@contextmanager
def _stdout_for_us() -> Iterator[None]:
    """Within it what libraries print goes to stderr: gloo tells of its connections on stdout, which may be JSON."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _prepare(out: Path) -> None:
    if out.suffix == ".safetensors" and not out.is_dir():
        options.file_for(out, "--out", ".safetensors")
    else:
        options.folder_for(out, "--out")


def _rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    processes = f"{summary['n_processes']} processes, {summary['n_devices']} devices"
    shape = f"{summary['n_train']} x {summary['n_features']}, {summary['n_classes']} classes"
    return [
        ("data", f"{summary['data']}: train {shape}, shared by {processes}"),
        *options.note_rows(summary["notes"]),
        ("cost", f"{summary['cost']:.8g} nats per sample (l2 = {summary['l2']:g})"),
        ("duality gap", f"{summary['duality_gap']:.1e}"),
        ("status", f"{summary['status']} after {summary['n_iter']} iterations, {summary['n_passes']} passes"),
        ("accuracy", f"train {summary['accuracy_train']:.4f}"),
        ("device, dtype", f"{summary['device']}, {summary['dtype']}"),
        ("time", f"{summary['fit_wall_s']:.2f} s for the fit, compilation included"),
    ]


def _verdict(summary: dict[str, Any], first: bool) -> int:
    """The exit code; what is not plain success is said in a line by the first process."""
    if summary["status"] == "converged":
        return 0
    if summary["status"] == "interrupted":
        if first:
            say("interrupted", "What was reached is written.")
        return INTERRUPTED_BUT_SAVED
    if first:
        say("not converged", f"status {summary['status']}; raise --max-iter or --tol.")
    return NOT_CONVERGED
