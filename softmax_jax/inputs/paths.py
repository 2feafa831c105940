"""A path where an array belongs: named with what reads it, never answered as if it were one odd array."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def refuse_path(value: Any, name: str) -> None:
    """Raise TypeError where `value` is a path.

    Args:
      value: anything; a str or an os.PathLike counts as a path.
      name: what error messages call it.
    """
    if not isinstance(value, (str, os.PathLike)):
        return
    path = os.fsdecode(value)
    raise TypeError(f"{name} must be an array, got {path!r}: {_advice(path, name)}.")


def _advice(path: str, name: str) -> str:
    """What to pass in its place."""
    ending, folder = Path(path).suffix.lower(), Path(path).is_dir()
    rows = f"softmax_jax.data.open_rows({path!r})"
    if name.startswith("y") and (folder or ending in (".npy", ".txt")):
        return f"pass softmax_jax.data.read_labels({path!r})"
    if ending == ".npy":
        return f"pass numpy.load({path!r})" + (f", or {rows} to read it by blocks of rows" if name == "X" else "")
    if folder or ending == ".parquet":
        return f"pass {rows}, which reads it by blocks of rows, or what softmax_jax.data.load_data({path!r}) has"
    if ending == ".npz":
        return f"pass an array of numpy.load({path!r})"
    if ending:
        return f"pass the X and y of softmax_jax.data.load_data({path!r})"
    return "pass numbers, one row for each sample"
