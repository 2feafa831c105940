"""The devices that share the rows of a problem, and what they compute together: sums over all rows, and decisions.

Inside a function that `sharding.over_rows` maps over them, each sees its own rows; a sum over rows has to be finished
by `total`. On one device all of this is nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh


@dataclasses.dataclass(frozen=True)
class Collectives:
    """The devices along the first axis of a mesh.

    Attributes:
      mesh: outside the mapped function; None for one device.
      axis: inside it, the name of that axis; else None.
    """

    mesh: Mesh | None = None
    axis: str | None = None

    @property
    def count(self) -> int:
        """How many parts the rows are in."""
        if self.axis is not None:
            return lax.axis_size(self.axis)
        return 1 if self.mesh is None else self.mesh.devices.shape[0]

    def total(self, part: Any) -> Any:
        """What was summed over the rows of this device, summed over all."""
        return part if self.axis is None else lax.psum(part, self.axis)

    def largest(self, part: Any) -> Any:
        """The largest over all devices."""
        return part if self.axis is None else lax.pmax(part, self.axis)

    def least(self, part: Any) -> Any:
        """The least over all devices."""
        return part if self.axis is None else lax.pmin(part, self.axis)

    def while_loop(self, unfinished: Callable[[Any], Any], body: Callable[[Any], Any], carry: Any) -> Any:
        """`lax.while_loop` that all devices leave together.

        On machines that round differently one would else wait for ever in a sum that another does not come to.

        Args:
          unfinished: from the carry to a () boolean; the loop goes on while it is true on every device.
          body: from a carry to the next one, of the same shapes; may call `total`.
          carry: pytree of arrays to begin with.
        """
        if self.axis is None:
            return lax.while_loop(unfinished, body, carry)

        def judged(carry: Any) -> tuple[Any, Any]:
            return self.least(unfinished(carry).astype(jnp.int32)), carry

        return lax.while_loop(lambda pair: pair[0] > 0, lambda pair: judged(body(pair[1])), judged(carry))[1]


ALONE = Collectives()
