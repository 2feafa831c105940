"""What a Problem asks of the record that holds its rows, DeviceRows or StreamedRows."""

from __future__ import annotations

from typing import Any, Protocol, Self

from softmax_jax.model import Params
from softmax_jax.problem.blocks import Folded, Net, Part
from softmax_jax.problem.collectives import Collectives
from softmax_jax.problem.tiles import Tiles


class Rows(Protocol):
    """N rows of m features with their targets and weights."""

    @property
    def is_streamed(self) -> bool:
        """Whether a pass is a loop in Python, which no compiled program can hold."""
        ...

    @property
    def dtype(self) -> Any:
        """The dtype of all computation."""
        ...

    @property
    def stored_dtype(self) -> Any:
        """The dtype in which X is stored."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """(N, m) of the features, padding included."""
        ...

    @property
    def count(self) -> int:
        """Rows that sums are taken over, on all devices."""
        ...

    @property
    def collectives(self) -> Collectives:
        """The devices that share the rows."""
        ...

    @property
    def stores_logits(self) -> bool:
        """Whether the net input of all rows is kept."""
        ...

    @property
    def is_wide(self) -> bool:
        """Whether the m x m covariance of the features is too large to be factorised."""
        ...

    @property
    def can_shift(self) -> bool:
        """Whether columns may be shifted: zeros that are not stored have to stay zeros."""
        ...

    @property
    def can_scale(self) -> bool:
        """Whether powers of two are exact in the dtype in which X is stored: float16 has too few."""
        ...

    def net(self, params: Params) -> Net:
        """The net input of `params`: one forward product where logits are stored, nothing where they are not."""
        ...

    def fold(self, part: Part, nets: tuple[Net, ...], *args: Any, pull: str | None = None) -> Folded:
        """What `part` finds, summed over all rows: one pass.

        Args:
          part: see blocks.py.
          nets: what `net` gave.
          args: further ones of the part.
          pull: None, or how the R of the part is pulled back: "closed_form" or "autodiff".
        """
        ...

    def while_loop(self, unfinished: Any, body: Any, carry: Any) -> Any:
        """For loops in which there are passes: `lax.while_loop`, or one in Python where rows are streamed.

        Args:
          unfinished: from a carry to a boolean ().
          body: from a carry to the next.
          carry: a pytree.
        """
        ...

    def target_totals(self, k: int) -> Any:
        """Weighted class totals of T (k,)."""
        ...

    def squares(self) -> Any:
        """Sum over rows of w_i x_i^2 (m,), or what it is at most."""
        ...

    def moments(self, centred: Any, rows: int) -> tuple[Any, Any]:
        """Weighted mean (m,) and covariance (m, m) about it, from a sample of rows.

        Args:
          centred: (), 0 where the mean is to be zero.
          rows: about how many to take.
        """
        ...

    def variances(self, centred: Any) -> tuple[Any, Any]:
        """`moments` without the covariances, from all rows."""
        ...

    def extent(self) -> tuple[Any, Any]:
        """The least and the largest entry of each column (m,), in rows of positive weight."""
        ...

    def scaled(self, scale: Any) -> Self:
        """The same rows with their columns multiplied by `scale` (m,)."""
        ...

    def shifted(self, offset: Any) -> Self:
        """The same rows less `offset` (m,)."""
        ...

    @property
    def tiles(self) -> Tiles:
        """How much is worked on at a time, and how products are computed."""
        ...

    def worked_by(self, tiles: Tiles) -> Self:
        """The same rows, worked on as `tiles` say."""
        ...

    def with_features_of(self, other: Any) -> Self:
        """These rows, in their own dtype, with the features of `other`, a record of the same kind."""
        ...
