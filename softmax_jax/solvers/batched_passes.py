"""A batch of problems that share a compiled program, and the parts of a fit mapped over them.

Fields in which the problems differ carry a leading axis. Their products with a shared X become one product with B k
columns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.certificate.bound import bound_at, least_at
from softmax_jax.dtypes import scope
from softmax_jax.model import Params
from softmax_jax.placement.compilation import LOOPS, jitted
from softmax_jax.placement.sharding import over_rows
from softmax_jax.problem.problem import OF_ROWS, Problem
from softmax_jax.solvers import steps
from softmax_jax.solvers.protocol import Solver

CERTIFICATES = 4 * LOOPS  # a sweep certifies each weighting at each strength, and goes over the logits ten times each
FIELDS = (*OF_ROWS, "l2", "intercept", "columns")


class Batch(NamedTuple):
    """B problems over the same rows.

    Attributes:
      training: what solvers iterate on; fields named in `varying` have a leading axis B.
      exact: the same in float64.
      varying: names of those fields.
      preconditioner: what solver.prepare returned: of one problem for all where `shared`, else with a leading axis B.
      shared: whether one preconditioner serves all problems.
    """

    training: Problem
    exact: Problem
    varying: tuple[str, ...]
    preconditioner: Any
    shared: bool = True

    @property
    def count(self) -> int:
        """B."""
        return _count(self.training, self.varying)

    @property
    def layout(self) -> Layout:
        """What programs over the batch are compiled for."""
        return Layout(self.varying, self.shared)

    def with_l2(self, l2: np.ndarray) -> Batch:
        """The same with strengths l2 (B,)."""
        return self._replace(training=_with_l2(self.training, l2), exact=_with_l2(self.exact, l2))

    def in_float64(self, index: np.ndarray) -> Batch:
        """Some of the problems, with float64 for training."""
        exact = taken(self.exact, self.varying, index)
        with scope(np.float64):
            preconditioner = self.preconditioner if self.shared else at(self.preconditioner, index)
            preconditioner = steps.to_float64(preconditioner)
        return Batch(exact, exact, self.varying, preconditioner, self.shared)


class Layout(NamedTuple):
    """Which fields of the problem vary, and whether the preconditioner is shared."""

    varying: tuple[str, ...]
    shared: bool


def _with_l2(problem: Problem, l2: np.ndarray) -> Problem:
    return problem.replaced(l2=np.asarray(l2, problem.dtype))


def taken(problem: Problem, varying: tuple[str, ...], batch: np.ndarray) -> Problem:
    """The problem of some of the batch.

    Args:
      problem: with a leading axis B in the fields named in `varying`.
      varying: names of fields, of FIELDS.
      batch: (r,) integer indices below B, in the order wanted.
    """
    with scope(problem.dtype):
        return problem.replaced(**{name: at(_field(problem, name), batch) for name in varying})


def at(arrays: Any, index: np.ndarray) -> Any:
    """Some entries along the leading axis: on the host where the arrays are, since JAX's own way takes milliseconds.

    Args:
      arrays: a pytree.
      index: (r,) integer.
    """

    def some(a: Any) -> Any:
        here = not isinstance(a, jax.Array) or [d.platform for d in a.sharding.device_set] == ["cpu"]
        return np.asarray(a)[index] if here else a[jnp.asarray(index)]

    return jax.tree.map(some, arrays)


def _count(problem: Problem, varying: tuple[str, ...]) -> int:
    return jax.tree.leaves(_field(problem, varying[0]))[0].shape[0]


def _field(problem: Problem, name: str) -> Any:
    return getattr(problem.rows if name in OF_ROWS else problem, name)


def _mapped(function: Any, layout: Layout, problem: Problem, preconditioner: Any, *args: Any) -> Any:
    """function(problem, preconditioner, *args) of every problem; args have a leading axis.

    A single one is computed without that axis, because loops over mapped values copy what they carry.
    """
    varying, shared = layout
    if _count(problem, varying) == 1:
        one = problem.replaced(**{f: jax.tree.map(lambda a: a[0], _field(problem, f)) for f in varying})
        first = preconditioner if shared else jax.tree.map(lambda a: a[0], preconditioner)
        return jax.tree.map(lambda x: x[None], function(one, first, *jax.tree.map(lambda a: a[0], args)))
    axes = problem.replaced(**{f: 0 if f in varying else None for f in FIELDS})
    in_axes = (axes, None if shared else 0, *(0 for _ in args))
    return jax.vmap(function, in_axes=in_axes)(problem, preconditioner, *args)


def _bare(chunk: Any) -> Any:
    """The chunk without its preconditioner, which is kept once, and not for every problem."""
    return chunk._replace(state=chunk.state._replace(preconditioner=None))


def _dressed(state: Any, preconditioner: Any) -> Any:
    return state._replace(preconditioner=preconditioner)


@jitted(static=("solver", "varying"))
def prepare(solver: Solver, problem: Problem, varying: tuple[str, ...]) -> Any:
    """What the solver prepares, for each problem's own X.

    Args:
      solver: a record with `prepare_in_jit`.
      problem: with a leading axis B in the fields named in `varying`, X among them.
      varying: names of fields, of FIELDS.
    """
    return _mapped(lambda problem, _: solver.prepare_in_jit(problem), Layout(varying, True), problem, None)


@jitted(static=("solver", "layout"))
def begin(solver: Solver, layout: Layout, problem: Problem, preconditioner: Any, params: Params) -> Any:
    """The first chunks, at `params`.

    Args:
      solver: frozen record; a program is compiled for each value of its fields.
      layout: which fields have the leading axis B, and whether the preconditioner is shared.
      problem: in the training dtype.
      preconditioner: what the solver prepared; with a leading axis B unless it is shared.
      params: W (B, m, k) and b (B, k), in the training dtype.
    """

    def of_lane(problem: Problem, preconditioner: Any, params: Params) -> Any:
        return _bare(steps.begin(solver, problem, preconditioner, params))

    return _mapped(of_lane, layout, problem, preconditioner, params)


@jitted(static=("solver", "layout"), donate="chunk", passes=LOOPS)
def run(
    solver: Solver, layout: Layout, problem: Problem, preconditioner: Any, chunk: Any, target: Any, count: Any
) -> Any:
    """At most `count` more steps of each problem, fewer where it is done.

    Args:
      solver: frozen record; a program is compiled for each value of its fields.
      layout: as for `begin`.
      problem: of the slots that are left, in the training dtype.
      preconditioner: as for `begin`.
      chunk: Chunk with a leading axis, its preconditioner left out; used up.
      target: (B,) measure below which a problem is done, nats per sample.
      count: (B,) int32, at most CHUNK; 0 for a slot that is idle.
    """

    def of_lane(problem: Problem, preconditioner: Any, chunk: Any, target: Any, count: Any) -> Any:
        chunk = chunk._replace(state=_dressed(chunk.state, preconditioner))
        return _bare(steps.run(solver, problem, chunk, target, count))

    return _mapped(of_lane, layout, problem, preconditioner, chunk, target, count)


@jitted(static=("solver", "layout"), donate="chunk")
def refresh(solver: Solver, layout: Layout, problem: Problem, preconditioner: Any, chunk: Any, which: Any) -> Any:
    """Points anew where `which`: cached Z has gathered the rounding of every step.

    Args:
      solver: frozen record; a program is compiled for each value of its fields.
      layout: as for `begin`.
      problem: of the slots that are left, in the training dtype.
      preconditioner: as for `begin`.
      chunk: as for `run`; used up.
      which: (B,) boolean.
    """

    @over_rows
    def of_lane(problem: Problem, preconditioner: Any, chunk: Any, wanted: Any) -> Any:
        point = problem.at(chunk.state.point.params)
        new = steps.started(problem, chunk.state._replace(point=point, passes=chunk.state.passes + 1))
        return jax.tree.map(lambda a, b: jnp.where(wanted, a, b), new, chunk)

    return _mapped(of_lane, layout, problem, preconditioner, chunk, which)


@jitted(static=("solver", "layout"), donate="chunk")
def restart(
    solver: Solver, layout: Layout, problem: Problem, preconditioner: Any, chunk: Any, start: Params, old_l2: Any
) -> Any:
    """The chunks at `start`, or where they were if J is less there, after l2 alone has changed from `old_l2`.

    Args:
      solver: frozen record, whose `restart` says what is kept of the memory.
      layout: as for `begin`.
      problem: with the new l2, in the training dtype.
      preconditioner: as for `begin`.
      chunk: as for `run`, of the problems with `old_l2`; used up.
      start: W (B, m, k) and b (B, k), in the training dtype.
      old_l2: (B,) strengths.
    """

    @over_rows
    def of_lane(problem: Problem, preconditioner: Any, chunk: Any, start: Params, old_l2: Any) -> Any:
        stay, go = problem.with_l2_moved(chunk.state.point, old_l2), problem.at(start)
        better = go.objective < stay.objective
        point = jax.tree.map(lambda a, b: jnp.where(better, a, b), go, stay)
        state = solver.restart(problem, _dressed(chunk.state, preconditioner), point, old_l2)
        return _bare(steps.started(problem, state))

    return _mapped(of_lane, layout, problem, preconditioner, chunk, start, old_l2)


@jitted(static=("solver", "layout"))
def move(solver: Solver, layout: Layout, problem: Problem, preconditioner: Any, state: Any, params: Params) -> Any:
    """The chunk at `params` with what `state` remembers of this very problem.

    Args:
      solver: frozen record; a program is compiled for each value of its fields.
      layout: as for `begin`.
      problem: to go on with, such as the same in float64.
      preconditioner: as for `begin`.
      state: of the solver with a leading axis B, in the dtype of `problem`.
      params: W (B, m, k) and b (B, k), in that dtype.
    """

    @over_rows
    def of_lane(problem: Problem, preconditioner: Any, state: Any, params: Params) -> Any:
        state = solver.restart(problem, _dressed(state, preconditioner), problem.at(params), problem.l2)
        return _bare(steps.started(problem, state))

    return _mapped(of_lane, layout, problem, preconditioner, state, params)


def certify(varying: tuple[str, ...], problem: Problem, params: Params) -> Any:
    """The certificate of each problem; call it in `scope(float64)` on exact problems, outside jit.

    Args:
      varying: names of the fields with a leading axis B.
      problem: computed in float64, with the exact weights and l2.
      params: W (B, m, k) and b (B, k), in the dtype of training.
    """
    found = _bounds(varying, problem, params)
    if not np.asarray(found.interval.goes_on).any():
        return found.certificate
    return found.certificate._replace(gap=_least(varying, problem, params, found))


@jitted(static="varying", passes=CERTIFICATES)
def _bounds(varying: tuple[str, ...], problem: Problem, params: Params) -> Any:
    return _mapped(lambda problem, _, *args: bound_at(problem, *args), Layout(varying, True), problem, None, params)


@jitted(static="varying")
def _least(varying: tuple[str, ...], problem: Problem, params: Params, found: Any) -> Any:
    layout = Layout(varying, True)
    return _mapped(lambda problem, _, *args: least_at(problem, *args)[0], layout, problem, None, params, found)


@jitted(static="varying")
def objectives(varying: tuple[str, ...], problem: Problem, params: Params) -> Any:
    """J of each problem at `params`, in float64.

    Args:
      varying: names of the fields with a leading axis B.
      problem: computed in float64; call it in `scope(float64)`.
      params: W (B, m, k) and b (B, k), any floating dtype.
    """

    def of_lane(problem: Problem, _: None, params: Params) -> Any:
        return steps.objective_at(problem, params)

    return _mapped(of_lane, Layout(varying, True), problem, None, params)
