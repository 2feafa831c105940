"""SoftmaxClassifier: fitted parameters as a scikit-learn classifier; what all estimators here have in common.

One rule leads from the columns of params_ to scikit-learn's coefficients: coef_ = W^T, and for two classes
coef_ = (W_1 - W_0)^T, because only the difference of two columns is visible in the probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from softmax_jax import border
from softmax_jax.conversion import check_finite, column_names
from softmax_jax.host import in_numpy
from softmax_jax.model import Params
from softmax_jax.pairing import paired
from softmax_jax.prediction import host_net_input, host_softmax, log_softmax


class SoftmaxClassifier(ClassifierMixin, BaseEstimator):
    """What follows from `params_` and `classes_`; estimators add how they are found."""

    params_: Params
    classes_: np.ndarray
    n_features_in_: int
    _columns: Sequence[Any] = ()  # names that X had in the last fit, of any type; scikit-learn keeps strings alone

    @classmethod
    def of(cls, params: Params, classes: np.ndarray) -> SoftmaxClassifier:
        """A fitted classifier of W (m, k), b (k,) and the label of each column."""
        model = cls()
        model.params_, model.classes_, model.n_features_in_ = params, classes, params.W.shape[0]
        return model

    def fit(self, X: Any, y: Any) -> SoftmaxClassifier:
        """An estimator says here how it finds its parameters."""
        raise NotImplementedError("SoftmaxClassifier holds parameters that are found elsewhere.")

    @in_numpy
    def decision_function(self, X: Any) -> np.ndarray:
        """Net input Z (n, k); for two classes the difference Z_1 - Z_0 (n,)."""
        Z = self._net_input(X)
        if Z.shape[1] != 2:
            return Z
        with np.errstate(over="ignore"):
            return Z[:, 1] - Z[:, 0]

    @in_numpy
    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each row (n,); the first of equals."""
        Z = self._net_input(X)
        return self.classes_[Z.argmax(axis=1)]

    @in_numpy
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, k), a column per label in classes_; rows sum to 1."""
        return host_softmax(self._net_input(X))

    @in_numpy
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of the probabilities (n, k), finite also where the probability underflows."""
        return log_softmax(self._net_input(X))

    @property
    def coef_(self) -> np.ndarray:
        """Coefficients in scikit-learn's layout: (k, m), or (1, m) for two classes."""
        W = self.params_.W
        return (W[:, 1:] - W[:, :1]).T if W.shape[1] == 2 else W.T

    @property
    def intercept_(self) -> np.ndarray:
        """Intercepts in scikit-learn's layout: (k,), or (1,) for two classes."""
        b = self.params_.b
        return b[1:] - b[:1] if len(b) == 2 else b

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn is told of this class: sparse X are taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _net_input(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        array = border.features(X, finite=False, sparse=True)
        validate_data(self, X, reset=False, skip_check_array=True)  # a renamed column before the NaN in it
        if self._columns and not isinstance(self._columns[0], str) and column_names(X):
            array = paired(array, X, self._columns, "X", of="the X of the fit")
        check_finite(array, "X")
        return host_net_input(self.params_, array)
