"""Problem: the data, and the passes over it that a solver may ask for. A solver sees nothing else.

Inside, logits are class-major, (k, N), and N is n padded with rows of weight zero, so that data of similar size
share one compiled program. Params keep their public shape, W (m, k), b (k,). How rows are held, with all logits stored,
by blocks, or read from a file in each pass, is the matter of the rows record alone.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.losses import ridge
from softmax_jax.model import Params
from softmax_jax.penalties import sparsity
from softmax_jax.problem import logits
from softmax_jax.problem.blocks import Folded, Net
from softmax_jax.problem.device_rows import DeviceRows
from softmax_jax.problem.logits import Slope
from softmax_jax.problem.rows import Rows
from softmax_jax.problem.tiles import Tiles

ABSENT_BIAS = -1e30  # of a class that is padding: no other logit is as low
MASSLESS_BIAS = -64.0  # beside the others, of a class without mass: its probability is e^-64 and moves nothing
OF_ROWS = ("X", "T", "weights", "T_scale", "mean_squares")


class Point(NamedTuple):
    """What a solver knows at `params`: J, its gradient, and the mean output curvature of each class."""

    params: Params
    Z: Any  # (k, N), the cached net input; None where no logits are stored
    objective: Any  # () nats per sample
    gradient: Params  # of the smooth part of J
    curvature: Any  # (k,), mean of O_j (1 - O_j)


class Spread(NamedTuple):
    """Weighted mean (m,) and variance (m,) of the columns, from all rows; about zero where the bias is not free."""

    mean: Any
    variance: Any


class Columns(NamedTuple):
    """Columns as the measure of a gradient without a penalty sees them: mean (m,), and unit (m,) of its entries."""

    mean: Any
    unit: Any


class Penalty(NamedTuple):
    """What a solver's own arithmetic needs to know of a problem beside its passes."""

    l2: Any  # ()
    intercept: Any  # () 1 where the bias is free, else 0
    columns: Columns | None = None  # where l2 is 0
    classes: Any = None  # () how many there are, where the last columns of W are padding
    sparsity: Any = None  # l1 Omega, as of penalties.Sparsity


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Problem:
    """The regularised loss over rows.

    Attributes:
      rows: a record of how rows and logits are held, DeviceRows or StreamedRows.
      l2: () scalar >= 0.
      intercept: () 1 where the bias is free, 0 where it stays as it is.
      columns: in what units a gradient is measured, where l2 is 0.
      classes: () how many there are, where the last ones are padding (see placement/padding.py); else None.
      sparsity: l1 Omega, a record of penalties.py, or None. It is in J, not in gradients and curvature, which are those
        of the smooth part.
      gradient: "closed_form" or "autodiff", the source of the residual and of its pull-back.
    """

    rows: Rows
    l2: Any
    intercept: Any
    columns: Columns | None = None
    classes: Any = None
    sparsity: Any = None
    gradient: str = dataclasses.field(default="closed_form", metadata={"static": True})

    @property
    def dtype(self) -> Any:
        """The dtype of all computation."""
        return self.rows.dtype

    @property
    def shape(self) -> tuple[int, int]:
        """(N, m) of the features."""
        return self.rows.shape

    @property
    def in_memory(self) -> DeviceRows:
        """The rows, for those who need them by index or their logits; TypeError where they are streamed."""
        if not isinstance(self.rows, DeviceRows):
            raise TypeError(f"Rows must be in device memory for this, got {type(self.rows).__name__}.")
        return self.rows

    @property
    def penalty(self) -> Penalty:
        """What is no pass."""
        return Penalty(self.l2, self.intercept, self.columns, self.classes, self.sparsity)

    def replaced(self, **fields: Any) -> Problem:
        """The problem with other fields, of its own or OF_ROWS of its rows."""
        of_rows = {name: fields.pop(name) for name in OF_ROWS if name in fields}
        if "X" in of_rows or "weights" in of_rows:
            of_rows.setdefault("mean_squares", None)
        rows = dataclasses.replace(self.in_memory, **of_rows) if of_rows else self.rows
        return dataclasses.replace(self, **{"rows": rows, **fields})

    def while_loop(self, unfinished: Any, body: Any, carry: Any) -> Any:
        """For loops in which there are passes: `lax.while_loop`, or one in Python where rows are streamed.

        Args:
          unfinished: from the carry to whether to go on, () boolean.
          body: from a carry to the next one, of the same shapes; may make passes.
          carry: pytree of arrays to begin with.
        """
        return self.rows.while_loop(unfinished, body, carry)

    def at(self, params: Params) -> Point:
        """The point at `params`: one forward and one backward product."""
        return self._point(self.rows.net(params))

    def along(self, direction: Params) -> Any:
        """D (k, N), the change of Z along W of `direction`: one forward product; only where logits are stored.

        That along its b, the same for all rows, costs less where it is added to what is read of D anyway.
        """
        return self.in_memory.X.forward(direction.W)

    def slope(self, point: Point, direction: Params, D: Any, t: Any, shift: Any) -> Slope:
        """Derivatives of J at point + t direction + shift, from stored Z and D: O(N k), no product with X.

        Args:
          point: with stored Z.
          direction: Params, W (m, k) and b (k,).
          D: (k, N) from `along(direction)`.
          t: () step along `direction`.
          shift: (k,) of the bias beside it.
        """
        rows = self.in_memory
        V, d = direction
        found = logits.slope(rows.tiles, point.Z, D, d, rows.targets, rows.weights, t, shift)
        found = rows.collectives.total(found)
        first = found.first + self.l2 * (jnp.vdot(point.params.W, V) + t * jnp.vdot(V, V))
        return found._replace(first=first, second=found.second + self.l2 * jnp.vdot(V, V))

    def advance(self, point: Point, direction: Params, D: Any, t: Any, shift: Any) -> Point:
        """The point at params + t direction + shift, from stored Z and D: one backward product.

        Args:
          point: with stored Z, where the line starts.
          direction: Params, W (m, k) and b (k,).
          D: (k, N) from `along(direction)`.
          t: () step along `direction`.
          shift: (k,) of the bias beside it.
        """
        shift = t * direction.b + shift
        params = Params(point.params.W + t * direction.W, point.params.b + shift)
        return self._point(Net(params, point.Z + t * D + shift[:, None]))

    def with_l2_moved(self, point: Point, old_l2: Any) -> Point:
        """The point of this problem at the parameters of `point`, which belongs to strength `old_l2`: no pass.

        Args:
          point: of a problem that differs from this one in l2 alone.
          old_l2: () >= 0.
        """
        change, W = self.l2 - old_l2, point.params.W
        gradient = Params(point.gradient.W + change * W, point.gradient.b)
        return point._replace(objective=point.objective + ridge(W, change), gradient=gradient)

    def hessian_product(self, point: Point, direction: Params) -> Params:
        """The Hessian at `point` times `direction`: one forward product, or two, and a backward one.

        Args:
          point: of this problem; its Z, where it is stored, saves a forward product.
          direction: Params, W (m, k) and b (k,), of any scale.
        """
        nets = Net(point.params, point.Z), self.rows.net(direction)
        return _pulled_back(self.penalty, direction, self.rows.fold(_curved, nets, pull="closed_form"))

    def second_moment(self, rows: int) -> tuple[Any, Any]:
        """Weighted mean (m,) and covariance (m, m) of the features, from about `rows` rows at random.

        The mean is zero where the bias is not free, because then nothing absorbs it.
        """
        return self.rows.moments(self.intercept, rows)

    def variances(self) -> Spread:
        """The spread of the features: `second_moment` without the covariances, from all rows."""
        return Spread(*self.rows.variances(self.intercept))

    def objective(self, params: Params) -> Any:
        """J () at `params`: one forward product."""
        return self.rows.fold(_lost, (self.rows.net(params),)).sums + penalty_of(self.penalty, params.W)

    def count(self, holds: Any, *points: Point) -> Any:
        """The number () of rows of positive weight for which `holds(T, Z of each point)` is true."""
        return self.rows.fold(_counting(holds), tuple(Net(point.params, point.Z) for point in points)).sums

    def _point(self, net: Net) -> Point:
        part = _differentiated if self.gradient == "autodiff" else _evaluated
        return _assembled(self.penalty, net, self.rows.fold(part, (net,), pull=self.gradient))


def _evaluated(tiles: Tiles, Z: Any, T: Any, w: Any) -> tuple[Any, Any]:
    loss, R, curvature = logits.residual(tiles, Z, T, w)
    return (loss, curvature), R


def _differentiated(tiles: Tiles, Z: Any, T: Any, w: Any) -> tuple[Any, Any]:
    """As `_evaluated`, with the residual by autodiff."""
    loss, _, curvature = logits.residual(tiles, Z, T, w)
    return (loss, curvature), jax.grad(logits.loss, argnums=1)(tiles, Z, T, w)


def _curved(tiles: Tiles, Z: Any, D: Any, T: Any, w: Any) -> tuple[Any, Any]:
    return (), logits.curvature_product(tiles, Z, D, w)


def _lost(tiles: Tiles, Z: Any, T: Any, w: Any) -> tuple[Any, None]:
    return logits.loss(tiles, Z, T, w), None


@functools.cache
def _counting(holds: Any) -> Any:
    """The part that counts rows of positive weight for which `holds`."""

    def counted(_: Tiles, *arrays: Any) -> tuple[Any, None]:
        *Z, T, w = arrays
        return jnp.sum((w > 0) & holds(T, *Z), dtype=jnp.int32), None

    return counted


@jax.jit
def penalty_of(penalty: Penalty, W: Any) -> Any:
    """l2/2 ||W||^2 + l1 Omega(W) ().

    Args:
      penalty: of a problem.
      W: (m, k), in its dtype.
    """
    smooth = ridge(W, penalty.l2)
    return smooth if penalty.sparsity is None else smooth + penalty.sparsity.l1 * jnp.sum(penalty.sparsity.sizes(W))


@jax.jit
def _assembled(penalty: Penalty, net: Net, found: Folded) -> Point:
    loss, curvature = found.sums
    J = loss + penalty_of(penalty, net.params.W)
    return Point(net.params, net.Z, J, _pulled_back(penalty, net.params, found), curvature)


@jax.jit
def _pulled_back(penalty: Penalty, params: Params, found: Folded) -> Params:
    """The gradient's share of the rows, and that of the penalty at `params`."""
    return Params(found.dW + penalty.l2 * params.W, penalty.intercept * found.db)


class Data(NamedTuple):
    """One problem twice, sharing X: in the dtype of training, and in float64 with the exact weights and l2.

    Attributes:
      training: what solvers iterate on.
      exact: what certificates are evaluated on; `training` itself where that is float64.
      dtype: of the parameters to return.
      offset: (m,) by which the columns of X are shifted, or None (see offsets.py).
    """

    training: Problem
    exact: Problem
    dtype: Any
    offset: np.ndarray | None = None


def with_strengths(data: Data, l1: float, l2: float, group: str | None) -> Data:
    """The data at other strengths of l1 Omega(W) + l2/2 ||W||^2; they are traced, so that nothing is compiled again.

    Args:
      data: in the dtype of training, and exactly.
      l1: strength > 0.
      l2: strength >= 0.
      group: as in `penalties.penalty`.
    """

    def at(problem: Problem) -> Problem:
        with scope(problem.dtype):
            first, second = (jnp.asarray(problem.dtype.type(strength)) for strength in (l1, l2))
        return problem.replaced(l2=second, sparsity=sparsity(first, group))

    exact = at(data.exact)
    return data._replace(training=exact if data.training is data.exact else at(data.training), exact=exact)


def padded_rows(n: int) -> int:
    """N >= n such that few distinct N occur: at most 3 for n in [1000, 2000], at most 1.6 % more rows for large n."""
    if n <= 16:
        return 16
    octave = (n - 1).bit_length() - 1  # n in (2^octave, 2^(octave + 1)]
    step = 2 ** (octave - (1 if octave < 12 else 3 if octave < 16 else 6))
    return -(-n // step) * step
