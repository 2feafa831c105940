"""Displays in the manner of scikit-learn: made from a result or an estimator, drawn by `plot`, kept in `ax_`.

They only pick the arrays of a result; the pictures are those of the plot functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from matplotlib.axes import Axes

from softmax_jax.plots.convergence import plot_convergence
from softmax_jax.plots.feature_weights import plot_feature_weights
from softmax_jax.plots.regularisation import plot_regularisation_path
from softmax_jax.plots.reliability import plot_reliability_diagram
from softmax_jax.plots.sparse_path import plot_sparse_path
from softmax_jax.plots.validation import plot_validation_curve
from softmax_jax.plots.weights import plot_weights

if TYPE_CHECKING:
    from softmax_jax.fitting.single import FitResult
    from softmax_jax.model_selection.path import PathResult


class Display:
    """A picture and the arguments that draw it, so that it can be drawn again elsewhere.

    Attributes:
      arguments: what the plot function is called with.
      options: its keyword arguments.
      ax_: the Axes last drawn on.
      figure_: its figure.
    """

    _draw: Callable[..., Axes]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Keep the arguments of the plot function."""
        self.arguments, self.options = arguments, options

    def plot(self, ax: Axes | None = None, **options: Any) -> Self:
        """Draw the picture.

        Args:
          ax: where to draw; a new figure where not given.
          **options: those of the plot function, in place of what was kept.
        """
        self.ax_ = type(self)._draw(*self.arguments, **{**self.options, **options}, ax=ax)
        self.figure_ = self.ax_.figure
        return self


class ConvergenceDisplay(Display):
    """The distance to the optimum after each iteration, see `plot_convergence`."""

    _draw = staticmethod(plot_convergence)

    @classmethod
    def from_result(cls, result: FitResult, **options: Any) -> Self:
        """Draw a fit by an exact solver.

        Args:
          result: what `fit` returned.
          **options: those of `plot`.
        """
        return cls(result.history, result.objective, result.duality_gap).plot(**options)

    @classmethod
    def from_estimator(cls, estimator: Any, **options: Any) -> Self:
        """Draw a fitted `SoftmaxRegression`, its tol as a line.

        Args:
          estimator: the model.
          **options: those of `plot`.
        """
        fitted = (estimator.history_, estimator.objective_, estimator.duality_gap_)
        return cls(*fitted, tol=estimator.tol).plot(**options)


class RegularisationPathDisplay(Display):
    """The weights against l2, see `plot_regularisation_path`."""

    _draw = staticmethod(plot_regularisation_path)

    @classmethod
    def from_result(cls, path: PathResult, **options: Any) -> Self:
        """Draw a regularisation path.

        Args:
          path: a result of `fit_path`.
          **options: those of `plot`.
        """
        return cls(path.l2_values, path.params.W, classes=path.classes).plot(**options)


class SparsePathDisplay(Display):
    """The weights against l1, with validation scores, see `plot_sparse_path`."""

    _draw = staticmethod(plot_sparse_path)

    @classmethod
    def from_result(cls, path: PathResult, *, kind: str = "accuracy", **options: Any) -> Self:
        """Draw a path along l1; the scores are drawn where it has validation rows.

        Args:
          path: a result of `fit_path`.
          kind: "loss" or "accuracy".
          **options: those of `plot`.
        """
        values = path.val_accuracy if kind == "accuracy" else path.val_loss
        found: Any = {}
        if not np.isnan(values).all():
            found = {"scores": values, "kind": kind, "best": path.best_by(kind)}
        return cls(path.l1_values, path.params.W, classes=path.classes, **found).plot(**options)


class ValidationCurveDisplay(Display):
    """Validation loss or accuracy against l2, see `plot_validation_curve`."""

    _draw = staticmethod(plot_validation_curve)

    @classmethod
    def from_result(cls, path: PathResult, *, kind: str = "loss", **options: Any) -> Self:
        """Draw a result of `fit_path` with validation rows; the mark is at `path.best_by(kind)`.

        Args:
          path: the result.
          kind: "loss" or "accuracy".
          **options: those of `plot`.
        """
        values = path.val_accuracy if kind == "accuracy" else path.val_loss
        return cls(path.l2_values, values, kind=kind, dropped=path.dropped, best=path.best_by(kind)).plot(**options)


def _weights(W: Any, image_shape: tuple[int, ...] | None, **options: Any) -> Axes:
    if image_shape is None:
        return plot_feature_weights(W, **options)
    return plot_weights(W, image_shape, **options)


class WeightsDisplay(Display):
    """Weights as images, see `plot_weights`, or where features are no pixels as `plot_feature_weights` shows them."""

    _draw = staticmethod(_weights)

    @classmethod
    def from_estimator(cls, estimator: Any, image_shape: tuple[int, ...] | None = None, **options: Any) -> Self:
        """Draw a fitted `SoftmaxRegression`.

        Args:
          estimator: the model.
          image_shape: (height, width) of the pixels that its features are; None where they are no pixels.
          **options: those of `plot`.
        """
        named: Any = {"classes": estimator.classes_}
        if image_shape is None:
            named["feature_names"] = getattr(estimator, "feature_names_in_", None)
        return cls(estimator.params_.W, image_shape, **named).plot(**options)


class ReliabilityDisplay(Display):
    """Accuracy against confidence for any number of classes, see `plot_reliability_diagram`."""

    _draw = staticmethod(plot_reliability_diagram)

    @classmethod
    def from_predictions(cls, y: Any, O: Any, **options: Any) -> Self:
        """Draw probabilities.

        Args:
          y: (n,) class indices, or labels of the columns named by `classes`.
          O: (n, k) probabilities.
          **options: those of `plot`.
        """
        return cls(O, y).plot(**options)

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any, **options: Any) -> Self:
        """Draw what a fitted classifier says.

        Args:
          estimator: the model.
          X: (n, m) features.
          y: (n,) labels, all of which it must know.
          **options: those of `plot`.
        """
        return cls(estimator.predict_proba(X), y, classes=estimator.classes_).plot(**options)
