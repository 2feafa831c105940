"""SoftmaxClassifier: fitted parameters as a scikit-learn classifier; what all estimators here have in common.

One rule leads from the columns of params_ to scikit-learn's coefficients: coef_ = W^T, and for two classes
coef_ = (W_1 - W_0)^T, because only the difference of two columns is visible in the probabilities. Assigning coef_
or intercept_ goes the same way back, for two classes to W_1 = -W_0 = coef_^T / 2, as at the optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from softmax_jax.inputs import checks
from softmax_jax.inputs.conversion import check_finite, column_names
from softmax_jax.inputs.pairing import paired
from softmax_jax.model import Params
from softmax_jax.prediction import host_net_input, host_softmax, log_softmax
from softmax_jax.runtime.host import in_numpy

# what is known of parameters that were assigned: nothing
UNPROVEN = {
    "objective_": float("nan"),
    "duality_gap_": float("inf"),
    "status_": "assigned",
    "converged_": False,
    "n_iter_": 0,
}


class SoftmaxClassifier(ClassifierMixin, BaseEstimator):
    """What follows from `params_` and `classes_`; estimators add how they are found."""

    params_: Params
    classes_: np.ndarray
    n_features_in_: int
    _columns: Sequence[Any] = ()  # names that X had in the last fit, of any type; scikit-learn keeps strings alone
    _sparse_coef = False  # whether coef_ is shown as CSR
    _unproven: ClassVar[dict[str, Any]] = {}  # fitted attributes of parameters that were assigned, not found

    @classmethod
    def of(cls, params: Params, classes: np.ndarray) -> SoftmaxClassifier:
        """A fitted classifier.

        Args:
          params: W (m, k), b (k,).
          classes: (k,) label of each column.
        """
        model = cls()
        model.params_, model.classes_, model.n_features_in_ = params, classes, params.W.shape[0]
        return model

    def fit(self, X: Any, y: Any) -> SoftmaxClassifier:
        """An estimator says here how it finds its parameters.

        Args:
          X: (n, m) features.
          y: (n,) labels.
        """
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

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy of the predicted labels, by weight.

        Args:
          X: (n, m) features.
          y: (n,) labels.
          sample_weight: (n,) or None.
        """
        labels = checks.as_labels(y)
        return super().score(X, checks.check_labels(labels) if labels.ndim == 1 else labels, sample_weight)

    def sparsify(self) -> Self:
        """Show coef_ as a CSR array, as scikit-learn does; `params_` stays dense, and so do predictions."""
        check_is_fitted(self, "params_", msg="Estimator, %(name)s, must be fitted before sparsifying.")
        self._sparse_coef = True
        return self

    def densify(self) -> Self:
        """Show coef_ as a NumPy array again."""
        check_is_fitted(self, "params_", msg="Estimator, %(name)s, must be fitted before densifying.")
        self._sparse_coef = False
        return self

    @property
    def coef_(self) -> Any:
        """Coefficients in scikit-learn's layout: (k, m), or (1, m) for two classes; to be assigned, not written into.

        Assigned coefficients have no proof: status_ is "assigned", the gap inf. A CSR array after `sparsify`.
        """
        W = self.params_.W
        coef = (W[:, 1:] - W[:, :1]).T if W.shape[1] == 2 else W.T
        return _read_only_csr(coef) if self._sparse_coef else _read_only(coef)

    @coef_.setter
    def coef_(self, value: Any) -> None:
        self._sparse_coef = sp.issparse(value)
        value = value.toarray() if self._sparse_coef else value
        self._assign("coef_", np.shape(value), W=_per_class(np.array(checks.features(value, name="coef_")), "coef_").T)

    @property
    def intercept_(self) -> np.ndarray:
        """Intercepts in scikit-learn's layout: (k,), or (1,) for two classes; to be assigned, not written into."""
        b = self.params_.b
        return _read_only(b[1:] - b[:1] if len(b) == 2 else b)

    @intercept_.setter
    def intercept_(self, value: Any) -> None:
        entries = np.array(checks.features(np.asarray(value).reshape(1, -1), name="intercept_"))[0]
        self._assign("intercept_", np.shape(value), b=_per_class(entries, "intercept_"))

    def _assign(self, name: str, shape: tuple[int, ...], *, W: Any = None, b: Any = None) -> None:
        """Replace W or b, given in this shape; what is not there yet is zero, and no proof is left."""
        m, k = (0, len(b)) if W is None else W.shape
        nothing = Params(np.zeros((0, k), np.float32), np.zeros(k, np.float32))
        last = getattr(self, "params_", nothing)
        columns = len(self.classes_) if hasattr(self, "classes_") else len(last.b)
        features = m if len(last.W) == 0 else len(last.W)
        rows = (1 if columns == 2 else columns,)
        if k != columns or W is not None and m != features or b is not None and len(shape) > 1:
            expected = rows if W is None else (*rows, features)
            raise ValueError(f"{name} must have shape {expected} to match classes_ and params_, got {shape}.")
        W, b = (last.W if W is None else W), (last.b if b is None else b)
        dtype = np.result_type(np.float32, W.dtype, b.dtype)
        self.params_ = Params(W.astype(dtype), b.astype(dtype))
        if m:
            self.n_features_in_ = m
        vars(self).update(self._unproven)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn is told of this class: sparse X are taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _net_input(self, X: Any) -> np.ndarray:
        check_is_fitted(self, ("params_", "classes_"))
        if len(self.classes_) != len(self.params_.b):
            raise ValueError(
                f"classes_ holds {len(self.classes_)} labels for {len(self.params_.b)} columns of params_."
            )
        array = checks.features(X, finite=False, sparse=True)
        validate_data(self, X, reset=False, skip_check_array=True)  # a renamed column before the NaN in it
        if self._columns and not isinstance(self._columns[0], str) and column_names(X):
            array = paired(array, X, self._columns, "X", of="the X of the fit")
        check_finite(array, "X")
        return host_net_input(self.params_, array)


def _read_only(array: np.ndarray) -> np.ndarray:
    """A view in which writing fails, where it would be lost or leave a proof of other parameters."""
    view = array.view()
    view.flags.writeable = False
    return view


def _read_only_csr(array: np.ndarray) -> sp.csr_array:
    coef = sp.csr_array(array)
    coef.data.flags.writeable = False
    return coef


def _per_class(rows: np.ndarray, name: str) -> np.ndarray:
    """Scikit-learn's rows or entries, one per class; of its one for two classes, two of opposite signs."""
    if len(rows) == 2:
        raise ValueError(f"{name} must have length 1 for two classes, the second less the first, got 2.")
    return np.concatenate([-rows / 2, rows / 2]) if len(rows) == 1 else rows
