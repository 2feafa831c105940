"""Which sources of a run are read by blocks is decided for each: by their size together, and by what can be."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.runs import streaming
from softmax_jax.runs.streaming import are_streamed, is_streamed


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A large .npy file, a small one, and a table, which can only be read whole; 64 KiB of memory are free."""
    monkeypatch.setattr(streaming, "free_on_host", lambda: 2**16)
    monkeypatch.setattr(streaming, "free_bytes", lambda: 2**30)
    for name, n in (("large", 2000), ("small", 20)):
        np.save(tmp_path / f"{name}.npy", np.zeros((n, 4), np.float32))
    (tmp_path / "table.csv").write_text("a,label\n1,x\n2,y\n")
    return {path.stem: str(path) for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["large"], [True]),
        (["small"], [False]),
        (["table"], [False]),
        (["large", "small"], [True, True]),
        (["large", "table"], [True, False]),
        (["table", "large", "table"], [False, True, False]),
        (["small", "table"], [False, False]),
    ],
)
def test_what_can_be_read_by_blocks_is_where_all_together_are_too_large(sources, given, expected):
    paths = [sources[name] for name in given]
    found = are_streamed(paths, None)
    assert [found[path] for path in paths] == expected
    assert not any(are_streamed(paths, False).values())


def test_what_is_asked_for_must_be_possible_for_all(sources):
    assert is_streamed(sources["small"], True)
    with pytest.raises(ValueError, match=r"table\.csv is read whole: leave --stream out"):
        are_streamed([sources["small"], sources["table"]], True)


def test_the_memory_of_the_device_counts_where_rows_go_there(sources, monkeypatch):
    monkeypatch.setattr(streaming, "free_bytes", lambda: 2**10)
    assert is_streamed(sources["small"], None)
    assert not is_streamed(sources["small"], None, on_device=False)
