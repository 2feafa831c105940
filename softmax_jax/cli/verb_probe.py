"""`softmax-jax probe`: a linear probe by a published protocol, every fit of it certified."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from softmax_jax.cli import options
from softmax_jax.cli.messages import INTERRUPTED_BUT_SAVED, NOT_CONVERGED, say
from softmax_jax.cli.tables import print_table

_HEADS = ("", "strength", "l2", "gap", "status", "validation loss", "accuracy")


class PresetName(enum.StrEnum):
    """What --preset takes."""

    clip = "clip"
    dinov2 = "dinov2"
    simclr = "simclr"


def probe(
    train: options.Data = "",
    val: Annotated[
        str | None,
        typer.Option(help="Validation rows, as TRAIN; else 10 % of TRAIN.", rich_help_panel=options.DATA),
    ] = None,
    target: options.Target = None,
    drop: options.Drop = None,
    delimiter: options.Delimiter = None,
    header: options.Header = True,
    decimal: options.Decimal = ".",
    thousands: options.Thousands = None,
    images: options.Images = None,
    labels: options.Labels = None,
    val_labels: Annotated[
        str | None, typer.Option(help="File of labels of --val.", rich_help_panel=options.DATA)
    ] = None,
    test: Annotated[
        float, typer.Option(help="Fraction of TRAIN kept for the test.", rich_help_panel=options.DATA)
    ] = 0.2,
    no_standardise: options.NoStandardise = False,
    preset: Annotated[
        PresetName,
        typer.Option(metavar="NAME", help="clip, dinov2 or simclr.", rich_help_panel=options.PROBLEM),
    ] = PresetName.clip,
    tol: options.Tol = 1e-6,
    max_iter: Annotated[int, typer.Option(help="Most iterations of a fit.", rich_help_panel=options.PROBLEM)] = 1000,
    seed: options.Seed = 0,
    out: Annotated[
        Path, typer.Option(help="Folder for picture, numbers and the model.", rich_help_panel=options.OUTPUT)
    ] = Path("softmax_jax_output"),
    as_json: options.AsJson = False,
) -> int:
    """Tune the L2 strength by a published protocol on validation rows, and fit the winner to all but the test.

    For example:

      softmax-jax probe digits --preset clip

      softmax-jax probe train.parquet --val val.parquet --target label --preset dinov2 --no-standardise

    Exit code 0: all converged, their gaps are proven. 1: ran, not all converged. 2: bad input. 130: interrupted.
    """
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.probe import train_probe, write_probe  # JAX loads here, so that --help stays quick
    from softmax_jax.runs.progress import SearchLine

    files = {"target": target, "delimiter": delimiter, "header": header, "drop": drop}
    files |= {"decimal": decimal, "thousands": thousands}
    data = options.open_data(train, images, labels, weights=None, **files)
    if val is None and val_labels is not None:
        raise ValueError("--val-labels belongs to --val; give both.")
    validation = None if val is None else options.open_data(val, None, val_labels, weights=None, **files)
    folder = options.folder_for(out, "--out")  # before the work, whose result must not be lost
    settings: dict[str, Any] = {"test": test, "tol": tol, "max_iter": max_iter, "seed": seed}
    with SearchLine() as line:
        run = train_probe(
            data, validation, preset=preset.value, standardise=not no_standardise, callback=line, **settings
        )
    written = write_probe(run, folder)
    if as_json:
        print(to_json(run.summary))
    else:
        _print(run.summary, written)
    return _verdict(run.summary)


def _print(summary: dict[str, Any], written: list[Path]) -> None:
    refit, best = summary["refit"], summary["best"]
    print(f"{summary['preset']} ({summary['source']}); {summary['convention']}")
    print_table([_cells(row, i == best) for i, row in enumerate(summary["strengths"])], _HEADS)
    test = refit["accuracy_test"]
    tested = "" if test is None else f", test {test:.4f} of {refit['n_test']} rows"
    shape = f"{refit['n_train']} x {refit['n_features']}, {refit['n_classes']} classes"
    print_table(
        [
            ("data", f"{summary['data']}; validation: {summary['validation']}"),
            *options.note_rows(summary["notes"]),
            ("winner", f"strength {summary['strengths'][best]['strength']:.3g}, fitted again to {shape}"),
            ("cost", f"{refit['cost']:.8g} nats per sample (l2 = {refit['l2']:.3g})"),
            ("duality gap", f"{refit['duality_gap']:.1e}"),
            ("status", f"{refit['status']} after {refit['n_iter']} iterations, {refit['n_passes']} passes"),
            ("accuracy", f"training and validation {refit['accuracy_train']:.4f}{tested}"),
            ("device, dtype", f"{refit['device']}, {refit['dtype']}"),
            ("time", f"{summary['wall_s']:.2f} s for {summary['n_fits']} fits, compilation included"),
            ("written", "\n".join(map(str, written))),
        ]
    )
    if summary["note"]:
        say("note", summary["note"])


def _cells(row: dict[str, Any], best: bool) -> list[str]:
    numbers = [f"{row['strength']:.3g}", f"{row['l2']:.3g}", f"{row['duality_gap']:.1e}", row["status"]]
    return ["best" if best else "", *numbers, f"{row['val_loss']:.4f}", f"{row['val_accuracy']:.4f}"]


def _verdict(summary: dict[str, Any]) -> int:
    """The exit code; what is not plain success is said in a line."""
    if summary["refit"]["status"] == "interrupted":
        say("interrupted", "The last fit, of the winner, was stopped; what it had reached is written.")
        return INTERRUPTED_BUT_SAVED
    ended = [*(row["status"] for row in summary["strengths"]), summary["refit"]["status"]]
    short = [status for status in ended if status != "converged"]
    if not short:
        return 0
    kinds = ", ".join(sorted(set(short)))
    say("not converged", f"{len(short)} of {len(ended)} fits ({kinds}); raise --max-iter or --tol.")
    return NOT_CONVERGED
