"""`softmax-jax fit`: the main job; its words and defaults are those of the Python API."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from softmax_jax.cli import options
from softmax_jax.cli.distributed import fit_over_processes, refuse_others
from softmax_jax.cli.messages import INTERRUPTED_BUT_SAVED, NOT_CONVERGED, say
from softmax_jax.cli.tables import print_table

_MODEL = ".safetensors"
_SEVERAL = "Several processes"


def fit(
    data: options.Data = "",
    target: options.Target = None,
    weights: options.Weights = None,
    drop: options.Drop = None,
    delimiter: options.Delimiter = None,
    header: options.Header = True,
    decimal: options.Decimal = ".",
    thousands: options.Thousands = None,
    images: options.Images = None,
    labels: options.Labels = None,
    test: Annotated[
        float, typer.Option(help="Fraction of the rows kept for the test.", rich_help_panel=options.DATA)
    ] = 0.2,
    no_standardise: options.NoStandardise = False,
    l2: options.L2 = 1e-4,
    solver: Annotated[
        options.SolverName,
        typer.Option(
            metavar="NAME",
            help="auto (by size), lbfgs, newton-cg, newton or sgd.",
            rich_help_panel=options.PROBLEM,
        ),
    ] = options.SolverName.auto,
    tol: options.Tol = 1e-6,
    max_iter: Annotated[int, typer.Option(help="Most iterations.", rich_help_panel=options.PROBLEM)] = 1000,
    eta: Annotated[
        float | None, typer.Option(help="Learning rate; selects gradient descent.", rich_help_panel=options.PROBLEM)
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data; selects it too.", rich_help_panel=options.PROBLEM)
    ] = None,
    minibatches: Annotated[
        int | None, typer.Option(help="Samples per update; selects it too.", rich_help_panel=options.PROBLEM)
    ] = None,
    seed: options.Seed = 0,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for pictures, numbers and the model; or a .safetensors file for the model.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = Path("softmax_jax_output"),
    report: Annotated[
        Path | None, typer.Option(help="Folder for a report in HTML.", rich_help_panel=options.OUTPUT)
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Folder to save the state to, and to resume from.", rich_help_panel=options.OUTPUT),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(help="Seconds from one checkpoint to the next.", rich_help_panel=options.OUTPUT),
    ] = None,
    distributed: Annotated[
        bool,
        typer.Option("--distributed", help="Share a folder of shards with other processes.", rich_help_panel=_SEVERAL),
    ] = False,
    coordinator: Annotated[
        str | None,
        typer.Option(help="host:port of process 0, where no scheduler tells.", rich_help_panel=_SEVERAL),
    ] = None,
    num_processes: Annotated[int | None, typer.Option(help="How many there are.", rich_help_panel=_SEVERAL)] = None,
    process_id: Annotated[int | None, typer.Option(help="Which one this is, from 0.", rich_help_panel=_SEVERAL)] = None,
    as_json: options.AsJson = False,
) -> int:
    """Fit softmax regression, check its gradient, and write pictures, numbers and the model to a folder.

    For example:

      softmax-jax fit iris

      softmax-jax fit table.csv --target species --l2 1e-3 --out model.safetensors

      softmax-jax fit digits --eta 0.1 --epochs 50 --minibatches 32

      softmax-jax fit features.npy --labels labels.npy

      srun softmax-jax fit shards/ --distributed --test 0 --no-standardise

    Exit code 0: converged, the gap is proven. 1: ran, not converged. 2: bad input. 130: interrupted.
    """
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.progress import ProgressLine
    from softmax_jax.runs.training import train
    from softmax_jax.solvers.hyperparameters import solver_record  # JAX loads here, so that --help stays quick

    record = solver_record(solver.value, eta=eta, epochs=epochs, minibatches=minibatches)
    join = (coordinator, num_processes, process_id)
    if distributed:
        refused = {"--target": target, "--weights": weights, "--drop": drop, "--delimiter": delimiter}
        refused |= {
            "--decimal": decimal != ".",
            "--thousands": thousands,
            "--images": images,
            "--labels": labels,
            "--report": report,
            "--checkpoint": checkpoint,
        }
        refuse_others(
            refused | {"--every": every, "--test (give 0)": test, "the scaling (--no-standardise)": not no_standardise}
        )
        shared = {"l2": l2, "solver": record, "tol": tol, "max_iter": max_iter, "seed": seed}
        return fit_over_processes(data, out, join, as_json=as_json, settings=shared)
    if any(value is not None for value in join):
        raise ValueError("--coordinator, --num-processes and --process-id belong to --distributed.")
    written = {"delimiter": delimiter, "header": header, "decimal": decimal, "thousands": thousands}
    dataset = options.open_data(data, images, labels, target=target, weights=weights, drop=drop, **written)
    writers = _writers(out, report)  # before the fit: its result must not be lost
    settings: dict[str, Any] = {"l2": l2, "solver": record, "tol": tol, "max_iter": max_iter}
    settings |= {"checkpoint": checkpoint, "every": every}
    try:
        with ProgressLine(tol, epochs=getattr(record, "epochs", None)) as line, _told_of_stopping(line, checkpoint):
            trained = train(dataset, test=test, standardise=not no_standardise, seed=seed, callback=line, **settings)
    except KeyboardInterrupt:  # a second one, or before the first step
        if checkpoint is None or not any(checkpoint.glob("*.safetensors")):
            raise
        say("interrupted", f"The state of the fit is in {checkpoint}; the same command goes on from there.")
        return INTERRUPTED_BUT_SAVED
    paths = [path for write in writers for path in write(trained)]
    if as_json:
        print(to_json(trained.summary))
    else:
        print_table([*_rows(trained.summary), ("written", "\n".join(map(str, paths)))])
    return _verdict(trained, checkpoint)


@contextmanager
def _told_of_stopping(line: Any, checkpoint: Path | None) -> Iterator[None]:
    """Within it Ctrl-C, which `fit` answers by certifying what it has reached, is also answered on the line.

    With a checkpoint, `fit` has a handler of its own, which would hand the signal on to this one.
    """
    if checkpoint is not None or threading.current_thread() is not threading.main_thread():
        yield  # signals belong to the main thread
        return

    def handle(number: int, frame: Any) -> None:
        line.stopping()
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _writers(out: Path, report: Path | None) -> list[Any]:
    """Functions from a run to the paths that they have written."""
    from softmax_jax.model_files.files import save
    from softmax_jax.runs.artifacts import fitted_model, write_run

    def write_model(trained: Any) -> list[Path]:
        save(fitted_model(trained), out)
        return [out]

    if out.suffix == _MODEL and not out.is_dir():
        options.file_for(out, "--out", _MODEL)
        writers: list[Any] = [write_model]
    else:
        folder = options.folder_for(out, "--out")
        writers = [lambda trained: write_run(trained, folder)]
    if report is not None:
        from softmax_jax.report.report import write_report

        page = options.folder_for(report, "--report") / "report.html"
        writers.append(lambda trained: [write_report(trained, page)])
    return writers


def _verdict(trained: Any, checkpoint: Path | None) -> int:
    """The exit code; what is not plain success is said in a line."""
    from softmax_jax.fitting.messages import advice

    result, settings = trained.result, trained.settings
    if result.status == "converged":
        return 0
    words = advice(result, solver=settings["solver"], l2=settings["l2"], tol=settings["tol"])
    if result.status != "interrupted":
        say("not converged", words)
        return NOT_CONVERGED
    resume = f"the same command goes on from {checkpoint}" if checkpoint else "--checkpoint FOLDER would let it resume"
    say("interrupted", f"{words} What was reached is written; {resume}.")
    return INTERRUPTED_BUT_SAVED


def _rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    gradient, test = summary["gradient"], summary["accuracy_test"]
    gap, unit = summary["duality_gap"], "epochs" if summary["solver"] == "SGD" else "iterations"
    shape = f"{summary['n_train']} x {summary['n_features']}, {summary['n_classes']} classes"
    tested = f", test {summary['n_test']} rows" if summary["n_test"] else ""
    return [
        ("data", f"{summary['data']}: train {shape}{tested}" + (", weighted" if summary["weighted"] else "")),
        *options.note_rows(summary["notes"]),
        ("cost", f"{summary['cost']:.8g} nats per sample (l2 = {summary['l2']:g})"),
        ("duality gap", f"{gap:.1e}" if math.isfinite(gap) else "none: l2 = 0 has no certificate"),
        ("status", f"{summary['status']} after {summary['n_iter']} {unit}, {summary['n_passes']} passes"),
        (
            "accuracy",
            f"train {summary['accuracy_train']:.4f}" + ("" if test is None else f", test {test:.4f}"),
        ),
        (
            "gradient",
            f"largest entry {gradient['largest_entry']:.1e}, "
            f"autodiff - closed form {gradient['autodiff_minus_closed_form']:.1e}",
        ),
        ("device, dtype", f"{summary['device']}, {summary['dtype']}"),
        ("time", f"{summary['fit_wall_s']:.2f} s for the fit, compilation included"),
    ]
