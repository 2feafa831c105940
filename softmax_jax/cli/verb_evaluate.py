"""`softmax-jax evaluate`: how well a saved model predicts the labels of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from softmax_jax.cli import options
from softmax_jax.cli.terminal import print_facts, print_table, say

if TYPE_CHECKING:
    from softmax_jax.runs.metrics import Metrics

_MOST_CLASSES = 50  # in the printed table
_HEADS = ("class", "precision", "recall", "F1", "rows", "predicted")


@dataclass(frozen=True, kw_only=True)
class Options(options.Numbers):
    """What evaluate takes."""

    model: Annotated[str, typer.Argument(help="A .safetensors file, or the folder that fit or probe wrote.")]
    data: Annotated[str, typer.Argument(help="As for fit; columns that the model does not use are left out.")]
    target: Annotated[str | None, options.of_data(help="Column of labels; of an .npz file the array.")] = None
    labels: Annotated[str | None, options.of_data(help="File of labels beside .npy features or IDX images.")] = None
    stream: options.Stream = None
    drop: Annotated[list[str] | None, options.of_data(help="Column to leave out; may be given several times.")] = None
    as_json: options.AsJson = False


@options.takes(Options)
def evaluate(given: Options) -> int:
    """Compare what a model predicts with the labels: accuracy, F1, log loss and calibration, and each class by itself.

    For example:

      softmax-jax evaluate model.safetensors test.csv --target species

      softmax-jax evaluate softmax-jax-fit test.npy --labels test_labels.npy --json
    """
    from softmax_jax.cli.models import load_model, note_columns
    from softmax_jax.data import load_labelled
    from softmax_jax.runs import metrics, predict_table
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.progress import RowsLine
    from softmax_jax.runs.streaming import is_streamed

    fitted = load_model(given.model)
    chosen: Any = {"target": given.target, "labels": given.labels, "drop": given.drop or (), **given.written()}
    chosen["streamed"] = is_streamed(given.data, given.stream, on_device=False)
    features, y = load_labelled(given.data, predict_table.feature_names(fitted), **chosen)
    note_columns(features, besides={given.target, *(given.drop or ())})
    classes = predict_table.classes_of(fitted)
    y = metrics.alike(y, classes)
    with RowsLine(len(y), "scored") as line:
        blocks = predict_table.predict_blocks(fitted, features.X, line)
        found = metrics.measure_blocks((block.probabilities for block in blocks), y, classes)
    if given.as_json:
        told = {"model": given.model, "data": given.data, "notes": features.notes, "ignored": features.ignored}
        print(to_json({**told, **found._asdict()}))
        return 0
    print_facts({"rows": f"{found.n} of {given.data}", "read": features.notes, **metrics.told(found)})
    _print_classes(found)
    return 0


def _print_classes(found: Metrics) -> None:
    rows = found.per_class
    if len(rows) > _MOST_CLASSES:
        say("note", f"of {len(rows)} classes the {_MOST_CLASSES} with the lowest F1 are shown; --json has all")
        rows = sorted(rows, key=lambda row: row["f1"])[:_MOST_CLASSES]
    print()
    shares = ("precision", "recall", "f1")
    print_table(
        [[str(r["class"]), *(f"{r[name]:.4f}" for name in shares), str(r["rows"]), str(r["predicted"])] for r in rows],
        _HEADS,
    )
