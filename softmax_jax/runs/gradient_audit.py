"""Is the gradient right on these data, on these devices? Autodiff, closed form and finite differences, with a verdict.

Compared at random parameters and at the optimum, in float32 and float64, within what rounding alone may make.
With u the unit roundoff of the dtype and x the largest column mean of |X|,

    autodiff - closed form      32 u (1 + max |Z|) x                          an entry is a mean of n products
    either - finite difference  the same + 10 (eps max(J, 1))^(2/3) max |X|   central differences, in float64

and for dJ/db with 1 in the place of x and |X|. A wrong formula is off by a part of the gradient itself: far more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from softmax_jax.fitting.single import fit
from softmax_jax.gradient_check import GradientReport, compare_gradients
from softmax_jax.inputs import checks
from softmax_jax.inputs.samples import samples
from softmax_jax.losses import objective
from softmax_jax.model import Params, init_params, one_hot_encode
from softmax_jax.prediction import host_net_input
from softmax_jax.runtime.host import on_host

_Weight = np.ndarray | None
_FLOAT64_EPS = float(np.finfo(np.float64).eps)


class Finding(NamedTuple):
    """One comparison and what was allowed.

    Attributes:
      point: "start" (random parameters) or "optimum".
      report: the differences found.
      exact: Params of floats, what autodiff and closed form may differ by.
      finite: Params of floats, what either may differ from finite differences by.
      worst: the largest difference over what was allowed for it.
    """

    point: str
    report: GradientReport
    exact: Params
    finite: Params
    worst: float

    @property
    def passed(self) -> bool:
        """Whether every difference is within the tolerance."""
        return self.worst <= 1


@on_host
def audit(
    X: np.ndarray,
    y: np.ndarray,
    *,
    l2: float,
    sample_weight: np.ndarray | None = None,
    seed: int = 0,
    devices: Sequence[Any] | None = None,
) -> list[Finding]:
    """Compare the gradients at random and at fitted parameters, on each device, in float32 and float64.

    Args:
      X: (n, m) features.
      y: (n,) labels.
      l2: strength >= 0.
      sample_weight: (n,) >= 0, or None.
      seed: of the random parameters, N(0, 1).
      devices: where to; `devices_at_hand` where not given.

    Returns:
      A Finding for each device, dtype and point; TPUs have no float64.
    """
    classes, index = np.unique(y, return_inverse=True)
    T = one_hot_encode(index, len(classes))
    result = fit(samples(checks.features(X), y, sample_weight), None, l2=l2)
    if result.status == "interrupted":
        raise KeyboardInterrupt
    points = {"start": init_params(X.shape[1], len(classes), seed, dtype=np.float64), "optimum": result.params}
    findings = []
    for device in devices_at_hand() if devices is None else devices:
        for dtype in (np.float32,) if device.platform == "tpu" else (np.float32, np.float64):
            for point, params in points.items():
                there = Params(*(np.asarray(p, dtype) for p in params))
                with jax.default_device(device):
                    findings.append(_find(point, there, X.astype(dtype), T, l2, sample_weight))
    return findings


def devices_at_hand() -> list[Any]:
    """Every accelerator, and one CPU: more CPU devices of one machine are the same cores."""
    accelerators = [device for device in jax.local_devices() if device.platform != "cpu"]
    return [*accelerators, jax.local_devices(backend="cpu")[0]]


def _find(point: str, params: Params, X: np.ndarray, T: np.ndarray, l2: float, weight: _Weight) -> Finding:
    report = compare_gradients(params, X, T, l2, weight)
    exact, finite = _allowed(params, X, T, l2, weight)
    parts = [
        difference.absolute / allowed
        for differences, bound in (
            (report.autodiff_closed_form, exact),
            (report.autodiff_finite, finite),
            (report.closed_form_finite, finite),
        )
        for difference, allowed in zip(differences, bound, strict=True)
    ]
    worst = float(np.max(parts)) if np.isfinite(parts).all() else float("inf")  # NaN is no agreement
    return Finding(point, report, exact, finite, worst)


def _allowed(
    params: Params, X: np.ndarray, T: np.ndarray, l2: float, weight: np.ndarray | None
) -> tuple[Params, Params]:
    """What autodiff and closed form may differ by, and either of them from finite differences."""
    s = np.ones(len(X)) if weight is None else np.asarray(weight, np.float64)
    unit = float(np.finfo(X.dtype).eps) / 2
    largest_logit = float(np.abs(host_net_input(params, X)).max())
    mean_size = float((np.abs(X).T.astype(np.float64) @ (s / s.sum())).max())
    penalty = l2 * float(np.abs(params.W).max())
    rounding = 32 * unit * (1 + largest_logit)
    exact = Params(rounding * mean_size + 32 * unit * penalty, rounding)
    J = float(objective(params, X, T, l2, weight))
    truncation = 10 * (_FLOAT64_EPS * max(J, 1.0)) ** (2 / 3)
    return exact, Params(exact.W + truncation * float(np.abs(X).max()), exact.b + truncation)
