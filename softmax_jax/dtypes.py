"""The dtype follows the data: float64 in means float64 throughout, without a global switch.

JAX narrows float64 to float32 unless x64 is enabled. `scope` enables it in the current thread, and only while
float64 work runs; `follows_dtype` lets a pure function be called on NumPy float64 arrays as they are.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
from jax.core import Tracer

from softmax_jax.runtime.forks import refuse_fork
from softmax_jax.runtime.host import transfers_allowed
from softmax_jax.runtime.meshes import with_auto_axes
from softmax_jax.runtime.tensors import plain_tensor

Function = TypeVar("Function", bound=Callable[..., Any])


def scope(dtype: Any) -> contextlib.AbstractContextManager[Any]:
    """A context in which JAX computes in `dtype`: x64 on for float64 (this thread only), else unchanged."""
    return jax.enable_x64(True) if np.dtype(dtype) == np.float64 else contextlib.nullcontext()


def has_float64() -> bool:
    """Whether the default device computes in float64: TPUs do not."""
    return jax.default_backend() != "tpu"


def compute_dtype(*arrays: Any) -> np.dtype:
    """The dtype in which arrays are multiplied and summed: float64 if any of them is, else float32."""
    wide = any(np.dtype(a.dtype) == np.float64 for a in arrays)
    return np.dtype(np.float64 if wide else np.float32)


def follows_dtype(function: Function) -> Function:
    """Run `function` in float64 when a float64 array is among its arguments and x64 is off.

    Floating arguments of a narrower dtype are promoted with it, so that a gradient is float64 where X is, whatever the
    params. The results are then NumPy arrays, because a float64 JAX array outside the scope is narrowed by the next
    operation. Under a JAX transformation, and for narrower arrays, the function is called unchanged. Arrays over
    a mesh with Explicit axes are read as over one with Auto axes (see meshes.py), tensors of torch as arrays (see
    tensors.py). Transfer guards are lifted, but not under a transformation. In a forked process: RuntimeError.
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        refuse_fork()
        args, kwargs = jax.tree.map(lambda leaf: with_auto_axes(plain_tensor(leaf)), (args, kwargs))
        leaves = jax.tree.leaves((args, kwargs))
        traced = any(isinstance(leaf, Tracer) for leaf in leaves)
        wide = any(isinstance(leaf, np.ndarray | jax.Array) and leaf.dtype == np.float64 for leaf in leaves)
        if traced:
            return function(*args, **kwargs)
        if not wide or jax.config.read("jax_enable_x64"):
            with transfers_allowed():
                return function(*args, **kwargs)
        with scope(np.float64), transfers_allowed():
            args, kwargs = jax.tree.map(_promoted, (args, kwargs))
            result = function(*args, **kwargs)
            return jax.tree.map(lambda leaf: np.array(leaf) if isinstance(leaf, jax.Array) else leaf, result)

    return wrapper  # type: ignore[return-value] # the same signature, which TypeVar cannot express


def _promoted(leaf: Any) -> Any:
    """A floating array in float64; anything else as it is."""
    floating = isinstance(leaf, np.ndarray | jax.Array) and jax.numpy.issubdtype(leaf.dtype, np.floating)
    return leaf.astype(np.float64) if floating else leaf
