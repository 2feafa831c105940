"""show_versions tells what a bug report needs, and nothing of what is not installed."""

from __future__ import annotations

from importlib import metadata

import softmax_jax as sj
from softmax_jax.runs import versions


def test_versions_devices_and_measured_precision_are_printed(capsys):
    sj.show_versions()
    lines = dict(line.split("   ", 1) for line in capsys.readouterr().out.splitlines())
    facts = {name: words.strip() for name, words in lines.items()}
    assert facts["softmax_jax"] == sj.__version__
    for name in versions.NEEDED:
        assert facts[name] == metadata.version(name)
    assert facts["devices"] == "8 x cpu (cpu)"  # the fake ones of conftest
    taken = [words for name, words in facts.items() if name.startswith("products, cpu") and "taken" in words]
    assert len(taken) == 1 and 1e-8 < float(taken[0].split(",")[0].split()[-1]) < 1e-6


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(versions, "OPTIONAL", ("no-such-package",))
    found = versions.versions()
    assert "no-such-package" not in found and "torch" not in found
