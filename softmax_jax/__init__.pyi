from ._version import __version__
from .certificate.gap import duality_gap
from .estimators.cross_validation import cross_validate
from .estimators.regression import SoftmaxRegression
from .estimators.regression_cv import SoftmaxRegressionCV
from .fitting.implicit import solve_implicit
from .fitting.single import FitResult, fit
from .gradient_check import compare_gradients
from .gradients import autodiff_gradient, autodiff_hvp, closed_form_gradient, closed_form_hvp
from .losses import cross_entropy, cross_entropy_cost, l2_penalty, objective
from .model import Params, init_params, net_input, one_hot_encode, softmax, to_classlabel
from .model_selection.many import fit_many
from .model_selection.path import fit_path
from .model_selection.sparse_path import l1_max
from .model_selection.tuning import tune_l2
from .penalties import penalty
from .probing.comparison import compare_probes
from .probing.files import load, save
from .probing.linear import linear_probe
from .probing.shots import few_shot_curve
from .runs.versions import show_versions
from .solvers import LBFGS, SGD, Newton, NewtonCG, ProximalNewton

__all__ = [
    "LBFGS",
    "SGD",
    "FitResult",
    "Newton",
    "NewtonCG",
    "Params",
    "ProximalNewton",
    "SoftmaxRegression",
    "SoftmaxRegressionCV",
    "__version__",
    "autodiff_gradient",
    "autodiff_hvp",
    "closed_form_gradient",
    "closed_form_hvp",
    "compare_gradients",
    "compare_probes",
    "cross_entropy",
    "cross_entropy_cost",
    "cross_validate",
    "duality_gap",
    "few_shot_curve",
    "fit",
    "fit_many",
    "fit_path",
    "init_params",
    "l2_penalty",
    "l1_max",
    "linear_probe",
    "load",
    "net_input",
    "objective",
    "one_hot_encode",
    "penalty",
    "save",
    "show_versions",
    "softmax",
    "solve_implicit",
    "to_classlabel",
    "tune_l2",
]
