"""What `softmax-jax fit --distributed` does: the same words on every process, of which the first one speaks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softmax_jax.cli import options
from softmax_jax.cli.fit_options import FitOptions

if TYPE_CHECKING:
    from softmax_jax.runs.summary import TrainingRun


def fit_over_processes(given: FitOptions, settings: dict[str, Any]) -> tuple[TrainingRun, list[Path]]:
    """Join the other processes, fit, and write on process 0.

    Args:
      given: the options.
      settings: l2, solver, tol, max_iter and seed.

    Returns:
      The run, and what this process has written: nothing on any but the first.

    Raises:
      ValueError: bad input, or no process to join.
    """
    _join(given)
    import jax

    from softmax_jax.distributed.agreement import together
    from softmax_jax.runs.artifacts import write_model
    from softmax_jax.runs.distributed import train_distributed
    from softmax_jax.runs.progress import ProgressLine

    folder, first = Path(given.data), jax.process_index() == 0
    with _stdout_for_us():
        together(lambda: options.place_for(given.out) if first else None)  # before the work: it must not be lost
        if first:
            with ProgressLine(given.tol) as line:
                run = train_distributed(folder, callback=line, **settings)
        else:
            run = train_distributed(folder, **settings)
        return run, together(lambda: write_model(run, given.out) if first else [])


def _join(given: FitOptions) -> None:
    from softmax_jax.distributed.fitting import initialise

    try:
        initialise(*given.join())
    except RuntimeError as error:
        raise ValueError(f"--distributed cannot join the other processes: {error}") from error
    except ValueError as error:
        words = (
            "--distributed finds no scheduler (SLURM, Open MPI, TPU); give --coordinator, --num-processes, --process-id"
        )
        raise ValueError(f"{words}. JAX says: {error}") from error


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
