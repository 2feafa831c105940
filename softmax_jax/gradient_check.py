"""One report that compares the gradient of J from three sources: autodiff, closed form, finite differences.

Autodiff and the closed form run in the dtype of the data. Central finite differences of `objective` run in
float64, whatever that dtype: (J(p + h e_i) - J(p - h e_i)) / 2h. Truncation costs about h^2, rounding about
eps J / h; they are alike where no logit moves by more than (eps J)^(1/3): about 1e-10 of the size of X.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from softmax_jax.display.html import grid
from softmax_jax.dtypes import compute_dtype, scope
from softmax_jax.gradients import both_gradients
from softmax_jax.losses import normalised_weights, objective
from softmax_jax.model import Params
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import on_host
from softmax_jax.runtime.meshes import with_auto_axes

MOST_COORDINATES = 256  # differentiated numerically; more parameters are sampled
EPS = float(np.finfo(np.float64).eps)


@with_documented_fields
class Difference(NamedTuple):
    """How far two gradients of one parameter are apart.

    Attributes:
      absolute: the largest absolute difference of a coordinate.
      relative: `absolute` over the largest magnitude of the gradient; 0 where both are exactly zero. It says
        little where the gradient itself is down to rounding error, as at a minimum: then read `absolute`.
    """

    absolute: float
    relative: float


@with_documented_fields
class GradientReport(NamedTuple):
    """The gradient of J by three methods; each comparison is Params(W=Difference, b=Difference).

    Attributes:
      autodiff_closed_form: autodiff against closed form, over all coordinates.
      autodiff_finite: autodiff against finite differences, over the coordinates checked.
      closed_form_finite: closed form against finite differences, over the coordinates checked.
      magnitude: Params of floats, the largest magnitude of the closed form.
      n_checked: coordinates differentiated numerically.
      n_coordinates: (m + 1) k.
      dtype: that autodiff and closed form were computed in.
      device: that they were computed on.
    """

    autodiff_closed_form: Params
    autodiff_finite: Params
    closed_form_finite: Params
    magnitude: Params
    n_checked: int
    n_coordinates: int
    dtype: str
    device: str

    def __str__(self) -> str:
        """The report as a table."""
        lines = [
            self._heading(),
            f"{'largest difference':<34}{'dJ/dW':^20}  {'dJ/db':^20}",
            f"{'':<34}{'absolute':>10}{'relative':>10}  {'absolute':>10}{'relative':>10}",
        ]
        for name, (W, b) in self._rows().items():
            cells = f"{W.absolute:>10.1e}{W.relative:>10.1e}  {b.absolute:>10.1e}{b.relative:>10.1e}"
            lines.append(f"{name:<34}{cells}")
        size = self.magnitude
        lines.append(f"{'(largest magnitude)':<34}{size.W:>10.1e}{'':>10}  {size.b:>10.1e}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The table that notebooks show."""
        header = ("largest difference", "dJ/dW", "relative", "dJ/db", "relative")
        rows = [
            (name, *(f"{value:.1e}" for value in (*W, *b)))  # absolute and relative of each
            for name, (W, b) in self._rows().items()
        ]
        rows.append(("(largest magnitude)", f"{self.magnitude.W:.1e}", "", f"{self.magnitude.b:.1e}", ""))
        return grid(header, rows, title=self._heading())

    def _heading(self) -> str:
        return (
            f"Gradient of J in {self.dtype} on {self.device}; finite differences in float64 "
            f"of {self.n_checked} of {self.n_coordinates} coordinates"
        )

    def _rows(self) -> dict[str, Params]:
        return {
            "autodiff - closed form": self.autodiff_closed_form,
            "autodiff - finite differences": self.autodiff_finite,
            "closed form - finite differences": self.closed_form_finite,
        }


@on_host
def compare_gradients(params: Params, X: Any, T: Any, l2: Any, sample_weight: Any = None) -> GradientReport:
    """Compare the gradient of J by autodiff, in closed form and by central finite differences.

    Of more than 256 parameters only a sample, the same at every call, is differentiated numerically.

    Args:
      params: W (m, k) and b (k,).
      X: (n, m) features; they and the params decide the dtype of autodiff and closed form.
      T: (n, k) one-hot or soft targets, rows sum to 1.
      l2: scalar >= 0, of the penalty l2/2 ||W||^2.
      sample_weight: (n,) >= 0, normalised to mean 1.

    Returns:
      GradientReport; `str` of it is a table.

    Raises:
      ValueError: shapes disagree.

    Example:
        >>> params = Params(np.array([[0.1, -0.1]]), np.zeros(2))
        >>> report = compare_gradients(params, np.array([[0.0], [1.0]]), np.eye(2), l2=0.1)
        >>> report.autodiff_closed_form.W.absolute < 1e-15, report.closed_form_finite.W.absolute < 1e-9
        (True, True)
    """
    params, X, T, sample_weight = jax.tree.map(with_auto_axes, (Params(*params), X, T, sample_weight))
    params = Params(*(p if hasattr(p, "dtype") else np.asarray(p) for p in params))
    X = X if hasattr(X, "dtype") else np.asarray(X)
    dtype = compute_dtype(X, *params)
    with scope(dtype):
        # a NumPy weight in float64 would widen the gradients
        weight = None if sample_weight is None else normalised_weights(sample_weight, X.shape[0], dtype)
        arguments = (_cast(params, dtype), jnp.asarray(X), jnp.asarray(T), l2, weight)
        automatic, closed = both_gradients(*arguments)
        device = _describe(closed.W)
        automatic, closed = _on_host(automatic), _on_host(closed)
    checked = _coordinates(*closed.W.shape)
    finite = _finite_differences(checked, params, X, T, l2, sample_weight)
    everything = Params(np.arange(closed.W.size), np.arange(closed.b.size))
    return GradientReport(
        _difference(automatic, closed, everything),
        _difference(automatic, finite, checked),
        _difference(closed, finite, checked),
        Params(*(float(np.abs(g).max()) for g in closed)),
        checked.W.size + checked.b.size,
        closed.W.size + closed.b.size,
        dtype.name,
        device,
    )


def _coordinates(m: int, k: int) -> Params:
    """Flat indices into W and into b of the coordinates to differentiate numerically, from a fixed seed."""
    rng = np.random.default_rng(0)
    n_bias = min(k, MOST_COORDINATES // 4) if (m + 1) * k > MOST_COORDINATES else k
    n_weights = min(m * k, MOST_COORDINATES - n_bias)
    return Params(np.sort(rng.choice(m * k, n_weights, replace=False)), np.sort(rng.choice(k, n_bias, replace=False)))


def _finite_differences(checked: Params, params: Params, X: Any, T: Any, l2: Any, sample_weight: Any) -> Params:
    """Gradient in float64 with NaN for the coordinates of W and b that are not in `checked`."""
    m, k = params.W.shape
    with scope(np.float64):
        wide = _cast(params, np.float64)
        X, T = jnp.asarray(X).astype(np.float64), jnp.asarray(T).astype(np.float64)
        if sample_weight is not None:  # before jit, which flushes subnormal weights to zero
            sample_weight = normalised_weights(sample_weight, X.shape[0], X.dtype)
        index = np.concatenate([checked.W, checked.b + m * k])
        slopes = np.array(_central_differences(index, wide, X, T, l2, sample_weight))
    W, b = np.full(m * k, np.nan), np.full(k, np.nan)
    W[checked.W], b[checked.b] = np.split(slopes, [checked.W.size])
    return Params(W.reshape(m, k), b)


@jax.jit
def _central_differences(index: Any, params: Params, X: Any, T: Any, l2: Any, sample_weight: Any) -> Any:
    """Central differences of `objective` along the coordinates `index` of the flattened params."""
    flat, unflatten = ravel_pytree(params)
    m, k = params.W.shape
    reach = jnp.repeat(jnp.max(jnp.abs(X), axis=0), k, total_repeat_length=m * k)
    reach = jnp.concatenate([jnp.where(reach > 0, reach, 1), jnp.ones(k)])  # of a step on the logits
    J = jnp.maximum(objective(params, X, T, l2, sample_weight), 1)
    steps = jnp.maximum(jnp.cbrt(EPS * J) / reach, 1e-12 * jnp.abs(flat))

    def slope(coordinate: tuple[Any, Any]) -> Any:
        i, h = coordinate
        above, below = flat.at[i].add(h), flat.at[i].add(-h)
        rise = objective(unflatten(above), X, T, l2, sample_weight)
        rise -= objective(unflatten(below), X, T, l2, sample_weight)
        return rise / (above[i] - below[i])  # the step as rounded

    return jax.lax.map(slope, (index, steps[index]))


def _difference(first: Params, second: Params, checked: Params) -> Params:
    """Params(W=Difference, b=Difference) over the flat indices `checked`."""

    def compare(a: np.ndarray, b: np.ndarray, index: np.ndarray) -> Difference:
        size = max(np.abs(a).max(), np.abs(b.ravel()[index]).max())
        absolute = np.abs(a - b).ravel()[index].max()
        return Difference(float(absolute), float(absolute / size) if absolute else 0.0)

    return Params(*map(compare, first, second, checked))


def _cast(params: Params, dtype: Any) -> Params:
    return Params(*(jnp.asarray(p).astype(dtype) for p in params))


def _on_host(gradient: Params) -> Params:
    return Params(*(np.array(g, np.float64) for g in gradient))


def _describe(array: jax.Array) -> str:
    """The kind of the devices that hold an array, and their number where there are several."""
    devices = sorted(array.devices(), key=lambda d: d.id)
    return devices[0].device_kind + (f" x {len(devices)}" if len(devices) > 1 else "")
