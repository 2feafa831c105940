"""SoftmaxRegression: the scikit-learn face of `fit`."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from softmax_jax.display.user_warnings import warn_user
from softmax_jax.dtypes import compute_dtype
from softmax_jax.estimators.base import UNPROVEN
from softmax_jax.estimators.fitting import CertifiedClassifier, DegenerateDataWarning, unchanged_on_error
from softmax_jax.fitting.data_warnings import data_warnings
from softmax_jax.fitting.doors import door
from softmax_jax.fitting.messages import convergence_message
from softmax_jax.fitting.single import FitResult, fit
from softmax_jax.fitting.sparse_solver import record_for
from softmax_jax.inputs.conversion import column_names
from softmax_jax.inputs.pairing import order
from softmax_jax.inputs.samples import Samples
from softmax_jax.model import Params
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers.hyperparameters import RECORDS, SOLVERS


class SeparationWarning(ConvergenceWarning):
    """The classes are separable and l2 = 0: the coefficients have no finite optimum."""


class SoftmaxRegression(CertifiedClassifier):
    """Softmax regression, fitted to a proven duality gap, as a scikit-learn classifier.

        J(W, b) = (1/n) sum_i s_i H(T_i, O_i) + l2/2 ||W||^2,    O = softmax(X W + b)

    With `l1` the penalty is l1 Omega(W) + l2/2 ||W||^2, and weights that do not help are exactly zero.
    Giving eta, epochs or minibatches selects gradient descent.

    Args:
      l2: strength >= 0 of the penalty l2/2 ||W||^2; LogisticRegression's C = 1/(l2 n), for two classes 2/(l2 n).
      solver: "auto", "lbfgs", "newton-cg", "newton", "sgd", or a record such as `SGD(eta, epochs)`; with l1 > 0 "auto"
        or "proximal-newton".
      tol: bound on J - J* to prove, nats per sample; without penalty the norm of the gradient, as in `fit`.
      max_iter: most iterations of an exact solver; epochs where these are not given.
      eta: learning rate > 0 of gradient descent, 0.1 by default.
      epochs: passes of gradient descent over the data; all of them are run.
      minibatches: samples per update of gradient descent; all of them by default.
      fit_intercept: whether the bias is free; else it is 0.
      class_weight: {label: weight}, with 1 for labels that it leaves out, or "balanced": n / (k n_c).
      warm_start: start from the parameters of the last fit.
      dtype: to convert X to; by default X keeps its own. All but float64 is computed in float32.
      random_state: seed of the start and the minibatches of gradient descent; exact solvers draw nothing.
      verbose: print the progress of the fit.
      l1: strength >= 0 of Omega(W), the sum of |W_ij|.
      group: None, or "features": Omega is the sum over features of the norm of W's row, so that a feature is kept or
        dropped for all classes at once.

    Attributes:
      classes_: (k,) labels in sorted order; 0..k-1 after soft targets.
      params_: Params of NumPy arrays, W (m, k) and b (k,), a column per class for any k.
      coef_: (k, m), or (1, m) for two classes; CSR after `sparsify`.
      intercept_: (k,), or (1,) for two classes.
      objective_: J at params_, nats per sample.
      duality_gap_: proven bound on J - J*, nats per sample; inf without penalty.
      status_: converged, max_iter, precision_floor, nonfinite or diverging; all but the first also warn. "assigned"
        where coef_ or intercept_ were.
      converged_: whether status_ is "converged".
      n_iter_: iterations, or epochs of gradient descent.
      history_: J after each iteration, or the cost of each update.
      n_features_in_: m.
      feature_names_in_: (m,) column names, where X was a data frame.

    Example:
        >>> model = SoftmaxRegression(l2=0.1).fit([[0.0], [1.0], [2.0], [3.0]], ["a", "a", "b", "b"])
        >>> model.predict([[0.5], [2.5]]).tolist(), model.duality_gap_ <= model.tol
        (['a', 'b'], True)
    """

    _unproven: ClassVar[dict[str, Any]] = {**UNPROVEN, "history_": np.zeros(0)}

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "l2": [Interval(Real, 0, None, closed="both")],
        "solver": [StrOptions(set(SOLVERS)), *RECORDS, None],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "eta": [Interval(Real, 0, None, closed="neither"), None],
        "epochs": [Interval(Integral, 1, None, closed="left"), None],
        "minibatches": [Interval(Integral, 1, None, closed="left"), None],
        "fit_intercept": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "warm_start": ["boolean"],
        "dtype": "no_validation",
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "l1": [Interval(Real, 0, None, closed="both")],
        "group": [StrOptions({"features"}), None],
    }

    @door
    def __init__(
        self,
        *,
        l2: float = 1e-4,
        solver: Any = "auto",
        tol: float = 1e-6,
        max_iter: int = 1000,
        eta: float | None = None,
        epochs: int | None = None,
        minibatches: int | None = None,
        fit_intercept: bool = True,
        class_weight: Any = None,
        warm_start: bool = False,
        dtype: Any = None,
        random_state: Any = None,
        verbose: int = 0,
        l1: float = 0.0,
        group: str | None = None,
    ) -> None:
        """Store the parameters; they are checked by fit."""
        self.l2, self.solver, self.tol, self.max_iter = l2, solver, tol, max_iter
        self.eta, self.epochs, self.minibatches = eta, epochs, minibatches
        self.fit_intercept, self.class_weight, self.warm_start = fit_intercept, class_weight, warm_start
        self.dtype, self.random_state, self.verbose = dtype, random_state, verbose
        self.l1, self.group = l1, group

    @on_host
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SoftmaxRegression:
        """Fit to the data.

        Args:
          X: (n, m) real array-like, data frame, JAX array or SciPy sparse matrix.
          y: (n,) labels of any one kind, or soft targets (n, k) whose rows sum to 1.
          sample_weight: (n,) >= 0, of any scale.

        Returns:
          self.

        Raises:
          ValueError, TypeError: an argument is not as described; the message names it.
          NonFiniteError: X is so large that no step is finite.
          KeyboardInterrupt: interrupted; the estimator is as it was before.
        """
        with unchanged_on_error(self):
            self._validate_params()
            solver = self._solver()
            given, weighted = self._checked(X, y, sample_weight)
            result = fit(
                weighted,
                None,
                l2=self.l2,
                solver=solver,
                tol=self.tol,
                max_iter=self.max_iter,
                init=self._init(weighted, column_names(X)),
                fit_intercept=self.fit_intercept,
                callback=_print_progress if self.verbose else None,
                seed=self._seed() if solver is not None and not solver.is_exact else 0,
                l1=self.l1,
                group=self.group,
            )
            self._accept(result, weighted.X, X, solver)
        self._warn_without_weight(given)
        array, T, _, weight = weighted
        penalty = {"l1": self.l1, "l2": self.l2}
        for words in data_warnings(result, array, T, weight, **penalty, fit_intercept=bool(self.fit_intercept)):
            warn_user(words, DegenerateDataWarning)
        if words := convergence_message(result, solver=solver, tol=self.tol, **penalty):
            separated = result.status == "diverging" and (solver is None or solver.is_exact)
            warn_user(words, SeparationWarning if separated else ConvergenceWarning)
        return self

    def _solver(self) -> Any:
        """The record to run, or None for `fit` to choose."""
        given = {"eta": self.eta, "epochs": self.epochs, "minibatches": self.minibatches}
        return record_for(self.solver, self.l1, max_epochs=self.max_iter, **given)

    def _seed(self) -> int:
        """An integer random_state as it is, so that the functional fit draws the same numbers."""
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _keep(self, result: FitResult) -> None:
        super()._keep(result)
        self.history_ = result.history

    def _init(self, given: Samples, columns: list[Any]) -> Params | None:
        """The parameters of the last fit, where warm_start asks for them and they fit these data, in their order."""
        if not (self.warm_start and hasattr(self, "params_")):
            return None
        W = self.params_.W
        labels = getattr(self, "classes_", given.classes)  # none where coef_ was assigned before the first fit
        last = {"number of features": W.shape[0], "classes": labels.tolist(), "dtype": W.dtype.name}
        data = (given.X.shape[1], given.classes.tolist(), compute_dtype(given.X).name)
        for (what, of_last), now in zip(last.items(), data, strict=True):
            if of_last != now:
                raise ValueError(f"warm_start needs the same {what}: {of_last} in the last fit, {now} now.")
        rows = order(self._columns, columns, "the X of the last fit", "X")
        return self.params_ if rows is None else self.params_._replace(W=W[rows])


def _print_progress(progress: Any) -> None:
    gap = f", gap {progress.duality_gap:.3g}" if np.isfinite(progress.duality_gap) else ""
    print(
        f"[SoftmaxRegression] iteration {progress.n_iter}: objective {progress.objective:.8g}{gap}, "
        f"{progress.n_passes} passes",
        flush=True,
    )
