"""`softmax-jax probe`: a linear probe by a published protocol, every fit of it certified."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from softmax_jax.cli import options
from softmax_jax.cli.terminal import print_facts, print_table, say, verdict

_HEADS = ("", "strength", "l2", "gap", "status", "validation loss", "accuracy")


class PresetName(enum.StrEnum):
    """What --preset takes."""

    clip = "clip"
    dinov2 = "dinov2"
    simclr = "simclr"


@dataclass(frozen=True, kw_only=True)
class Options(options.Source):
    """What probe takes."""

    val: Annotated[str | None, options.of_data(help="Validation rows, as DATA; else 10 % of DATA.")] = None
    val_labels: Annotated[str | None, options.of_data(help="File of labels of --val.")] = None
    test: Annotated[float, options.of_data(help="Fraction of DATA kept for the test.")] = 0.2
    preset: Annotated[PresetName, options.of_problem(metavar="NAME", help="clip, dinov2 or simclr.")] = PresetName.clip
    sparse: Annotated[int | None, options.of_problem(help="Most features to use, in place of a preset.")] = None
    tol: options.Tol = 1e-6
    max_iter: Annotated[int, options.of_problem(help="Most iterations of a fit.")] = 1000
    seed: options.Seed = 0
    no_cache: options.NoCache = False
    out: Annotated[Path, options.of_output(help="Folder for picture, numbers and the model.")] = Path(
        "softmax_jax_output"
    )
    as_json: options.AsJson = False


@options.takes(Options)
def probe(given: Options) -> int:
    """Tune the L2 strength by a published protocol on validation rows, and fit the winner to all but the test.

    For example:

      softmax-jax probe digits --preset clip

      softmax-jax probe train.parquet --val val.parquet --target label --preset dinov2 --no-standardise

      softmax-jax probe digits --sparse 10

    Exit code 0: all converged, their gaps are proven. 1: ran, not all converged. 2: bad input. 130: interrupted.
    """
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.probe import train_probe, write_probe  # JAX loads here, so that --help stays quick
    from softmax_jax.runs.progress import SearchLine

    data, val = given.open(), None
    if given.val is not None:
        val = replace(given, data=given.val, images=None, labels=given.val_labels).open()
    elif given.val_labels is not None:
        raise ValueError("--val-labels belongs to --val; give both.")
    folder = options.folder_for(given.out, "--out")  # before the work, whose result must not be lost
    settings: dict[str, Any] = {name: getattr(given, name) for name in ("test", "tol", "max_iter", "seed")}
    settings |= {"sparse": given.sparse, "preset": given.preset.value, "standardise": not given.no_standardise}
    with SearchLine() as line:
        run = train_probe(data, val, callback=line, **settings)
    written = write_probe(run, folder)
    if given.as_json:
        print(to_json(run.summary))
    else:
        _print(run.summary, written)
    return _verdict(run.summary)


def _print(summary: dict[str, Any], written: list[Path]) -> None:
    from softmax_jax.runs.summary import told

    best = summary["best"]
    print(f"{summary['preset']} ({summary['source']}); {summary['convention']}")
    rows = summary["strengths"]
    heads = _HEADS if "n_features" not in rows[0] else (*_HEADS, "features")
    print_table([_cells(row, i == best) for i, row in enumerate(rows)], heads)
    own = {
        "data": "",  # comes first
        "validation": summary["validation"],
        "read": summary["notes"],
        "winner": f"strength {summary['strengths'][best]['strength']:.3g}, fitted again:",
    }
    time = f"{summary['wall_s']:.2f} s for {summary['n_fits']} fits, compilation included"
    print_facts(own | told(summary["refit"] | {"notes": summary["notes"]}) | {"time": time, "written": written})
    if summary["note"]:
        say("note", summary["note"])


def _cells(row: dict[str, Any], best: bool) -> list[str]:
    kept = [str(row["n_features"])] if "n_features" in row else []
    numbers = [f"{row['strength']:.3g}", f"{row['l2']:.3g}", f"{row['duality_gap']:.1e}", row["status"]]
    return ["best" if best else "", *numbers, f"{row['val_loss']:.4f}", f"{row['val_accuracy']:.4f}", *kept]


def _verdict(summary: dict[str, Any]) -> int:
    ended = [*(row["status"] for row in summary["strengths"]), summary["refit"]["status"]]
    if ended[-1] == "interrupted":
        return verdict("interrupted", "The last fit, of the winner, was stopped; what it had reached is written.")
    short = [status for status in ended if status != "converged"]
    kinds = ", ".join(sorted(set(short)))
    words = f"{len(short)} of {len(ended)} fits ({kinds}); raise --max-iter or --tol."
    return verdict("not converged" if short else "converged", words)
