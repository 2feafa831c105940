"""Tensors of torch as arrays of NumPy or JAX, in the same memory where that can be; torch is never imported.

On the CPU a tensor becomes NumPy, in bfloat16 too. One on a GPU becomes a JAX array there by dlpack, if JAX has that
GPU; else, and from any other device, it is copied to the host. What autograd knows of it is left behind.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def plain_tensor(X: Any, name: str = "an argument") -> Any:
    """A tensor of torch as a NumPy or JAX array; anything else as it is.

    Args:
      X: anything.
      name: what error messages call it.

    Raises:
      TypeError: a sparse tensor.
    """
    kind = getattr(sys.modules.get("torch"), "Tensor", None)
    if kind is None or not isinstance(X, kind):
        return X
    tensor: Any = X
    if str(tensor.layout) != "torch.strided":
        kind = str(tensor.layout).removeprefix("torch.")
        raise TypeError(
            f"{name} is a {kind} tensor of torch, which is not taken: pass its to_dense(), or a SciPy sparse matrix."
        )
    tensor = tensor.detach().resolve_conj().resolve_neg()
    if tensor.device.type == "cuda":
        return through_dlpack(tensor)
    return _on_host(tensor if tensor.device.type == "cpu" else tensor.cpu())


def through_dlpack(tensor: Any) -> Any:
    """A dense tensor as a JAX array in its memory, where JAX has the device; else a copy on the host, as NumPy.

    Args:
      tensor: of torch, without gradient.
    """
    import jax

    try:
        with jax.enable_x64(True):  # outside it JAX would narrow labels and features of 64 bits
            return jax.dlpack.from_dlpack(tensor.contiguous())
    except Exception:  # no such device or dtype in JAX: each of its versions says so by another error
        return _on_host(tensor.cpu())


def _on_host(tensor: Any) -> np.ndarray:
    """A tensor on the CPU as NumPy; bfloat16, of which NumPy has no dtype, by its bits."""
    torch = sys.modules["torch"]
    if tensor.dtype != torch.bfloat16:
        return tensor.numpy()
    import ml_dtypes

    return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
