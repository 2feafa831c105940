"""What is found for one problem, and for many: the one record behind every result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.model import Params


class Outcome(NamedTuple):
    """One solution: NumPy parameters in the dtype of the data, and what is certified about them."""

    params: Params
    objective: float
    duality_gap: float
    status: str
    n_iter: int
    n_passes: int
    history: np.ndarray
    precision: str = ""  # of products with X, in the order in which they were used


class Solutions(NamedTuple):
    """B solutions; all arrays, and the list, have a leading axis B."""

    params: Params
    objective: np.ndarray
    duality_gap: np.ndarray
    status: list[str]
    n_iter: np.ndarray
    n_passes: np.ndarray

    @classmethod
    def unsolved(cls, params: Params, status: str = "") -> Solutions:
        """At `params`, with nothing known of them.

        Args:
          params: W (B, m, k) and b (B, k), NumPy; filled in later, not copied.
          status: of all; "" while they are worked on.
        """
        B = len(params.b)
        counts = np.zeros(B, int), np.zeros(B, int)
        return cls(params, np.full(B, np.nan), np.full(B, np.inf), [status] * B, *counts)

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Solutions:
        """Those of `outcomes`."""
        params, J, gap, status, n_iter, n_passes, *_ = zip(*outcomes, strict=True)
        arrays = np.array(J), np.array(gap), list(status), np.array(n_iter), np.array(n_passes)
        return cls(Params(*(np.stack(p) for p in zip(*params, strict=True))), *arrays)

    def at(self, i: int) -> Outcome:
        """Solution i."""
        numbers = float(self.objective[i]), float(self.duality_gap[i]), self.status[i]
        return Outcome(self.params_at(i), *numbers, int(self.n_iter[i]), int(self.n_passes[i]), np.zeros(0))

    def params_at(self, i: int) -> Params:
        """W (m, k) and b (k,) of solution i."""
        return Params(self.params.W[i], self.params.b[i])

    def put(self, i: int, found: Outcome, *, further: bool = False) -> None:
        """Put `found` into place i.

        Args:
          i: index.
          found: the solution.
          further: whether its iterations and passes come on top of those that are there.
        """
        self.params.W[i], self.params.b[i] = found.params
        self.objective[i], self.duality_gap[i], self.status[i] = found.objective, found.duality_gap, found.status
        self.n_iter[i] = found.n_iter + (self.n_iter[i] if further else 0)
        self.n_passes[i] = found.n_passes + (self.n_passes[i] if further else 0)


def joined(parts: Sequence[Any], count: int | None = None) -> tuple[Any, ...]:
    """The fields of `Solutions`, of records that have them, one after the other along their leading axis.

    Args:
      parts: records such as Solutions.
      count: of those to keep; None for all.
    """

    def of(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        if name == "params":
            return Params(*(np.concatenate(p)[:count] for p in zip(*values, strict=True)))
        return [word for v in values for word in v][:count] if name == "status" else np.concatenate(values)[:count]

    return tuple(of(name) for name in Solutions._fields)
