"""SoftmaxRegressionCV: the strength chosen by cross-validation, as a scikit-learn classifier."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import UNUSED

from softmax_jax.certificate import duality_gap
from softmax_jax.display.user_warnings import warn_user
from softmax_jax.estimators.cross_validation import CrossValidation, cross_validate
from softmax_jax.estimators.fitting import CertifiedClassifier, unchanged_on_error
from softmax_jax.estimators.scoring import metadata_router
from softmax_jax.fitting.doors import door
from softmax_jax.fitting.messages import convergence_message
from softmax_jax.fitting.single import FitResult, fit
from softmax_jax.fitting.sparse_solver import record_for
from softmax_jax.inputs.class_weight import without_weight
from softmax_jax.inputs.samples import Samples
from softmax_jax.model import Params
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers.hyperparameters import RECORDS, SOLVERS


class SoftmaxRegressionCV(CertifiedClassifier):
    """Softmax regression with the strengths of its penalty chosen by cross-validation; every fit is certified.

    Args:
      l2_values: strengths >= 0 of the penalty l2/2 ||W||^2; None for 15 from 1e-6 to 10, and with l1 for 0.
      cv: number of stratified folds, a scikit-learn splitter, or an iterable of (train, test) indices.
      scoring: None for accuracy, a scikit-learn scorer or its name, such as "neg_log_loss".
      refit: fit all rows at the best strength; else the parameters are the mean over folds at that strength.
      solver: "auto", "lbfgs", "newton-cg", "newton", or a record of an exact solver; with l1 "auto" or
        "proximal-newton".
      tol: bound on J - J* to prove for each fit, nats per sample.
      max_iter: most iterations of a fit.
      fit_intercept: whether the bias is free; else it is 0.
      class_weight: {label: weight}, with 1 for labels that it leaves out, or "balanced"; used in the fits, not in the
        scores.
      dtype: to convert X to; by default X keeps its own.
      l1_values: strengths > 0 of l1 Omega(W), to be tried with every l2 of l2_values; None for none.
      n_l1: in their place, how many: evenly on a logarithmic scale from `l1_max`, where W = 0, to a hundredth of it.
      l1_ratio: in place of l2_values one or several in (0, 1]: l2 = l1 (1 - l1_ratio) / l1_ratio at each l1.
      group: as of SoftmaxRegression.

    Attributes:
      l2_: the strength with the highest mean score; of equals the strongest.
      l1_: with it; of equal scores the sparsest solution wins. 0 where no l1 was tried.
      l2_values_: (L,) strengths.
      l1_values_: (L,) strengths beside them; zeros where no l1 was tried.
      scores_: (F, L) score of each fold at each strength.
      path_: CrossValidation, with parameters, gap and status of every fit.
      classes_, params_, coef_, intercept_, n_features_in_, feature_names_in_: as of SoftmaxRegression.
      objective_, duality_gap_, status_, converged_, n_iter_: of the refit; where `refit` is False, J is the mean of the
        folds, the gap that of the mean parameters on all rows (they are no optimum), the status the first of the
        folds' that is not "converged", and n_iter_ the most passes of a fold.
    """

    __metadata_request__fit: ClassVar[dict[str, Any]] = {"groups": UNUSED}  # the splitter's

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "l2_values": ["array-like", None],
        "cv": ["cv_object"],
        "scoring": "no_validation",
        "refit": ["boolean"],
        "solver": [StrOptions(set(SOLVERS) - {"sgd"}), *RECORDS, None],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "fit_intercept": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "dtype": "no_validation",
        "l1_values": ["array-like", None],
        "n_l1": [Interval(Integral, 1, None, closed="left"), None],
        "l1_ratio": [Interval(Real, 0, 1, closed="right"), "array-like", None],
        "group": [StrOptions({"features"}), None],
    }

    @door
    def __init__(
        self,
        *,
        l2_values: Any = None,
        cv: Any = 5,
        scoring: Any = None,
        refit: bool = True,
        solver: Any = "auto",
        tol: float = 1e-6,
        max_iter: int = 1000,
        fit_intercept: bool = True,
        class_weight: Any = None,
        dtype: Any = None,
        l1_values: Any = None,
        n_l1: int | None = None,
        l1_ratio: Any = None,
        group: str | None = None,
    ) -> None:
        """Store the parameters; they are checked by fit."""
        self.l2_values, self.cv, self.scoring, self.refit = l2_values, cv, scoring, refit
        self.solver, self.tol, self.max_iter = solver, tol, max_iter
        self.fit_intercept, self.class_weight, self.dtype = fit_intercept, class_weight, dtype
        self.l1_values, self.n_l1, self.l1_ratio, self.group = l1_values, n_l1, l1_ratio, group

    @on_host
    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None, **params: Any) -> SoftmaxRegressionCV:
        """Choose the strength and fit.

        Args:
          X: (n, m) real array-like, data frame, JAX array or SciPy sparse matrix.
          y: (n,) labels of any one kind.
          sample_weight: (n,) >= 0, of any scale; used in the fits and in the scores, as of `cross_validate`.
          groups: (n,) for splitters that keep groups together.
          **params: what else the scorer and the splitter requested by metadata routing.

        Returns:
          self.

        Raises:
          ValueError, TypeError: an argument is not as described; the message names it.
          KeyboardInterrupt: interrupted; the estimator is as it was before.
        """
        with unchanged_on_error(self):
            self._validate_params()
            given, weighted = self._checked(X, y, sample_weight)
            problem = {"solver": self._record(), "group": self.group, "fit_intercept": self.fit_intercept}
            settings = {"tol": self.tol, "max_iter": self.max_iter, **problem}
            along = {"l1_values": self.l1_values, "n_l1": self.n_l1, "l1_ratio": self.l1_ratio}
            weights = {"sample_weight": sample_weight, "class_weight": self.class_weight}
            judged = {"cv": self.cv, "scoring": self.scoring, "groups": groups, "params": params}
            path = cross_validate(given, None, self.l2_values, **along, **judged, **weights, **settings)
            self.path_, self.scores_ = path, path.scores
            self.l2_values_, self.l2_ = path.l2_values, path.best_l2
            self.l1_values_, self.l1_ = path.l1_values, path.best_l1
            if self.refit:
                result = fit(weighted, None, l1=self.l1_, l2=self.l2_, **settings)
            else:
                result = _mean_of_folds(path, weighted, self.group)
            self._accept(result, weighted.X, X, problem["solver"])
        self._warn_without_weight(given)
        self._warn(path, result, set(without_weight(weighted).tolist()))
        return self

    def get_metadata_routing(self) -> Any:
        """What scikit-learn routes to this estimator: weights, and what its splitter and scorer request."""
        return metadata_router(self, self, self.scoring, self.cv)

    def _record(self) -> Any:
        along = self.l1_values is not None or self.n_l1 is not None
        record = record_for(self.solver, float(along))
        if record is not None and not record.is_exact:
            raise ValueError("solver must be exact: gradient descent proves no gap.")
        return record

    def _warn(self, path: CrossValidation, result: FitResult, everywhere: set[Any]) -> None:
        """Say what is not certified, and which folds lack a class that is not missing everywhere."""
        statuses = [status for fold in path.status for status in fold]
        failed = len(statuses) - statuses.count("converged")
        if failed:
            words = f"{failed} of {len(statuses)} fits were not certified to tol={self.tol:g}: see path_.status."
            warn_user(words, ConvergenceWarning)
        elif words := convergence_message(result, solver=self._record(), l2=self.l2_, tol=self.tol, l1=self.l1_):
            warn_user(words, ConvergenceWarning)
        for fold, missing in enumerate(path.missing):
            if labels := [label for label in missing if label not in everywhere]:
                words = f"No row to train on in fold {fold} is of {labels}: these classes keep a column there."
                warn_user(words)


def _mean_of_folds(path: CrossValidation, samples: Samples, group: str | None) -> FitResult:
    """Mean parameters over the folds at the best strength, with what is proven of them on all rows."""
    j, k, l1, l2 = path.best, len(path.classes), path.best_l1, path.best_l2
    params = Params(path.params.W[:, j].mean(axis=0), path.params.b[:, j].mean(axis=0))
    status = next((fold[j] for fold in path.status if fold[j] != "converged"), "converged")
    of_rows = samples.X, np.eye(k)[samples.T], l2, samples.weight
    gap = float(duality_gap(params, *of_rows, l1=l1, group=group if l1 > 0 else None))
    J, passes = float(path.objective[:, j].mean()), int(path.n_passes[:, j].max())
    return FitResult(params, path.classes, J, gap, status, passes, passes, np.zeros(0), l2=path.best_l2)
