"""`softmax-jax export`: a saved model as a file that other programs run."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from softmax_jax.cli import options
from softmax_jax.cli.terminal import print_facts


class Form(enum.StrEnum):
    """What --to takes."""

    onnx = "onnx"
    torch = "torch"
    jax = "jax"


class Width(enum.StrEnum):
    """What --dtype takes."""

    float32 = "float32"
    float64 = "float64"


ENDINGS = {Form.onnx: ".onnx", Form.torch: ".safetensors", Form.jax: ".jax_export"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What export takes."""

    model: Annotated[str, typer.Argument(help="A .safetensors file, or the folder that fit or probe wrote.")]
    to: Annotated[
        Form,
        options.of_output(help="onnx; torch: weight and bias of nn.Linear in a safetensors file; jax: for jax.export."),
    ]
    out: Annotated[Path, options.of_output(help="The file: .onnx, .safetensors or .jax_export.")]
    dtype: Annotated[Width | None, options.of_output(help="Of onnx and torch.", show_default="that of the model")] = (
        None
    )


@options.takes(Options)
def export(given: Options) -> int:
    """Write a model for programs that have not got this library; the standardisation of its features is in it.

    For example:

      softmax-jax export softmax-jax-fit --to onnx --out model.onnx

      softmax-jax export model.safetensors --to torch --out state.safetensors --dtype float32
    """
    from softmax_jax.cli.models import load_model
    from softmax_jax.model_files.export import export_predict
    from softmax_jax.model_files.onnx_graph import export_onnx
    from softmax_jax.model_files.torch_layer import export_state_dict

    out = options.file_for(given.out, "--out", ENDINGS[given.to])
    if out.exists() and out.resolve() in {path.resolve() for path in _files_of(given.model)}:
        raise ValueError(f"--out must be another file than the model, got {out}.")
    model = load_model(given.model)
    if given.to is Form.jax:
        if given.dtype is not None:
            raise ValueError("--dtype is for onnx and torch; a program of JAX is in the dtype of the model.")
        export_predict(model, out)
    else:
        write = export_onnx if given.to is Form.onnx else export_state_dict
        write(model, out, dtype=None if given.dtype is None else given.dtype.value)
    print_facts({"model": given.model, "for": given.to.value, "written": str(out)})
    return 0


def _files_of(model: str) -> list[Path]:
    """The model's file, or the files in its folder."""
    path = Path(model)
    return list(path.iterdir()) if path.is_dir() else [path]
