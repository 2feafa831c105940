"""This package's passes and steps compiled for a device that need not be there, as HLO text."""

from __future__ import annotations

import functools
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from absent_devices import Shapes, h100s, tpus

from softmax_jax.problem.problem import padded_rows
from softmax_jax.solvers import steps
from softmax_jax.solvers.lbfgs import LBFGS


class Shape(NamedTuple):
    """A problem on devices that share its rows.

    Attributes:
      n: rows of all devices.
      m: features.
      k: classes.
      dtype: in which X is stored.
      rows: of a block, or None where all logits are stored.
      devices: how many.
    """

    n: int
    m: int
    k: int
    dtype: str = "float32"
    rows: int | None = None
    devices: int = 1

    @property
    def local_rows(self) -> int:
        """Rows of one device, with their padding."""
        return padded_rows(-(-self.n // self.devices))


@functools.cache
def program(target: str, shape: Shape, what: str) -> str | None:
    """The text of a "pass" or of "steps" of L-BFGS for `target`; None without its compiler, or where it gives up."""
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    try:
        return _lowered(Shapes(_devices(target, shape.devices)), shape, what).compile().as_text()
    except (RuntimeError, ValueError, NotImplementedError) as error:  # jax.errors.JaxRuntimeError is the first
        print(f"{what} for {target}: by formulas, for the compiler said: {str(error).splitlines()[0][:100]}")
        return None


def _devices(target: str, count: int) -> list[Any]:
    if target == "H100":
        return h100s(count)
    return tpus(f"{target}:{'2x4' if count == 8 else '2x2'}")[:count]


def _lowered(on: Shapes, shape: Shape, what: str) -> Any:
    n, m, k = shape.n, shape.m, shape.k
    problem = on.problem(n, on.features(n, m, jnp.dtype(shape.dtype)))
    if shape.rows is not None:
        problem = problem.replaced(rows=problem.in_memory.by_blocks(shape.rows))
    params = on.params(m, k)
    if what == "pass":
        return steps.point_at.program.plain.lower(problem, params)
    moment, solver, logits = on.moment(m), LBFGS(), (k, on.padded(n))
    chunk = jax.eval_shape(functools.partial(steps.begin.program.plain, solver), problem, moment, params)
    chunk = jax.tree.map(lambda x: on.array(x.shape, x.dtype, *((None, "rows") if x.shape == logits else ())), chunk)
    return steps.run.program.plain.lower(solver, problem, chunk, on.scalar(), on.scalar(jnp.int32))
