"""The command line: `softmax-jax fit iris`. Words and defaults are those of the Python API.

Exit code 0: converged, the duality gap is proven to be at most tol. 1: ran, not converged. 2: bad input, told
in one line.
"""

from __future__ import annotations

import enum
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from softmax_jax._version import __version__

BAD_INPUT, NOT_CONVERGED, INTERRUPTED = 2, 1, 130
_UsageError: Any = typer.BadParameter.__bases__[0]  # its own name is private in some versions of typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


class SolverName(enum.StrEnum):
    """What --solver takes."""

    auto = "auto"
    lbfgs = "lbfgs"
    newton_cg = "newton-cg"
    newton = "newton"
    sgd = "sgd"


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
      arguments: words after the name of the program; those of the process where not given.

    Returns:
      The exit code: 0, 1 (ran, not converged), 2 (bad input), 130 (interrupted).
    """
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: _say("warning", message)
        try:
            code = app(args=arguments, prog_name="softmax-jax", standalone_mode=False) or 0
        except _UsageError as error:
            code = _say("error", error.format_message())
        except (ValueError, OSError, ImportError, NotImplementedError) as error:
            code = _say("error", error)
        except typer.Abort:  # how some versions of typer tell of Ctrl-C; others return 130
            code = INTERRUPTED
    if code == INTERRUPTED:
        _say("error", "interrupted before anything was written")
    return code


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Softmax regression in JAX: the exact optimum, with a proof."""
    if version:
        print(__version__)
    elif context.invoked_subcommand is None:
        print(context.get_help())


@app.command("fit")
def _fit(
    data: Annotated[
        str,
        typer.Argument(help="iris, digits, wine, breast_cancer, or a .csv or .tsv file.", show_default="iris"),
    ] = "",
    target: Annotated[str | None, typer.Option(help="Column of labels in the file.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Character between the fields of the file.")] = None,
    header: Annotated[bool, typer.Option("--header/--no-header", help="Line 1 of the file has names.")] = True,
    images: Annotated[str | None, typer.Option(help="IDX file of images, plain or .gz, instead of DATA.")] = None,
    labels: Annotated[str | None, typer.Option(help="IDX file of their labels.")] = None,
    l2: Annotated[float, typer.Option(help="L2 strength, nats per squared weight.")] = 1e-4,
    solver: Annotated[SolverName, typer.Option(help="auto chooses by size.")] = SolverName.auto,
    tol: Annotated[float, typer.Option(help="Duality gap to prove, nats per sample.")] = 1e-6,
    max_iter: Annotated[int, typer.Option(help="Most iterations.")] = 1000,
    eta: Annotated[float | None, typer.Option(help="Learning rate; selects gradient descent.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data; selects gradient descent.")] = None,
    minibatches: Annotated[int | None, typer.Option(help="Samples per update; selects gradient descent.")] = None,
    seed: Annotated[int, typer.Option(help="Of the split and of gradient descent.")] = 0,
    test: Annotated[float, typer.Option(help="Fraction of the rows kept for the test.")] = 0.2,
    no_standardise: Annotated[bool, typer.Option("--no-standardise", help="Leave features as they are.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for pictures and numbers.")] = Path("softmax_jax_output"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> int:
    """Fit softmax regression, check its gradient, and write pictures and numbers to a folder.

    For example:

      softmax-jax fit iris

      softmax-jax fit table.csv --target species --l2 1e-3

      softmax-jax fit digits --eta 0.1 --epochs 50 --minibatches 32

    Exit code 0: converged, the gap is proven. 1: ran, not converged. 2: bad input.
    """
    from softmax_jax import training  # JAX and scikit-learn load here, so that --help stays quick
    from softmax_jax.advice import advice
    from softmax_jax.hyperparameters import solver_record

    record = solver_record(solver.value, eta=eta, epochs=epochs, minibatches=minibatches)
    dataset = _load(data, target, delimiter, header, images, labels)
    folder = _folder(out)  # before the fit: its result must not be lost
    with _progress(tol, getattr(record, "epochs", None)) as callback:
        trained = training.train(
            dataset,
            test=test,
            standardise=not no_standardise,
            seed=seed,
            l2=l2,
            solver=record,
            tol=tol,
            max_iter=max_iter,
            callback=callback,
        )
    paths = training.write_run(trained, folder)
    if as_json:
        print(training.to_json(trained.summary))
    else:
        _print_table(trained.summary, paths)
    if trained.result.status == "converged":
        return 0
    _say("not converged", advice(trained.result, solver=record, l2=l2, tol=tol))
    return NOT_CONVERGED


def _load(
    data: str, target: str | None, delimiter: str | None, header: bool, images: str | None, labels: str | None
) -> Any:
    from softmax_jax.data import load_data, read_images

    if (images is None) != (labels is None):
        raise ValueError("--images and --labels must be given together.")
    if images is None or labels is None:
        return load_data(data or "iris", target, delimiter=delimiter, header=header)
    if data or target:
        raise ValueError(f"DATA and --target are not for --images, got {data or target!r}.")
    return read_images(images, labels)


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--out must be a folder that can be made, got {out}: {error.strerror}.") from error
    return out


@contextmanager
def _progress(tol: float, epochs: int | None) -> Iterator[Callable[[Any], bool] | None]:
    """A live line on the terminal: cost, gap, passes per second; no callback where there is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("compiling", total=None)
        start, first_gap = time.perf_counter(), math.nan

        def follow(progress: Any) -> bool:
            nonlocal first_gap
            gap = progress.duality_gap
            first_gap = gap if math.isnan(first_gap) else first_gap
            per_s = progress.n_passes / (time.perf_counter() - start)
            words = f"{progress.n_iter} iterations" if epochs is None else f"epoch {progress.n_iter} of {epochs}"
            words += f"  J {progress.objective:.6f}"
            words += f"  gap {gap:.1e}, to reach {tol:.0e}" if math.isfinite(gap) else ""
            done = progress.n_iter / epochs if epochs else _fallen(first_gap, gap, tol)
            bar.update(task, description=f"{words}  {per_s:.0f} passes/s", completed=done, total=1)
            return False

        yield follow


def _fallen(first: float, gap: float, tol: float) -> float:
    """How much of its way from the first value to tol the gap has gone, in powers of ten."""
    if not (0 < tol < first < math.inf and 0 < gap < math.inf):
        return 0.0
    return min(1.0, max(0.0, math.log(first / gap) / math.log(first / tol)))


def _print_table(summary: dict[str, Any], paths: list[Path]) -> None:
    table = Table.grid(padding=(0, 3))
    for name, value in _rows(summary):
        table.add_row(Text(name, style="bold"), Text(value))
    table.add_row(Text("written", style="bold"), Text("\n".join(str(path) for path in paths)))
    Console(soft_wrap=True).print(table)


def _rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    gradient, test = summary["gradient"], summary["accuracy_test"]
    gap, unit = summary["duality_gap"], "epochs" if summary["solver"] == "SGD" else "iterations"
    shape = f"{summary['n_train']} x {summary['n_features']}, {summary['n_classes']} classes"
    tested = f", test {summary['n_test']} rows" if summary["n_test"] else ""
    return [
        ("data", f"{summary['data']}: train {shape}{tested}"),
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


def _say(kind: str, message: Any) -> int:
    """One line on stderr, whatever the message; returns the exit code of bad input."""
    line = " ".join(str(message).split())
    print(f"softmax-jax: {kind}: {line}", file=sys.stderr)
    return BAD_INPUT
