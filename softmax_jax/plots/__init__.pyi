"""The public names of the pictures; see __init__.py."""

from .comparison import plot_comparison, plot_few_shot
from .confused_pairs import plot_confused_pairs
from .confusion import plot_confusion_matrix
from .convergence import plot_convergence
from .displays import (
    ConvergenceDisplay,
    RegularisationPathDisplay,
    ReliabilityDisplay,
    SparsePathDisplay,
    ValidationCurveDisplay,
    WeightsDisplay,
)
from .feature_weights import plot_feature_weights
from .loss import plot_loss_curve
from .probe import plot_probe
from .race import plot_gap_against_time
from .regions import plot_decision_regions
from .regularisation import plot_regularisation_path
from .reliability import plot_reliability_diagram
from .sparse_path import plot_sparse_path
from .validation import plot_validation_curve
from .weights import plot_weights

__all__ = [
    "ConvergenceDisplay",
    "RegularisationPathDisplay",
    "ReliabilityDisplay",
    "SparsePathDisplay",
    "ValidationCurveDisplay",
    "WeightsDisplay",
    "plot_comparison",
    "plot_confused_pairs",
    "plot_confusion_matrix",
    "plot_convergence",
    "plot_decision_regions",
    "plot_feature_weights",
    "plot_few_shot",
    "plot_gap_against_time",
    "plot_loss_curve",
    "plot_probe",
    "plot_regularisation_path",
    "plot_reliability_diagram",
    "plot_sparse_path",
    "plot_validation_curve",
    "plot_weights",
]
