"""`softmax-jax bench`: this library against scikit-learn, on the user's own data and machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from softmax_jax.cli import options
from softmax_jax.cli.terminal import print_table, verdict

if TYPE_CHECKING:
    from softmax_jax.runs.benchmark import Entry, Race

_HEADS = ("solver", "time, warm", "iterations", "came within", "first run", "")


@dataclass(frozen=True, kw_only=True)
class Options(options.Source):
    """What bench takes."""

    data: Annotated[str, typer.Argument(help="As for fit.", show_default="digits")] = ""
    l2: options.L2 = 1e-4
    tol: Annotated[float, options.of_problem(help="Distance to the optimum to reach, nats per sample.")] = 1e-6
    limit: Annotated[float, options.of_problem(help="Seconds for each contestant, after it is compiled.")] = 20.0
    out: Annotated[Path, options.of_output(help="Folder for the picture and the numbers.")] = Path("softmax_jax_bench")
    as_json: options.AsJson = False


@options.takes(Options)
def bench(given: Options) -> int:
    """Race this library against scikit-learn: the time until J is within --tol of the optimum, by one judge for all.

    scikit-learn runs on one BLAS thread and on all, and the faster counts. On a busy machine no ratio is given.

    For example:

      softmax-jax bench digits --limit 10

    Exit code 0: softmax_jax got there. 1: it did not. 2: bad input.
    """
    from rich.console import Console

    from softmax_jax.runs import load
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.benchmark import compare, race_ratio
    from softmax_jax.runs.splitting import split_rows

    dataset, l2, tol = given.open(default="digits"), given.l2, given.tol
    folder = options.folder_for(given.out, "--out")
    split = split_rows(dataset, test=0, standardise=not given.no_standardise, seed=0)
    with Console(stderr=True).status("") as line:  # where there is no terminal, nothing is shown

        def watch(name: str) -> None:
            line.update(f"running: {name}")

        found = compare(split.X_train, split.y_train, l2=l2, gap=tol, limit_s=given.limit, watch=watch)
    (n, m), k = split.X_train.shape, len(set(dataset.y.tolist()))
    problem = {"data": dataset.name, "n": n, "m": m, "k": k, "dtype": split.X_train.dtype.name, "l2": l2, "gap": tol}
    rival, ratio = race_ratio(found)
    defaults = {name: run._asdict() for name, run in found.defaults.items()}
    told = {**problem, "notes": dataset.notes, "optimum": found.optimum, "defaults": defaults}
    told |= {"entries": [_numbers(e) for e in found.entries], "slower ways": [_numbers(e) for e in found.slower]}
    told |= {"load": load.told(found.load), "fastest rival": rival, "ratio": ratio.value, "why no ratio": ratio.why}
    numbers, paths = to_json(told), [folder / "bench.png", folder / "bench.json"]
    words = "{data}: {n} x {m}, {k} classes, l2 = {l2:g}, {dtype}".format(**problem)
    _draw(found, tol, words, paths[0])
    paths[1].write_text(numbers + "\n", encoding="utf-8")
    if given.as_json:
        print(numbers)
    else:
        print(words, *dataset.notes, sep="\n")
        _print(found, tol)
        print(f"written: {', '.join(map(str, paths))}")
    ours = found.entries[0]
    status = "converged" if ours.wall_s is not None else "max_iter"
    return verdict(status, f"{ours.name}: {ours.note}. Raise --limit, --tol or --l2.")


def _print(found: Race, gap: float) -> None:
    print(f"wall time until J is proven to be within {gap:.0e} of the optimum, nats per sample")
    print("compilation is before the clock; scikit-learn ran on one BLAS thread and on all, and the faster counts")
    print_table([_cells(entry, found.slower) for entry in found.entries], _HEADS)
    for name, run in found.defaults.items():
        print(f"{name} at its defaults: {run.wall_s:.3f} s, {run.max_iter} iterations, ends at a gap of {run.gap:.1e}")
    print(f"machine meanwhile: {found.load}")
    print(_ratio(found))


def _numbers(entry: Entry) -> dict[str, Any]:
    """An entry for JSON."""
    from softmax_jax.runs.load import told

    load = None if entry.load is None else told(entry.load)
    return entry._asdict() | {"runs": [run._asdict() for run in entry.runs], "load": load}


def _cells(entry: Entry, slower: Sequence[Entry]) -> list[str]:
    fastest = [str(run.max_iter) for run in entry.runs if run.wall_s == entry.wall_s]
    least = f"{min(run.gap for run in entry.runs):.1e}" if entry.runs else "-"
    first = f"{entry.first_s:.2f} s" if entry.runs else "-"
    others = [f"{e.way}: {_warm(e)}" for e in slower if e.name == entry.name]
    notes = [entry.note, f"{entry.way} ({', '.join(others)})" if others else entry.way]
    return [entry.name, _warm(entry), fastest[0] if fastest else "-", least, first, "; ".join(filter(None, notes))]


def _warm(entry: Entry) -> str:
    return "-" if entry.wall_s is None else f"{entry.wall_s:.3f} s"


def _ratio(found: Race) -> str:
    """The first contestant of this library against the fastest of scikit-learn."""
    from softmax_jax.runs.benchmark import race_ratio

    name, (ratio, why) = race_ratio(found)
    ours = found.entries[0].name
    if ratio is None:
        return f"ratio of {name} to {ours} {why}" if name else f"no ratio: {why}"
    words = f"{ratio:.1f} times faster than" if ratio >= 1 else f"{1 / ratio:.1f} times slower than"
    return f"{ours} is {words} {name}, scikit-learn's fastest here"


def _draw(found: Race, gap: float, title: str, path: Path) -> None:
    from softmax_jax import plots
    from softmax_jax.plots import style

    curves: dict[str, Any] = {
        e.name: list(zip(*[(r.wall_s, r.gap) for r in e.runs], strict=True)) for e in found.entries if e.runs
    }
    ax = plots.plot_gap_against_time(curves, target=gap)
    ax.set_title(title, **style.TITLE)
    style.save(ax, path)
