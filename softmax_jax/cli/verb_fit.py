"""`softmax-jax fit`: the main job; its words and defaults are those of the Python API."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softmax_jax.cli import options
from softmax_jax.cli.ctrl_c import CtrlC
from softmax_jax.cli.distributed import fit_over_processes
from softmax_jax.cli.fit_options import FitOptions
from softmax_jax.cli.settings import write_settings
from softmax_jax.cli.terminal import INTERRUPTED_BUT_SAVED, print_facts, say, say_before, verdict

if TYPE_CHECKING:
    from softmax_jax.runs.painter import Painter
    from softmax_jax.runs.summary import TrainingRun


@options.takes(FitOptions)
def fit(given: FitOptions) -> int:
    """Fit softmax regression, check its gradient, and write pictures, numbers and the model to a folder.

    For example:

      softmax-jax fit iris

      softmax-jax fit table.csv --target species --l2 1e-3 --out model.safetensors

      softmax-jax fit digits --l1 0.01 --group features

      softmax-jax fit digits --eta 0.1 --epochs 50 --minibatches 32

      softmax-jax fit features.npy --labels labels.npy

      srun softmax-jax fit shards/ --distributed --test 0 --no-standardise

    Exit code 0: converged, the gap is proven. 1: ran, not converged. 2: bad input. 130: interrupted.
    """
    from softmax_jax.runs.painter import Painter

    with Painter(beside=not given.distributed and given.out.suffix != options.MODEL) as painter:
        return _fit(given, painter)


def _fit(given: FitOptions, painter: Painter) -> int:
    from softmax_jax.fitting.sparse_solver import record_for  # slow, with all that it imports
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.summary import data_warnings_of, outcome, told, tuning_hint

    given.join()  # refuses options that do not go together
    of_descent = {name: getattr(given, name) for name in ("eta", "epochs", "minibatches")}
    penalty, record = given.penalty(), record_for(given.solver.value, given.l1, **of_descent)
    settings = {name: getattr(given, name) for name in ("l2", "tol", "max_iter", "seed")} | {"solver": record}
    settings |= {} if given.distributed else penalty
    try:
        if given.distributed:
            run, written = fit_over_processes(given, settings)
        else:
            run, written = _fit_alone(given, settings, painter)
            if isinstance(written, Path):
                return _told_of_model(run, written)
    except KeyboardInterrupt:  # a second one, or before the first step
        if given.checkpoint is None or not any(given.checkpoint.glob("*.safetensors")):
            raise
        say("interrupted", f"The state of the fit is in {given.checkpoint}; the same command goes on from there.")
        return INTERRUPTED_BUT_SAVED
    if written:
        written.append(write_settings(given, given.out, "fit"))
    if written and given.as_json:
        print(to_json(run.summary))
    elif written:
        print_facts({**told(run.summary), "written": written})
    for words in data_warnings_of(run) if written and not given.distributed else ():
        say("note", words)
    if written and (hint := tuning_hint(run.summary)):
        say("note", hint)
    words = outcome(run)
    if run.result.status == "interrupted":
        resume = f"the same command goes on from {given.checkpoint}" if given.checkpoint else ""
        resume = resume or "--checkpoint FOLDER would let it resume"
        words += f" What was reached is written{'' if given.distributed else '; ' + resume}."
    return verdict(run.result.status, words, aloud=bool(written))


def _fit_alone(given: FitOptions, settings: dict[str, Any], painter: Painter) -> tuple[TrainingRun, list[Path] | Path]:
    """The run, and what it has written; the path of the model alone where Ctrl-C ended what comes after it."""
    from softmax_jax.runs.artifacts import write_fitted, write_run
    from softmax_jax.runs.progress import ProgressLine
    from softmax_jax.runs.training import train
    from softmax_jax.storage.before import fit_before

    dataset = given.open(weights=given.weights, streamed=given.streamed())
    out, reports = options.place_for(given.out), []  # before the fit: its result must not be lost
    if given.report is not None:
        from softmax_jax.report.report import write_report

        page = options.folder_for(given.report, "--report") / "report.html"
        reports = [functools.partial(write_report, path=page)]
    settings |= {"checkpoint": given.checkpoint, "every": given.every}
    settings |= {"test": given.test, "standardise": not given.no_standardise}
    epochs = getattr(settings["solver"], "epochs", None)
    say_before(fit_before(given.checkpoint))
    with ProgressLine(given.tol, epochs=epochs) as line, CtrlC(line) as pressed:
        keep = functools.partial(pressed.keep, functools.partial(write_fitted, out=out))
        try:
            run = train(dataset, callback=pressed, fitted=keep, **settings)
            written = write_run(run, out, painter.draw, model=pressed.model)
            return run, [*written, *(write(run) for write in reports)]
        except KeyboardInterrupt:
            if pressed.model is None or pressed.run is None:
                raise
            return pressed.run, pressed.model


def _told_of_model(run: TrainingRun, model: Path) -> int:
    """Say that there is the model alone, and how its fit ended."""
    r = run.result
    ended = f"{r.status!r} after {r.n_iter} iterations with a gap of {r.duality_gap:.1e}"
    say("interrupted", f"The model is written to {model} ({ended}); numbers and pictures may be missing.")
    return INTERRUPTED_BUT_SAVED
