"""`softmax-jax predict`: what a saved model says of the rows of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from softmax_jax.cli import options
from softmax_jax.cli.messages import say
from softmax_jax.cli.tables import print_table

_MOST_COUNTED = 12  # classes in the printed table


def predict(
    model: Annotated[str, typer.Argument(help="A .safetensors file, or the folder that fit wrote.")],
    data: Annotated[str, typer.Argument(help="As for fit; labels and other columns in it are not used.")],
    out: Annotated[
        Path, typer.Option(help="A .csv, .tsv or .parquet file for the predictions.", rich_help_panel=options.OUTPUT)
    ],
    proba: Annotated[
        bool,
        typer.Option("--proba", help="Also a column of probabilities per class.", rich_help_panel=options.OUTPUT),
    ] = False,
    delimiter: options.Delimiter = None,
    header: options.Header = True,
    decimal: options.Decimal = ".",
    thousands: options.Thousands = None,
    as_json: options.AsJson = False,
) -> int:
    """Predict the class of every row. Columns are matched by name, in any order, and standardised as for the fit.

    For example:

      softmax-jax fit table.csv --target species --out model.safetensors

      softmax-jax predict model.safetensors new.csv --out predictions.csv --proba
    """
    from softmax_jax.data import load_features
    from softmax_jax.model_files.files import load
    from softmax_jax.runs import predict_table
    from softmax_jax.runs.artifacts import MODEL_FILE, to_json

    out = options.file_for(out, "--out", *predict_table.ENDINGS)
    path = Path(model)
    fitted = load(path / MODEL_FILE if path.is_dir() else path)
    written = {"delimiter": delimiter, "header": header, "decimal": decimal, "thousands": thousands}
    features = load_features(data, predict_table.feature_names(fitted), **written)
    if features.ignored:
        shown = ", ".join(features.ignored[:6]) + (", ..." if len(features.ignored) > 6 else "")
        say("note", f"columns that the model does not use are left out: {shown}")
    if features.by_position:
        say("note", "columns are taken in their order, because the model or the data have no names for them")
    predictions = predict_table.predict(fitted, features.X)
    columns = predict_table.write_predictions(out, predictions, proba=proba)
    counts = [int((predictions.labels == label).sum()) for label in predictions.classes]
    if as_json:
        classes: list[Any] = predictions.classes.tolist()
        summary = {"model": model, "data": data, "rows": len(predictions.labels), "written": str(out)}
        summary |= {"notes": features.notes}
        print(
            to_json(summary | {"columns": columns, "classes": classes, "counts": counts, "ignored": features.ignored})
        )
        return 0
    rows = [("rows", f"{len(predictions.labels)} of {data}"), *options.note_rows(features.notes)]
    named = list(zip(predictions.classes.tolist(), counts, strict=True))
    rows += [("predicted", "\n".join(f"{label}: {count}" for label, count in named[:_MOST_COUNTED]))]
    print_table([*rows, ("columns", f"{len(columns)}: {', '.join(columns[:4])}"), ("written", str(out))])
    return 0
