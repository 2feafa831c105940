"""`softmax-jax bench`: this library against scikit-learn, on the user's own data and machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from softmax_jax.cli import options
from softmax_jax.cli.messages import NOT_CONVERGED, say
from softmax_jax.cli.tables import print_table


def bench(
    data: Annotated[str, typer.Argument(help="As for fit.", show_default="digits")] = "",
    target: options.Target = None,
    drop: options.Drop = None,
    delimiter: options.Delimiter = None,
    header: options.Header = True,
    decimal: options.Decimal = ".",
    thousands: options.Thousands = None,
    images: options.Images = None,
    labels: options.Labels = None,
    no_standardise: options.NoStandardise = False,
    l2: options.L2 = 1e-4,
    tol: Annotated[
        float,
        typer.Option(help="Distance to the optimum to reach, nats per sample.", rich_help_panel=options.PROBLEM),
    ] = 1e-6,
    limit: Annotated[float, typer.Option(help="Seconds for each contestant.", rich_help_panel=options.PROBLEM)] = 20.0,
    out: Annotated[
        Path, typer.Option(help="Folder for the picture and the numbers.", rich_help_panel=options.OUTPUT)
    ] = Path("softmax_jax_bench"),
    as_json: options.AsJson = False,
) -> int:
    """Race this library against scikit-learn: the time until J is within --tol of the optimum, by one judge for all.

    For example:

      softmax-jax bench digits --limit 10

    Exit code 0: softmax_jax got there. 1: it did not. 2: bad input.
    """
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.benchmark import race
    from softmax_jax.runs.splitting import split_rows

    dataset = options.open_data(
        data or ("" if images else "digits"),
        images,
        labels,
        target=target,
        weights=None,
        drop=drop,
        delimiter=delimiter,
        header=header,
        decimal=decimal,
        thousands=thousands,
    )
    folder = options.folder_for(out, "--out")
    split = split_rows(dataset, test=0, standardise=not no_standardise, seed=0)
    with _status() as watch:
        found = race(split.X_train, split.y_train, l2=l2, gap=tol, limit_s=limit, watch=watch)
    (n, m), k = split.X_train.shape, len(set(dataset.y.tolist()))
    problem = {"data": dataset.name, "n": n, "m": m, "k": k, "dtype": split.X_train.dtype.name, "l2": l2, "gap": tol}
    entries = [entry._asdict() | {"runs": [run._asdict() for run in entry.runs]} for entry in found.entries]
    defaults = {name: run._asdict() for name, run in found.defaults.items()}
    problem["notes"] = list(dataset.notes)
    numbers = to_json({**problem, "optimum": found.optimum, "entries": entries, "defaults": defaults})
    paths = [folder / "bench.png", folder / "bench.json"]
    _draw(found, tol, f"{dataset.name}: {n} x {m}, {k} classes, l2 = {l2:g}, {problem['dtype']}", paths[0])
    paths[1].write_text(numbers + "\n", encoding="utf-8")
    if as_json:
        print(numbers)
    else:
        _print(found, problem, paths)
    if found.entries[0].wall_s is not None:
        return 0
    say("not converged", f"{found.entries[0].name}: {found.entries[0].note}. Raise --limit, --tol or --l2.")
    return NOT_CONVERGED


def _status() -> Any:
    """A context whose value shows a line with the name of who is running, where there is a terminal."""
    from contextlib import contextmanager

    from rich.console import Console

    @contextmanager
    def shown() -> Any:
        console = Console(stderr=True)
        if not console.is_terminal:
            yield lambda name: None
            return
        with console.status("") as status:
            yield lambda name: status.update(f"running: {name}")

    return shown()


def _print(found: Any, problem: dict[str, Any], paths: list[Path]) -> None:
    gap = problem["gap"]
    print("{data}: {n} x {m}, {k} classes, {dtype}, l2 = {l2:g}".format(**problem))
    for note in problem["notes"]:
        print(note)
    print(f"wall time until J is proven to be within {gap:.0e} of the optimum, nats per sample")
    rows = []
    for entry in found.entries:
        iterations = [run.max_iter for run in entry.runs if run.wall_s == entry.wall_s]
        least = f"{min(run.gap for run in entry.runs):.1e}" if entry.runs else "-"
        warm = "-" if entry.wall_s is None else f"{entry.wall_s:.3f} s"
        first = f"{entry.first_s:.2f} s" if entry.runs else "-"
        rows.append((entry.name, warm, str(iterations[0]) if iterations else "-", least, first, entry.note))
    print_table(rows, ("solver", "time, warm", "iterations", "least gap", "first run", ""))
    for name, run in found.defaults.items():
        print(f"{name} at its defaults: {run.wall_s:.3f} s, {run.max_iter} iterations, ends at a gap of {run.gap:.1e}")
    print(_ratio(found))
    print(f"written: {', '.join(map(str, paths))}")


def _ratio(found: Any) -> str:
    """The fastest of either library against each other."""
    fastest = {
        side: min(
            (e for e in found.entries if e.name.startswith(side) and e.wall_s), key=lambda e: e.wall_s, default=None
        )
        for side in ("softmax_jax", "scikit-learn")
    }
    ours, theirs = found.entries[0], fastest["scikit-learn"]
    if ours.wall_s is None or theirs is None:
        return "no ratio: " + ("scikit-learn did not get there" if theirs is None else f"{ours.name} did not get there")
    ratio = theirs.wall_s / ours.wall_s
    words = f"{ratio:.1f} times faster than" if ratio >= 1 else f"{1 / ratio:.1f} times slower than"
    return f"{ours.name} is {words} {theirs.name}, scikit-learn's fastest here"


def _draw(found: Any, gap: float, title: str, path: Path) -> None:
    from softmax_jax import plots

    curves = {e.name: ([r.wall_s for r in e.runs], [r.gap for r in e.runs]) for e in found.entries if e.runs}
    ax = plots.plot_gap_against_time(curves, target=gap)
    ax.set_title(title, loc="left", fontsize=11)
    figure: Any = ax.figure
    figure.savefig(path)
