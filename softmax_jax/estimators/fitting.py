"""What the fits of the estimators share: the input is checked once, and all attributes are set or none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, ClassVar

from sklearn.exceptions import DataConversionWarning
from sklearn.utils.validation import validate_data

from softmax_jax.display.user_warnings import warn_user
from softmax_jax.estimators.base import UNPROVEN, SoftmaxClassifier
from softmax_jax.fitting.messages import check_moved
from softmax_jax.fitting.single import FitResult
from softmax_jax.inputs import checks
from softmax_jax.inputs.class_weight import row_weights, without_weight
from softmax_jax.inputs.conversion import column_names
from softmax_jax.inputs.samples import Samples, samples
from softmax_jax.runtime.meshes import with_auto_axes
from softmax_jax.solvers.hyperparameters import float_dtype


class DegenerateDataWarning(UserWarning):
    """The data leave something undecided: constant or dependent features, or a class without any weight."""


@contextlib.contextmanager
def unchanged_on_error(estimator: Any) -> Iterator[None]:
    """Take back every attribute that was set when the block fails, Ctrl-C included."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


class CertifiedClassifier(SoftmaxClassifier):
    """A classifier that is fitted by `fit`."""

    fit_intercept: bool
    class_weight: dict[Any, float] | str | None
    dtype: Any
    _unproven: ClassVar[dict[str, Any]] = UNPROVEN

    def _checked(self, X: Any, y: Any, sample_weight: Any) -> tuple[Samples, Samples]:
        """The samples as they are given, and with class weights in their weights; a column vector y is raveled."""
        array = with_auto_axes(checks.features(X, dtype=float_dtype(self.dtype), sparse=True))
        y = checks.as_labels(y)
        if y.ndim == 2 and y.shape[1] == 1:
            warn_user(
                "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
                "(n_samples,), for example using ravel().",
                DataConversionWarning,
            )
            y = y.ravel()
        given = samples(array, y, sample_weight)
        weighted = given._replace(weight=row_weights(self.class_weight, given))
        validate_data(self, X, skip_check_array=True)
        return given, weighted

    def _accept(self, result: FitResult, array: Any, X: Any, solver: Any) -> None:
        """Keep what was found for `array`, which is X checked; KeyboardInterrupt or NonFiniteError for no result."""
        if result.status == "interrupted":
            raise KeyboardInterrupt
        check_moved(result, array, solver=solver)
        self._keep(result)
        self._columns = tuple(column_names(X))

    def _keep(self, result: FitResult) -> None:
        """Set the attributes of a fit."""
        self.classes_, self.params_ = result.classes, result.params
        vars(self).pop("_sparse_coef", None)  # coef_ is dense again
        self.objective_, self.duality_gap_ = result.objective, result.duality_gap
        self.status_, self.n_iter_ = result.status, result.n_iter
        self.converged_ = result.status == "converged"

    def _warn_without_weight(self, given: Samples) -> None:
        """Warn of classes that the sample weights leave out; class weights of zero say so themselves."""
        if self.fit_intercept and len(classes := without_weight(given)):
            words = f"All rows of {classes.tolist()} have sample weight zero: these classes are given a probability"
            warn_user(f"{words} next to zero. Leave the rows out.", DegenerateDataWarning)
