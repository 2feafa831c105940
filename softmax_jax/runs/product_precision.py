"""In which precision does each device compute products? Found by measuring, against float64 in NumPy."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.model import PRECISION
from softmax_jax.placement.platforms import ALGORITHMS, FLOAT32, precision_on
from softmax_jax.runtime.host import on_host

ROWS, FEATURES, CLASSES = 512, 1024, 32
JAX_DEFAULT = "JAX's default"


class ProductPrecision(NamedTuple):
    """One way to compute a product in float32 on one device.

    Attributes:
      device: its kind.
      precision: "float32", an algorithm that solvers may ask for by that name, or what JAX does unasked.
      error: the root mean square of what it is off by, over that of the product.
      is_auto: whether it is what solvers take on this device unless they are told.
    """

    device: str
    precision: str
    error: float
    is_auto: bool


@on_host
def product_precisions(devices: Sequence[Any]) -> list[ProductPrecision]:
    """The errors of products of 512 x 1024 and 1024 x 32 normal numbers in all ways that each device has.

    Args:
      devices: JAX devices.
    """
    rng = np.random.default_rng(0)
    A, B = (rng.standard_normal(shape).astype(np.float32) for shape in ((ROWS, FEATURES), (FEATURES, CLASSES)))
    exact = A.astype(np.float64) @ B.astype(np.float64)
    found = []
    for device in devices:
        usual, here = precision_on(device, "auto"), (jax.device_put(A, device), jax.device_put(B, device))
        ways: dict[str, Any] = {JAX_DEFAULT: None, FLOAT32: PRECISION, **ALGORITHMS}
        for name, precision in ways.items():
            if name in ALGORITHMS and precision_on(device, name) != name:
                continue
            product = jax.jit(functools.partial(jnp.matmul, precision=precision))
            off = np.asarray(product(*here), np.float64) - exact
            error = float(np.sqrt(np.mean(off**2) / np.mean(exact**2)))
            found.append(ProductPrecision(device.device_kind, name, error, name == usual))
    return found
