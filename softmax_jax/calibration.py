"""Calibration of probabilities on held-out samples: temperature scaling, and the expected calibration error.

    J(t)  = mean_i s_i H(T_i, softmax(Z_i / t))          convex in c = 1/t, with
    dJ/dc = mean_i s_i (sum_j O_ij Z_ij - sum_j T_ij Z_ij)

    ECE = sum over bins B of (s(B) / s) |accuracy(B) - confidence(B)|,
    where sample i falls into the bin ((r-1)/R, r/R] that holds its confidence max_j O_ij.

All on the host in float64.

References:
  Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, 2017, section 4.2 and equation 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import column_names
from softmax_jax.inputs.pairing import paired
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import in_numpy

_RANGE, _PRECISION = (-690.0, 690.0), 1e-13  # of log c
_BLOCK = 1 << 20  # elements of Z at a time
_SUM_TOLERANCE = 1e-2  # of a row of probabilities, which may be of 16 bits


@with_documented_fields
class TemperatureScaling(NamedTuple):
    """The best temperature and what it gains.

    Attributes:
      temperature: t, to divide the net input by; 0 and inf stand for limits, see status.
      cost_before: cross-entropy at t = 1, nats per sample.
      cost_after: cross-entropy at `temperature`, or its limit there.
      status: "converged"; "separated" where every sample has all its target on the largest entries of Z, so that the
        cost falls as long as t does (temperature 0); "uninformative" where no temperature is better than equal
        probabilities (temperature inf).
    """

    temperature: float
    cost_before: float
    cost_after: float
    status: str


@with_documented_fields
class ReliabilityTable(NamedTuple):
    """Samples by confidence, one entry per bin (lower, upper].

    Attributes:
      lower: (R,) lower edge.
      upper: (R,) upper edge.
      weight: (R,) share of the samples, by weight; sums to 1.
      confidence: (R,) mean confidence, NaN in an empty bin.
      accuracy: (R,) share of right predictions, NaN in an empty bin.
    """

    lower: np.ndarray
    upper: np.ndarray
    weight: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


@in_numpy
def temperature_scale(Z: Any, y: Any, sample_weight: Any = None, *, classes: Any = None) -> TemperatureScaling:
    """The temperature t > 0 that minimises the cross-entropy of softmax(Z / t) on held-out samples.

    Args:
      Z: (n, k) net input, finite, k >= 2; log-probabilities do as well.
      y: (n,) class indices in [0, k), or labels among `classes`; or soft targets T (n, k) whose rows sum to 1, paired
        with Z by the names of columns where both are frames.
      sample_weight: (n,) >= 0, of any scale.
      classes: (k,) labels of the columns of Z; needed where y holds labels, and where class 0 does not occur.

    Returns:
      TemperatureScaling; look at `status` before dividing by its temperature.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    names, Z = column_names(Z), _two_columns(checks.features(Z, name="Z"), "Z")
    T = _targets(y, Z, "Z", classes)
    T = paired(T, y, names, "y", of="Z") if T.ndim == 2 else T
    weight = checks.weights(sample_weight, len(Z))
    cost = _Cost(Z, T, np.ones(len(Z)) if weight is None else weight)
    before = cost.at(cost.scale)[0]
    if cost.scale == 0:
        return TemperatureScaling(1.0, before, before, "converged")
    if cost.slope_at_infinity() <= 0:
        return TemperatureScaling(0.0, before, cost.at_infinity(), "separated")
    if cost.at(0.0)[1] >= 0:
        return TemperatureScaling(np.inf, before, cost.at(0.0)[0], "uninformative")
    c = _best(cost)
    return TemperatureScaling(cost.scale / c, before, cost.at(c)[0], "converged")


@in_numpy
def reliability_table(
    O: Any, y: Any, n_bins: int = 15, sample_weight: Any = None, *, classes: Any = None
) -> ReliabilityTable:
    """Accuracy against confidence in bins of equal width, as drawn in a reliability diagram.

    Args:
      O: (n, k) probabilities, k >= 2, rows sum to 1.
      y: (n,) class indices in [0, k), or labels among `classes`.
      n_bins: R >= 1.
      sample_weight: (n,) >= 0, of any scale.
      classes: (k,) labels of the columns of O; needed where y holds labels, and where class 0 does not occur.

    Returns:
      ReliabilityTable of (R,) float64 arrays.

    Raises:
      ValueError, TypeError: an argument is not as described; the message names it.
    """
    O = _probabilities(O)
    labels = _targets(y, O, "O", classes)
    if labels.ndim != 1:
        raise ValueError(f"y must be (n,) class indices, got shape {labels.shape}.")
    R = checks.number(n_bins, "n_bins", low=1, integer=True)
    s = checks.weights(sample_weight, len(O))
    s = np.full(len(O), 1 / len(O)) if s is None else s / s.sum()
    return binned(O.max(axis=1), O.argmax(axis=1) == labels, s, R)


def binned(confidence: np.ndarray, right: np.ndarray, s: np.ndarray, R: int) -> ReliabilityTable:
    """The table of samples of which no more than this is known.

    Args:
      confidence: (n,) float64 largest probability of each.
      right: (n,) whether its class is that of the sample.
      s: (n,) weights that sum to one.
      R: bins.
    """
    edges = np.arange(R + 1) / R
    bins = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, R - 1)
    weight, of_confidence, of_right = (np.bincount(bins, s * v, R) for v in (np.ones(len(s)), confidence, right))
    means = [np.divide(v, weight, out=np.full(R, np.nan), where=weight > 0) for v in (of_confidence, of_right)]
    return ReliabilityTable(edges[:-1], edges[1:], weight, *means)


@in_numpy
def expected_calibration_error(
    O: Any, y: Any, n_bins: int = 15, sample_weight: Any = None, *, classes: Any = None
) -> float:
    """ECE: the mean distance of accuracy from confidence over bins of equal width, in [0, 1].

    Args:
      O: (n, k) probabilities, as for `reliability_table`, which raises the same errors.
      y: (n,) class indices or labels.
      n_bins: R >= 1; the number depends on it.
      sample_weight: (n,) >= 0, of any scale.
      classes: (k,) labels of the columns.
    """
    return error_of(reliability_table(O, y, n_bins, sample_weight, classes=classes))


def error_of(table: ReliabilityTable) -> float:
    """The expected calibration error of a table."""
    return float(np.nansum(table.weight * np.abs(table.accuracy - table.confidence)))


class _Cost:
    """J as a function of c = scale / t, with A = (Z - its largest entry by row) / scale in [-1, 0]."""

    def __init__(self, Z: Any, T: np.ndarray, weight: np.ndarray) -> None:
        kept = weight > 0
        # halved, because the difference of two entries may exceed the largest float64
        A = np.asarray(Z, np.float64)[kept] / 2
        A -= A.max(axis=1, keepdims=True)
        largest = float(-A.min())
        self.scale = 2 * min(largest, np.finfo(float).max / 2)
        self.A = A / largest if largest else A
        T = T[kept]
        self.target = self.A[np.arange(len(A)), T] if T.ndim == 1 else (T * self.A).sum(axis=1)
        self.s = weight[kept] / weight[kept].sum()

    def at(self, c: float) -> tuple[float, float]:
        """J and dJ/dc."""
        result = np.zeros(2)
        rows = max(1, _BLOCK // self.A.shape[1])
        for start in range(0, len(self.A), rows):
            A, target, s = (v[start : start + rows] for v in (self.A, self.target, self.s))
            E = np.exp(c * A)
            total = E.sum(axis=1)
            mean = (E * A).sum(axis=1) / total
            result += s @ np.stack([np.log(total) - c * target, mean - target], axis=1)
        return float(result[0]), float(result[1])

    def slope_at_infinity(self) -> float:
        """The limit of dJ/dc: zero where each target lies on largest entries alone."""
        return -float(self.s @ self.target)

    def at_infinity(self) -> float:
        """The limit of J for separated samples: nothing but what equal largest entries cost."""
        return float(self.s @ np.log((self.A == 0).sum(axis=1)))


def _best(cost: _Cost) -> float:
    """The root c of dJ/dc, by Brent's method in log c; the end of the range where it lies beyond."""

    def slope(u: float) -> float:
        return cost.at(float(np.exp(u)))[1]

    root: Any = brentq(slope, *_RANGE, xtol=_PRECISION) if slope(_RANGE[1]) > 0 else _RANGE[1]
    return float(np.exp(root))


def _two_columns(array: Any, name: str) -> Any:
    if array.shape[1] < 2:
        raise ValueError(f"{name} must have a column per class, at least 2, got shape {array.shape}.")
    return array


def _targets(y: Any, rows: Any, name: str, classes: Any) -> np.ndarray:
    """Class indices (n,) or soft targets (n, k) for the rows of Z or O, whose columns are of `classes`."""
    n, k = rows.shape
    labels = checks.as_labels(y)
    if labels.ndim > 0 and len(labels) != n:
        raise ValueError(f"{name} and y must have the same number of rows, got {n} in {name} and {len(labels)} in y.")
    if classes is None:
        if labels.ndim == 1:
            check_indices(checks.check_labels(labels), k, name)
        return checks.targets(labels, n, classes=np.arange(k))[0]
    names = checks.as_labels(classes, "classes")
    if names.shape != (k,):
        raise ValueError(f"classes must name the {k} columns of {name}, got shape {names.shape}.")
    T = checks.targets(labels, n, classes=names)[0]  # labels as indices into the sorted names
    return np.argsort(names)[T] if T.ndim == 1 else T


def check_indices(labels: np.ndarray, k: int, name: str) -> None:
    """Raise ValueError unless the labels are class indices in [0, k), and not such as labels 1 to k would be.

    Args:
      labels: (n,) of `checks.check_labels`.
      k: number of columns.
      name: what error messages call the array with these columns.
    """
    remedy = f"where y holds labels, give those of the columns of {name} as classes."
    known = np.zeros(len(labels), bool) if labels.dtype.kind in "OU" else (labels >= 0) & (labels < k)
    if not known.all():
        raise ValueError(f"y must hold class indices in [0, {k}), got {labels[~known].tolist()[0]!r}: {remedy}")
    if labels.min() > 0:
        raise ValueError(
            f"y must hold class indices in [0, {k}), got no 0, as of labels that count from 1: {remedy} Indices they "
            f"are with classes=range({k})."
        )


def _probabilities(O: Any) -> np.ndarray:
    """O as float64, checked."""
    O = _two_columns(np.asarray(checks.features(O, name="O"), np.float64), "O")
    if O.min() < 0 or O.max() > 1 + _SUM_TOLERANCE:
        raise ValueError(f"O must hold probabilities in [0, 1], got values from {O.min()} to {O.max()}.")
    off = np.abs(O.sum(axis=1) - 1)
    if off.max() > _SUM_TOLERANCE:
        i = int(off.argmax())
        raise ValueError(f"Rows of O must sum to 1 (to {_SUM_TOLERANCE}), got {O[i].sum()} in row {i}.")
    return O
