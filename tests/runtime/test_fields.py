"""Help on a record says of each field what it is."""

from __future__ import annotations

import importlib
import inspect
import pydoc
import re
from typing import NamedTuple

import pytest
from places import ROOT

import softmax_jax as sj
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.solvers.driver import Progress


def _public_records() -> set[type]:
    """The records among the public names: those of the package, those in the reference, and what a callback sees."""
    names = {f"softmax_jax.{name}" for name in sj.__all__}
    for page in (ROOT / "docs" / "reference").glob("*.md"):
        names |= set(re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.M))
    found = [getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2]) for name in names]
    return {Progress, *(f for f in found if inspect.isclass(f) and issubclass(f, tuple))}


def test_help_on_every_public_record_explains_its_fields():
    records = _public_records()
    assert len(records) >= 24 and sj.FitResult in records
    for record in records:
        assert "Alias for field number" not in pydoc.render_doc(record), record
        assert all(getattr(record, name).__doc__ for name in record._fields), record


def test_a_field_has_its_words_also_where_they_go_on_or_are_shared():
    @with_documented_fields
    class Weather(NamedTuple):
        """The weather.

        Attributes:
          low, high: temperatures of the day,
            in the shade.
          rain: mm.
        """

        low: float
        high: float
        rain: float

    assert Weather.low.__doc__ == Weather.high.__doc__ == "temperatures of the day, in the shade."
    assert Weather.rain.__doc__ == "mm."


def test_a_field_without_words_is_refused_by_name():
    class Weather(NamedTuple):
        """The weather.

        Attributes:
          low: of the day.
        """

        low: float
        high: float

    with pytest.raises(TypeError, match=r"docstring of Weather must .* names \['high'\]"):
        with_documented_fields(Weather)
