"""`softmax-jax predict`: what a saved model says of the rows of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from softmax_jax.cli import options
from softmax_jax.cli.terminal import print_facts

_MOST_COUNTED = 12  # classes in the printed table


@dataclass(frozen=True, kw_only=True)
class Options(options.Numbers):
    """What predict takes."""

    model: Annotated[str, typer.Argument(help="A .safetensors file, or the folder that fit wrote.")]
    data: Annotated[str, typer.Argument(help="As for fit; labels and other columns in it are not used.")]
    stream: options.Stream = None
    drop: Annotated[list[str] | None, options.of_data(help="Column to leave out; may be given several times.")] = None
    out: Annotated[Path, options.of_output(help="A .csv, .tsv or .parquet file for the predictions.")]
    proba: Annotated[bool, options.of_output("--proba", help="Also a column of probabilities per class.")] = False
    as_json: options.AsJson = False


@options.takes(Options)
def predict(given: Options) -> int:
    """Predict the class of every row. Columns are matched by name, in any order, and standardised as for the fit.

    For example:

      softmax-jax fit table.csv --target species --out model.safetensors

      softmax-jax predict model.safetensors new.csv --out predictions.csv --proba
    """
    from softmax_jax.cli.models import load_model, note_columns
    from softmax_jax.data import load_features
    from softmax_jax.runs import predict_table
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.progress import RowsLine
    from softmax_jax.runs.streaming import is_streamed

    out, fitted = options.file_for(given.out, "--out", *predict_table.ENDINGS), load_model(given.model)
    streamed = is_streamed(given.data, given.stream, on_device=False)
    chosen: Any = {"drop": given.drop or (), **given.written(), "streamed": streamed}
    features = load_features(given.data, predict_table.feature_names(fitted), **chosen)
    note_columns(features, besides=given.drop or ())
    n = features.X.shape[0]
    with RowsLine(n, "predicted") as line:
        columns, *found = predict_table.predict_to_file(fitted, features.X, out, proba=given.proba, tell=line)
    classes, counts = (each.tolist() for each in found)
    if given.as_json:
        told = {"model": given.model, "data": given.data, "rows": n, "written": str(out), "notes": features.notes}
        print(to_json({**told, "columns": columns, "classes": classes, "counts": counts, "ignored": features.ignored}))
        return 0
    named = [f"{label}: {count}" for label, count in zip(classes, counts, strict=True)][:_MOST_COUNTED]
    facts = {"rows": f"{n} of {given.data}", "read": features.notes, "predicted": named}
    print_facts(facts | {"columns": f"{len(columns)}: {', '.join(columns[:4])}", "written": str(out)})
    return 0
