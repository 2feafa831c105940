"""Precision and retrace counts hold in optimised programs too: tests marked `optimised` run again as users compile."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from places import ROOT, TESTS

AS_USERS_DO = "SOFTMAX_JAX_TESTS_OPTIMISED"  # conftest.py looks for it


@pytest.mark.slow
@pytest.mark.skipif(AS_USERS_DO in os.environ, reason="this is that run")
def test_what_is_marked_holds_without_the_flags_that_make_compilation_cheap():
    files = [path for path in TESTS.rglob("test_*.py") if "@pytest.mark.optimised\n" in path.read_text()]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"} | {AS_USERS_DO: "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "optimised", *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) >= 10
