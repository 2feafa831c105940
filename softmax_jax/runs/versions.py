"""What a bug report needs: versions of this library and of what it stands on, the devices, and how they multiply."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from typing import Any

from softmax_jax._version import __version__

NEEDED = ("jax", "jaxlib", "numpy", "scipy", "scikit-learn", "optax", "safetensors")
OPTIONAL = ("pandas", "polars", "pyarrow", "datasets", "matplotlib", "torch", "onnx", "onnxruntime", "flatbuffers")
OF_DEVICES = ("jax-cuda12-plugin", "jax-cuda13-plugin", "libtpu")


def show_versions() -> None:
    """Print versions, devices and the precision of products on each, to be copied into a bug report.

    The precision is measured: a product of 512 x 1024 and 1024 x 32 numbers on each device, against float64 in NumPy.
    Starts JAX on its devices.

    Example:
        >>> import softmax_jax as sj
        >>> sj.show_versions()  # doctest: +ELLIPSIS
        softmax_jax ...
        ...
    """
    facts = versions()
    width = max(map(len, facts)) + 3
    for name, words in facts.items():
        print(f"{name:<{width}}{words}")


def versions() -> dict[str, str]:
    """What `show_versions` prints, by name: packages that are not installed are left out."""
    import jax

    from softmax_jax.runs.gradient_audit import devices_at_hand
    from softmax_jax.runs.product_precision import product_precisions

    facts = {"softmax_jax": __version__, "python": f"{sys.version.split()[0]} on {platform.platform()}"}
    facts |= {name: found for name in (*NEEDED, *OPTIONAL, *OF_DEVICES) if (found := _version(name))}
    settings: Any = jax.config
    facts["cores"] = str(os.cpu_count())
    facts["x64 in JAX"] = "on" if settings.jax_enable_x64 else "off (float64 is computed in float64 all the same)"
    present: dict[str, int] = {}
    for device in jax.local_devices():
        kind = f"{device.platform} ({device.device_kind})"
        present[kind] = present.get(kind, 0) + 1
    facts["devices"] = ", ".join(f"{count} x {kind}" for kind, count in present.items())
    for p in product_precisions(devices_at_hand()):
        taken = ", taken by solvers" if p.is_auto else ""
        facts[f"products, {p.device}, {p.precision}"] = f"relative error {p.error:.0e}{taken}"
    return facts


def _version(name: str) -> str:
    """The version of an installed distribution, or an empty text."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
