"""Small dense tables are padded to one of few sizes, so that tables of many shapes share a few compiled programs.

Rows of weight zero, columns of zeros, and classes that no softmax sees: their bias is so low that exp of it is zero,
whatever the other logits. Gradients there are exactly zero, and so are W and every direction. What is computed for a
small table anyway takes less time than its compilation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from softmax_jax.inputs.conversion import is_jax
from softmax_jax.model import Params
from softmax_jax.problem.problem import ABSENT_BIAS


class Padding(NamedTuple):
    """Rows, features and classes, padding included, and the features and classes that were given."""

    rows: int
    features: int
    classes: int
    m: int
    k: int

    def columns(self, X: Any, T: np.ndarray) -> tuple[Any, np.ndarray]:
        """X (n, features) and T with all columns; rows stay as they are.

        Args:
          X: (n, m) NumPy or JAX array.
          T: (n,) class indices, or (n, k) soft targets.
        """
        room = ((0, 0), (0, self.features - self.m))
        X = jnp.pad(X, room) if is_jax(X) else np.pad(X, room)
        return X, T if T.ndim == 1 else np.pad(T, ((0, 0), (0, self.classes - self.k)))

    def inward(self, params: Params) -> Params:
        """Parameters of the padded table, from NumPy W (m, k) and b (k,)."""
        W, b = params
        W = np.pad(W, ((0, self.features - self.m), (0, self.classes - self.k)))
        return Params(W, np.concatenate([b, np.full(self.classes - self.k, ABSENT_BIAS, b.dtype)]))

    def outward(self, params: Params) -> Params:
        """NumPy W (m, k) and b (k,) of the table as it was given."""
        return Params(np.ascontiguousarray(params.W[: self.m, : self.k]), params.b[: self.k].copy())


SIZES = tuple((n, m, k) for n, m in ((256, 16), (1024, 32), (2048, 64)) for k in (4, 10))


def padding_for(n: int, m: int, k: int) -> Padding | None:
    """To the least of SIZES that a dense table fits in; None where it is too large for them.

    Args:
      n: rows.
      m: features.
      k: classes.
    """
    fitting = (size for size in SIZES if all(a <= b for a, b in zip((n, m, k), size, strict=True)))
    size = next(fitting, None)
    return None if size is None else Padding(*size, m, k)
