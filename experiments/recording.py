"""How an experiment records itself: numbers with the versions, the machine, the command and the date."""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("jax", "jaxlib", "numpy", "optax", "scikit-learn", "scipy")


def environment() -> dict[str, Any]:
    """Versions, machine, devices, command and date of this run."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python", *(Path(a).name if i == 0 else a for i, a in enumerate(sys.argv))]),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average_1min": round(os.getloadavg()[0], 2),
        "devices": [device.device_kind for device in jax.devices()],
    }


def recorded(name: str) -> dict[str, Any]:
    """The result of experiments/results/<name>.json, such as to draw its figure anew."""
    return json.loads((RESULTS / f"{name}.json").read_text())["result"]


def record(name: str, result: dict[str, Any]) -> Path:
    """Write experiments/results/<name>.json: the environment and the result."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"environment": environment(), "result": result}, indent=1) + "\n")
    return path
