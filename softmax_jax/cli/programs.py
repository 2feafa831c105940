"""Compiled programs that the command line keeps from one run to the next, in the user's own cache folder.

Whoever can write there can run code as the user: the folder belongs to the user alone, or none is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from softmax_jax.cli.terminal import say

FOLDER = "SOFTMAX_JAX_CACHE_DIR"  # environment variable: another folder, or nothing for none
LARGEST = 2**28  # bytes, beyond which JAX removes what was used longest ago
_OTHERS_MAY_WRITE = 0o022


@contextmanager
def kept_programs(wanted: bool) -> Iterator[None]:
    """Within it JAX keeps what it compiles, unless the user has told JAX itself where to.

    Args:
      wanted: false for nothing to be kept or read.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    folder = _folder() if wanted and jax.config.jax_compilation_cache_dir is None else None  # type: ignore[attr-defined] # made when JAX loads
    if folder is None:
        with _settings({} if wanted else {"jax_enable_compilation_cache": False}):
            yield
        return
    settings = {"jax_compilation_cache_dir": str(folder), "jax_compilation_cache_max_size": LARGEST}
    compilation_cache.reset_cache()
    try:
        with _settings({**settings, "jax_persistent_cache_min_compile_time_secs": 0.0}):
            yield
    finally:
        compilation_cache.reset_cache()


def _folder() -> Path | None:
    """The folder, made and safe; None where the user wants none, or there is none to be had."""
    from platformdirs import user_cache_path

    named = os.environ.get(FOLDER)
    if named == "":
        return None
    folder = Path(named) if named else user_cache_path("softmax_jax") / "programs"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_private(folder):
            return folder
        reason = "others may write to it"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    say("note", f"Compiled programs are not kept in {folder}: {reason}. {FOLDER} names another folder.")
    return None


def _is_private(folder: Path) -> bool:
    """Whether only its owner, who runs this, can write to it."""
    info = folder.stat()
    mine = not hasattr(os, "getuid") or info.st_uid == os.getuid()
    return mine and not info.st_mode & _OTHERS_MAY_WRITE


@contextmanager
def _settings(values: dict[str, Any]) -> Iterator[None]:
    """Within it JAX is configured with `values`."""
    import jax

    before = {name: getattr(jax.config, name) for name in values}
    try:
        for name, value in values.items():
            jax.config.update(name, value)
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
