"""Pictures of data, fits and paths; a file per idea, a function per picture.

Every function takes plain arrays, returns a matplotlib Axes and draws on `ax` where one is given. Without one it makes
a Figure of its own, outside pyplot: nothing is left open, and no window or backend is needed. Save it by
`ax.figure.savefig(path)`; in a notebook pass an `ax` of `plt.subplots()`. The Display classes draw what scikit-learn's
own displays do not know (certificate, path, weights, confidence of several classes) from results and estimators; for
confusion matrices and decision boundaries of an estimator scikit-learn's ConfusionMatrixDisplay and
DecisionBoundaryDisplay do as well.

loss, confusion, convergence, regularisation, validation, weights, regions, reliability, race: a picture each
displays  the same from results and estimators
style     colours, names and axes that they share
"""

from softmax_jax.plots.confusion import plot_confusion_matrix
from softmax_jax.plots.convergence import plot_convergence
from softmax_jax.plots.displays import (
    ConvergenceDisplay,
    RegularisationPathDisplay,
    ReliabilityDisplay,
    ValidationCurveDisplay,
    WeightsDisplay,
)
from softmax_jax.plots.loss import plot_loss_curve
from softmax_jax.plots.race import plot_gap_against_time
from softmax_jax.plots.regions import plot_decision_regions
from softmax_jax.plots.regularisation import plot_regularisation_path
from softmax_jax.plots.reliability import plot_reliability_diagram
from softmax_jax.plots.validation import plot_validation_curve
from softmax_jax.plots.weights import plot_weights

__all__ = [
    "ConvergenceDisplay",
    "RegularisationPathDisplay",
    "ReliabilityDisplay",
    "ValidationCurveDisplay",
    "WeightsDisplay",
    "plot_confusion_matrix",
    "plot_convergence",
    "plot_decision_regions",
    "plot_gap_against_time",
    "plot_loss_curve",
    "plot_regularisation_path",
    "plot_reliability_diagram",
    "plot_validation_curve",
    "plot_weights",
]
