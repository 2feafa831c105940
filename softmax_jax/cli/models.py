"""Saved models as the verbs take them, and what they say of the columns that these are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from softmax_jax.cli.terminal import say

_SHOWN = 6  # names in a note


def load_model(place: str) -> Any:
    """The model in a .safetensors file, or in the folder that a run wrote.

    Args:
      place: of it.

    Raises:
      OSError, ValueError: there is none, or it cannot be read.
    """
    from softmax_jax.probing.files import load
    from softmax_jax.runs.artifacts import MODEL_FILE

    path = Path(place)
    return load(path / MODEL_FILE if path.is_dir() else path)


def note_columns(features: Any, besides: Any = ()) -> None:
    """Say which columns are left out, and where the others are taken by position.

    Args:
      features: of `load_features` or `load_labelled`.
      besides: columns that the user has named, which need no word.
    """
    left = [name for name in features.ignored if name not in besides]
    if left:
        more = ", ..." if len(left) > _SHOWN else ""
        say("note", f"columns that the model does not use are left out: {', '.join(left[:_SHOWN])}{more}")
    if features.by_position:
        say("note", "columns are taken in their order, because the model or the data have no names for them")
