"""What the driver asks of a solver. Whoever adds one writes a frozen record with these, and a line in `names`."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, TypeGuard

from softmax_jax.model import Params
from softmax_jax.placement.place import Needs
from softmax_jax.problem.problem import Point, Problem


class Record(Needs, Protocol):
    """What is asked of a solver before it runs.

    Attributes:
      is_exact: whether it goes to the optimum, with a proof; gradient descent follows its own path.
      needs_rows: whether it takes rows by index, which rows that are read by blocks do not offer.
    """

    is_exact: ClassVar[bool]
    needs_rows: ClassVar[bool]


class Solver(Record, Protocol):
    """An exact solver; its state is a NamedTuple with `point`, `preconditioner` and `passes`."""

    def prepare(self, problem: Problem) -> Any:
        """What is computed once per data, outside jit."""
        ...

    def prepare_in_jit(self, problem: Problem) -> Any:
        """The same inside jit: for many problems with features of their own."""
        ...

    def init(self, problem: Problem, preconditioner: Any, params: Params) -> Any:
        """The state at `params`.

        Args:
          problem: the passes, in the dtype of training.
          preconditioner: what `prepare` or `prepare_in_jit` gave.
          params: W (m, k) and b (k,), in that dtype.
        """
        ...

    def step(self, problem: Problem, state: Any) -> Any:
        """The next state.

        Args:
          problem: with the l2 that `state` belongs to; asked for passes only.
          state: what `init`, `restart` or `step` gave.
        """
        ...

    def accurate_step(self, problem: Problem, state: Any) -> Point:
        """The point a Newton step further, with the Hessian of all rows: how far the optimum is, if there is one.

        Args:
          problem: with the l2 that `state` belongs to.
          state: as for `step`, with a finite point.
        """
        ...

    def restart(self, problem: Problem, state: Any, point: Point, old_l2: Any) -> Any:
        """The state at `point`, with what `state` remembers of a problem that differs in its l2 alone.

        Args:
          problem: with its new l2.
          state: of the problem with `old_l2`.
          point: of `problem`, at any parameters.
          old_l2: () strength, equal to the new one where only the point has moved.
        """
        ...


def is_record(solver: Any) -> TypeGuard[Record]:
    """Whether `solver` is a solver's record, not its class, whoever wrote it."""
    traits = ("is_exact", "needs_rows", "always_float64", "gradient")
    return not isinstance(solver, type) and all(hasattr(solver, name) for name in traits)
