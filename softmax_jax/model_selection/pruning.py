"""Which strengths cannot win: bounds on the validation loss and accuracy of an optimum, from its certificate.

J is l2-strongly convex in W, so a gap g at (W, b) bounds rho = ||W - W*|| by sqrt(2 g / l2). With features
centred at c, the logits of a row x move by (W* - W)^T (x - c) and by a change of the bias. The bias is at its
optimum for W; its optimum for W* is near, because its Hessian H(b) = sum_i w_i Cov_i is bounded below: reweighting
the classes of a row by exp(a) leaves at least exp(-(max a - min a)) of the covariance of that row. With
gamma = rho/2 sum_i w_i ||x_i - c||, mu the least eigenvalue of H orthogonal to the shift of all classes, and
r = max_i ||x_i - c||,

    1 - exp(-sqrt(2) ||db||) <= sqrt(2) gamma exp(sqrt(2) rho r) / mu        where the right side is below 1.

The difference of two logits of a row moves by at most sqrt(2) (rho ||x - c|| + ||db||): a row whose margin is
larger keeps its prediction, and no loss changes by more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from softmax_jax.inputs.conversion import is_sparse
from softmax_jax.model import Params
from softmax_jax.prediction import host_net_input, host_softmax, log_softmax

RULES = (None, "proof", "validation")
PATIENCE = 3  # strengths in a row with a rising validation loss after which weaker ones are not run
LARGEST_HESSIAN = 512  # classes up to which the bias is bounded; beyond it nothing is proven


class Bounds(NamedTuple):
    """What is proven about the optimum on the validation rows; nothing where `loss` is (-inf, inf)."""

    loss: tuple[float, float]
    accuracy: tuple[float, float]


class Spread(NamedTuple):
    """Of the training rows: centre c (m,), mean and largest distance from it, and whether a free bias absorbs c."""

    centre: np.ndarray
    mean: float
    largest: float
    intercept: bool


def spread(X: Any, weight: np.ndarray, intercept: bool = True) -> Spread:
    """The spread of rows X (n, m) with weights (n,) that sum to one; about zero where the bias is not free.

    Args:
      X: (n, m) dense features, any real dtype; distances are taken in float64.
      weight: (n,) floating >= 0, summing to one; rows of weight zero have no part in the largest distance.
      intercept: whether the bias is free.
    """
    wide = np.asarray(X, np.float64)
    centre = weight @ wide if intercept else np.zeros(wide.shape[1])
    distance = np.linalg.norm(wide - centre, axis=1)
    return Spread(centre, float(weight @ distance), float(distance[weight > 0].max()), intercept)


def validation_bounds(
    params: Params, gap: float, l2: float, training: tuple[Any, np.ndarray, Spread], validation: tuple[Any, np.ndarray]
) -> Bounds:
    """Bounds on the validation loss and accuracy of the optimum, from the gap at `params`.

    Args:
      params: W (m, k), b (k,) with the bias at its optimum, as a certificate leaves it.
      gap: proven J - J* in nats per sample.
      l2: strength > 0.
      training: features (n, m), weights (n,) that sum to one, and their spread.
      validation: features (n_val, m) and class indices (n_val,).
    """
    X, weight, of_rows = training
    X_val, y_val = validation
    rho = float(np.sqrt(2 * gap / l2))
    Z = host_net_input(params, X_val).astype(np.float64)
    shift = _bias_radius(host_softmax(host_net_input(params, X).astype(np.float64)), weight, rho, of_rows)
    distance = np.linalg.norm(np.asarray(X_val, np.float64) - of_rows.centre, axis=1)
    moved = np.sqrt(2) * (rho * distance + shift)
    rows = np.arange(len(y_val))
    losses = -log_softmax(Z)[rows, y_val]
    low, high = float(np.maximum(losses - moved, 0).mean()), float((losses + moved).mean())
    margin = Z[rows, y_val] - np.where(np.arange(Z.shape[1]) == y_val[:, None], -np.inf, Z).max(axis=1)
    return Bounds((low, high), (float((margin > moved).mean()), float((margin >= -moved).mean())))


def _bias_radius(O: np.ndarray, weight: np.ndarray, rho: float, of_rows: Spread) -> float:
    """How far the optimal bias can be from the one at hand, orthogonal to the shift of all classes; inf if unknown."""
    k = O.shape[1]
    if not of_rows.intercept:
        return 0.0
    if k > LARGEST_HESSIAN:
        return np.inf
    H = np.diag(weight @ O) - O.T @ (weight[:, None] * O)
    mu = float(np.linalg.eigvalsh(H + np.ones((k, k)) / k)[0])
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        right = rho * of_rows.mean / np.sqrt(2) * np.exp(np.sqrt(2) * rho * of_rows.largest) / mu
    return float(-np.log1p(-right) / np.sqrt(2)) if mu > 0 and right < 1 else np.inf


class Pruner:
    """Decides which strengths of a path cannot win on the validation rows.

    Args:
      rule: "proof" or "validation".
      X: (n, m) training features; dense for "proof".
      weight: (n,) sample weights or None.
      validation: features (n_val, m), and class indices (n_val,) or, for "validation", soft targets.
      intercept: whether the bias is free.
    """

    def __init__(
        self, rule: str, X: Any, weight: np.ndarray | None, validation: tuple[Any, np.ndarray], intercept: bool
    ) -> None:
        """For "proof", measure the spread of the rows."""
        self.rule, self.validation = rule, validation
        self.lead = 0.0  # accuracy that a strength already solved is proven to have
        if rule == "proof":
            if is_sparse(X) or is_sparse(validation[0]) or validation[1].ndim == 2:
                raise ValueError("Pruning by 'proof' needs dense X and labels y_val; give 'validation' instead.")
            w = np.ones(X.shape[0]) if weight is None else weight
            self.training = (X, w / w.sum(), spread(X, w / w.sum(), intercept))

    def cannot_win(self, params: Params, gap: float, l2: float) -> str:
        """Why a strength solved to `gap` is given up; "" where it may win.

        Args:
          params: W (m, k) and b (k,) with the bias at its optimum, as a certificate leaves it.
          gap: proven J - J* there, nats per sample; from inf nothing follows.
          l2: the strength >= 0; from 0 nothing follows.
        """
        if not (np.isfinite(gap) and l2 > 0):
            return ""
        best = validation_bounds(params, gap, l2, self.training, self.validation).accuracy[1]
        return f"proof: its accuracy is at most {best:.4f}, below {self.lead:.4f}" if best < self.lead else ""

    def learn(self, params: Params, gap: float, l2: float) -> None:
        """A strength is solved to `gap`.

        Args:
          params: W (m, k) and b (k,) of the solution, the bias at its optimum.
          gap: proven J - J* there, nats per sample; inf is passed over.
          l2: the strength >= 0; 0 is passed over.
        """
        if self.rule == "proof" and np.isfinite(gap) and l2 > 0:
            bounds = validation_bounds(params, gap, l2, self.training, self.validation)
            self.lead = max(self.lead, bounds.accuracy[0])

    def stop(self, losses: np.ndarray) -> str:
        """Why no weaker strength can win, given the validation losses from strong to weak; "" to go on."""
        rising = len(losses) > PATIENCE and bool((np.diff(losses[-PATIENCE - 1 :]) > 0).all())
        if self.rule != "validation" or not rising:
            return ""
        return f"validation: the loss rose {PATIENCE} times in a row, to {losses[-1]:.4f} from {losses.min():.4f}"
