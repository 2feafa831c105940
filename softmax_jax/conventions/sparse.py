"""Others' L1, elastic-net and grouped penalties to and from (l1, l2).

Inside, l1 Omega(W) + l2/2 ||W||^2 stands beside the mean loss, Omega = sum |W_ij|, or with group="features" the sum of
the norms of W's rows. Others state one strength and the share of it that goes to Omega:

| convention | its objective | (l1, l2) |
|---|---|---|
| scikit-learn, cuML: C, r | C sum_i s_i H + r sum |W_ij| + (1 - r)/2 ||W||^2 | (r, 1 - r) / (C n) |
| glmnet, Spark: lambda, a | mean_i s_i H + lambda (a Omega(W) + (1 - a)/2 ||W||^2) | lambda (a, 1 - a) |
| adelie: lambda, a | mean_i s_i H / k + lambda sqrt(k) (a Omega(W) + (1 - a)/2 ||W||^2) | k^1.5 lambda (a, 1 - a) |

Two classes with one column w (the binomial model) are W = (-w/2, w/2) here. Then sum |W_ij| = sum |w_j|, so l1 stays
as it is, while ||W||^2 = ||w||^2 / 2, so l2 doubles. The norm of a row is |w_j| / sqrt(2): group="features" has the
same optimum at sqrt(2) l1. With l2 = 0 the two columns are not unique, but their difference w is: (0, w) costs as much
as (-w/2, w/2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.conventions.checks import factor, factor_of, number, samples, scalar, share
from softmax_jax.runtime.host import in_numpy


@in_numpy
def penalties_from_sklearn_c(C: Any, l1_ratio: Any, n_samples: float, n_classes: int) -> tuple[Any, Any]:
    """The (l1, l2) at which scikit-learn's LogisticRegression(C=C, l1_ratio=l1_ratio) has its optimum.

    l1_ratio=1 is its penalty="l1", in between is "elasticnet". For solver="saga"; not for "liblinear", which penalises
    the intercept: see `l2_from_penalised_bias`.

    Args:
      C: inverse strength > 0; inf means no penalty.
      l1_ratio: share of the penalty on sum |W_ij|, 0 to 1.
      n_samples: n, or the sum of the sample weights, class weights included: scikit-learn does not normalise them.
      n_classes: k, at least 2; two are the binomial model.

    Returns:
      (l1, l2): strengths >= 0, floats, or arrays where C or l1_ratio is one.

    Raises:
      ValueError: C or n_samples is not positive, l1_ratio is not within [0, 1], or n_classes < 2.

    Example:
        >>> penalties_from_sklearn_c(1.0, 0.5, n_samples=100, n_classes=3)
        (0.005, 0.005)
        >>> penalties_from_sklearn_c(1.0, 0.5, n_samples=100, n_classes=2)
        (0.005, 0.01)
    """
    strength = np.divide(1, np.multiply(number(C, "C", positive=True), samples(n_samples)))
    return _shared(strength, share(l1_ratio, "l1_ratio"), factor_of(n_classes))


@in_numpy
def sklearn_c_from_penalties(l1: Any, l2: Any, n_samples: float, n_classes: int) -> tuple[Any, Any]:
    """The (C, l1_ratio) of scikit-learn: the inverse of `penalties_from_sklearn_c`; (inf, 0) for no penalty.

    Args:
      l1: strength >= 0, nats per unit of W, or an array of them.
      l2: factor >= 0 of half the sum of squared weights, or an array of them.
      n_samples: n, or the sum of the sample weights, class weights included.
      n_classes: k, at least 2; two are the binomial model.

    Raises:
      ValueError: l1 or l2 is negative, NaN or infinite, n_samples is not positive, or n_classes < 2.
    """
    strength, l1_ratio = _joined(l1, l2, factor_of(n_classes), of_nothing=0.0)
    with np.errstate(divide="ignore"):
        return scalar(np.divide(1, np.multiply(strength, samples(n_samples)))), l1_ratio


@in_numpy
def penalties_from_cuml_c(
    C: Any, l1_ratio: Any, n_samples: float, n_classes: int, *, penalty_normalized: bool = True
) -> tuple[Any, Any]:
    """The (l1, l2) of cuML's LogisticRegression(C=C, l1_ratio=l1_ratio): scikit-learn's, where normalised.

    Its penalty="l1" is l1_ratio=1, "l2" is 0. cuML minimises mean_i H_i + p (r sum |W_ij| + (1 - r)/2 ||W||^2) with
    p = 1 / (C n) where `penalty_normalized`, else p = 1 / C; for two classes the binomial model, the bias free.

    Args:
      C: inverse strength > 0.
      l1_ratio: share of the penalty on sum |W_ij|, 0 to 1.
      n_samples: n, the number of rows.
      n_classes: k, at least 2.
      penalty_normalized: as given to cuML; True is its default.

    Returns:
      (l1, l2): strengths >= 0, floats, or arrays where C or l1_ratio is one.

    Raises:
      ValueError: C or n_samples is not positive, l1_ratio is not within [0, 1], or n_classes < 2.
    """
    return penalties_from_sklearn_c(C, l1_ratio, n_samples if penalty_normalized else 1.0, n_classes)


@in_numpy
def cuml_c_from_penalties(
    l1: Any, l2: Any, n_samples: float, n_classes: int, *, penalty_normalized: bool = True
) -> tuple[Any, Any]:
    """The (C, l1_ratio) of cuML: the inverse of `penalties_from_cuml_c`.

    Args:
      l1: strength >= 0, nats per unit of W, or an array of them.
      l2: factor >= 0 of half the sum of squared weights, or an array of them.
      n_samples: n, the number of rows.
      n_classes: k, at least 2; two are the binomial model.
      penalty_normalized: as given to cuML; True is its default.

    Raises:
      ValueError: l1 or l2 is negative, NaN or infinite, n_samples is not positive, or n_classes < 2.
    """
    return sklearn_c_from_penalties(l1, l2, n_samples if penalty_normalized else 1.0, n_classes)


@in_numpy
def penalties_from_glmnet_lambda(penalty: Any, alpha: Any, *, binomial: bool = False) -> tuple[Any, Any]:
    """The (l1, l2) of glmnet's lambda and alpha: lambda alpha and lambda (1 - alpha), l2 doubled for a binomial model.

    For family="multinomial": type.multinomial="ungrouped" is `group=None`, "grouped" is `group="features"`, with the
    same numbers. family="binomial" has one column: binomial=True. Only ratios of sample weights count, as here.

    glmnet standardises by default, and its lambda is then a penalty on the weights of the standardised features, though
    it returns W in the units of X. Its deviations are over n and by the sample weights, as those of scikit-learn's
    StandardScaler: fit on `StandardScaler().fit_transform(X, sample_weight=...)` (with_mean=False for sparse X: a free
    bias takes the means) and divide the rows of W by its `scale_`. With standardize=FALSE fit on X as it is.

    Spark's regParam and elasticNetParam are this lambda and alpha for standardization=False; for two classes it fits
    the binomial model unless family="multinomial". A penalty.factor other than 1 has no equal here.

    Args:
      penalty: lambda >= 0.
      alpha: share of it on Omega, 0 to 1; 1 is glmnet's default.
      binomial: the other model has one column (a sigmoid) for two classes.

    Returns:
      (l1, l2): strengths >= 0, floats, or arrays where penalty or alpha is one.

    Raises:
      ValueError: lambda is negative or NaN, or alpha is not within [0, 1].

    Example:
        >>> penalties_from_glmnet_lambda(0.5, 0.25), penalties_from_glmnet_lambda(0.5, 0.25, binomial=True)
        ((0.125, 0.375), (0.125, 0.75))
    """
    return _shared(number(penalty, "penalty"), share(alpha, "alpha"), factor(binomial))


@in_numpy
def glmnet_lambda_from_penalties(l1: Any, l2: Any, *, binomial: bool = False) -> tuple[Any, Any]:
    """The (lambda, alpha) of glmnet: the inverse of `penalties_from_glmnet_lambda`; (0, 1) for no penalty.

    Args:
      l1: strength >= 0, nats per unit of W, or an array of them.
      l2: factor >= 0 of half the sum of squared weights, or an array of them.
      binomial: the other model has one column (a sigmoid) for two classes.

    Raises:
      ValueError: l1 or l2 is negative, NaN or infinite.
    """
    return _joined(l1, l2, factor(binomial), of_nothing=1.0)


@in_numpy
def penalties_from_adelie_lambda(
    penalty: Any, alpha: Any, n_classes: int, *, row_weight: float | None = None
) -> tuple[Any, Any]:
    """The (l1, l2) for group="features" of adelie's grpnet with glm.multinomial, one group per feature.

    adelie divides its loss by the number of classes, and weights a group by the root of its size where it is not told
    otherwise: its lambda counts k sqrt(k) times. It does not standardise. Only ratios of sample weights count.

    Args:
      penalty: lambda >= 0, an entry of its lmda_path.
      alpha: share of it on the norms of rows, 0 to 1; 1 is adelie's default.
      n_classes: k >= 2, the columns of its y.
      row_weight: what its `penalty` argument holds for every feature; None is its default, sqrt(k).

    Returns:
      (l1, l2): strengths >= 0, floats, or arrays where penalty or alpha is one.

    Raises:
      ValueError: lambda is negative or NaN, alpha is not within [0, 1], n_classes < 2, or row_weight is not positive.

    Example:
        >>> penalties_from_adelie_lambda(0.5, 1.0, n_classes=4)
        (4.0, 0.0)
    """
    strength = np.multiply(number(penalty, "penalty"), _adelie(n_classes, row_weight))
    return _shared(strength, share(alpha, "alpha"), 1.0)


@in_numpy
def adelie_lambda_from_penalties(
    l1: Any, l2: Any, n_classes: int, *, row_weight: float | None = None
) -> tuple[Any, Any]:
    """The (lambda, alpha) of adelie: the inverse of `penalties_from_adelie_lambda`; (0, 1) for no penalty.

    Args:
      l1: strength >= 0 of the norms of W's rows, or an array of them.
      l2: factor >= 0 of half the sum of squared weights, or an array of them.
      n_classes: k >= 2, the columns of its y.
      row_weight: what its `penalty` argument holds for every feature; None is its default, sqrt(k).

    Raises:
      ValueError: l1 or l2 is negative, NaN or infinite, n_classes < 2, or row_weight is not positive.
    """
    strength, alpha = _joined(l1, l2, 1.0, of_nothing=1.0)
    return scalar(np.divide(strength, _adelie(n_classes, row_weight))), alpha


def _shared(strength: Any, ratio: Any, squares: float) -> tuple[Any, Any]:
    """(l1, l2) of a strength of which `ratio` goes to Omega; l2 is `squares` times the rest."""
    l1, l2 = np.multiply(strength, ratio), squares * np.multiply(strength, np.subtract(1, ratio))
    return scalar(l1), scalar(l2)


def _joined(l1: Any, l2: Any, squares: float, *, of_nothing: float) -> tuple[Any, Any]:
    """The strength and the ratio of which `_shared` makes (l1, l2); the ratio `of_nothing` where both are 0."""
    first, second = _finite(l1, "l1"), np.divide(_finite(l2, "l2"), squares)
    strength = np.add(first, second)
    with np.errstate(invalid="ignore"):
        ratio = np.where(strength > 0, np.divide(first, strength), of_nothing)
    return scalar(strength), scalar(ratio)


def _finite(value: Any, name: str) -> Any:
    array = number(value, name)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {value!r}.")
    return array


def _adelie(n_classes: int, row_weight: float | None) -> float:
    """How often adelie's lambda counts."""
    factor_of(n_classes)  # refuses what is no number of classes
    weight = np.sqrt(n_classes) if row_weight is None else number(row_weight, "row_weight", positive=True)
    if np.ndim(weight) != 0 or not np.isfinite(weight):
        raise ValueError(f"row_weight must be one finite number > 0, got {row_weight!r}.")
    return float(n_classes * weight)
