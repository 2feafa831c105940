"""Others' squared penalties to and from `l2`.

Inside this library J = (1/n) sum_i s_i H(T_i, O_i) + l2/2 ||W||^2, a column of W per class and mean(s) = 1.
Another library minimises a sum of losses, or leaves out the half, or counts C upwards; its optimum is
the same once `l2` is converted. Two rules cover all of them:

* a sum of losses is n times the mean, with n the sum of the sample weights where they are not normalised;
* two classes with one column w (sigmoid, the "binomial" model): the two columns of the same model are
  W = (-w/2, w/2), b = (-v/2, v/2), so ||W||^2 = ||w||^2 / 2, and the same optimum needs twice the l2.

| convention | its objective | l2 |
|---|---|---|
| scikit-learn C, cuML C | C sum_i s_i H + 1/2 ||W||^2 | 1 / (C n), binomial 2 / (C n) |
| sum-scaled lambda (CLIP) | sum_i s_i H + lambda/2 ||W||^2 | lambda / n, binomial 2 lambda / n |
| sum, no half (Kornblith et al.) | sum_i s_i H + lambda ||W||^2 | 2 lambda / n, binomial 4 lambda / n |
| mean with the half (cyanure, elk, Spark) | mean_i H + lambda/2 ||W||^2 | lambda, binomial 2 lambda |

What has a penalty on the sizes of W too is converted by `sparse`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.conventions.checks import factor, factor_of, number, samples, scalar
from softmax_jax.runtime.host import in_numpy


@in_numpy
def l2_from_sklearn_c(C: Any, n_samples: float, n_classes: int) -> Any:
    """The l2 at which J has the optimum of scikit-learn's LogisticRegression(C=C).

    scikit-learn minimises C sum_i s_i H_i + 1/2 ||W||^2, and for two classes the binomial model. Not for
    solver="liblinear", which penalises the intercept: see `l2_from_penalised_bias`.

    Args:
      C: inverse strength > 0; inf means no penalty.
      n_samples: n, or the sum of the sample weights, class weights included: scikit-learn does not
        normalise them.
      n_classes: k, at least 2.

    Returns:
      l2 >= 0, a float, or an array for an array of C.

    Raises:
      ValueError: C or n_samples is not positive, or n_classes < 2.

    Example:
        >>> l2_from_sklearn_c(1.0, n_samples=100, n_classes=3), l2_from_sklearn_c(1.0, n_samples=100, n_classes=2)
        (0.01, 0.02)
    """
    return factor_of(n_classes) / (number(C, "C", positive=True) * samples(n_samples))


@in_numpy
def sklearn_c_from_l2(l2: Any, n_samples: float, n_classes: int) -> Any:
    """The C at which scikit-learn has the optimum of J: the inverse of `l2_from_sklearn_c`; inf for l2=0.

    Args:
      l2: strength >= 0 of the penalty l2/2 ||W||^2, or an array of them.
      n_samples: n, or the sum of the sample weights, class weights included.
      n_classes: k, at least 2; two are the binomial model.

    Raises:
      ValueError: l2 is negative or NaN, n_samples is not positive, or n_classes < 2.
    """
    with np.errstate(divide="ignore"):
        return scalar(factor_of(n_classes) / np.multiply(number(l2, "l2"), samples(n_samples)))


@in_numpy
def l2_from_cuml_c(C: Any, n_samples: float, n_classes: int, *, penalty_normalized: bool = True) -> Any:
    """The l2 at which J has the optimum of cuML's LogisticRegression(C=C): scikit-learn's, where normalised.

    cuML minimises mean_i H_i + p/2 ||W||^2 with p = 1 / (C n) where `penalty_normalized`, else p = 1 / C,
    and for two classes the binomial model. Its loss divides by the sum of the weights and its gradient by
    the number of rows, so that weights are comparable only where their mean is 1.

    Args:
      C: inverse strength > 0.
      n_samples: n, the number of rows.
      n_classes: k, at least 2.
      penalty_normalized: as given to cuML; True is its default.

    Returns:
      l2 >= 0, a float, or an array for an array of C.

    Raises:
      ValueError: C or n_samples is not positive, or n_classes < 2.
    """
    return l2_from_sklearn_c(C, n_samples if penalty_normalized else 1.0, n_classes)


@in_numpy
def cuml_c_from_l2(l2: Any, n_samples: float, n_classes: int, *, penalty_normalized: bool = True) -> Any:
    """The C at which cuML has the optimum of J: the inverse of `l2_from_cuml_c`.

    Args:
      l2: strength >= 0 of the penalty l2/2 ||W||^2, or an array of them.
      n_samples: n, the number of rows.
      n_classes: k, at least 2; two are the binomial model.
      penalty_normalized: as given to cuML; True is its default.

    Raises:
      ValueError: l2 is negative or NaN, n_samples is not positive, or n_classes < 2.
    """
    return sklearn_c_from_l2(l2, n_samples if penalty_normalized else 1.0, n_classes)


@in_numpy
def l2_from_sum_lambda(penalty: Any, n_samples: float, *, binomial: bool = False) -> Any:
    """The l2 for sum_i s_i H_i + lambda/2 ||W||^2, a penalty scaled to the sum of losses.

    CLIP's linear probe states its strengths so: lambda = 1/C of scikit-learn, hence `binomial` for two
    classes.

    Args:
      penalty: lambda >= 0.
      n_samples: n, or the sum of the sample weights.
      binomial: the other model has one column (a sigmoid) for two classes.

    Returns:
      l2 >= 0, a float, or an array for an array of lambda.

    Raises:
      ValueError: lambda is negative or NaN, or n_samples is not positive.
    """
    return factor(binomial) * number(penalty, "penalty") / samples(n_samples)


@in_numpy
def sum_lambda_from_l2(l2: Any, n_samples: float, *, binomial: bool = False) -> Any:
    """The lambda of sum_i s_i H_i + lambda/2 ||W||^2: the inverse of `l2_from_sum_lambda`.

    Args:
      l2: strength >= 0 of the penalty l2/2 ||W||^2, or an array of them.
      n_samples: n, or the sum of the sample weights.
      binomial: the other model has one column (a sigmoid) for two classes.

    Raises:
      ValueError: l2 is negative or NaN, or n_samples is not positive.
    """
    return number(l2, "l2") * samples(n_samples) / factor(binomial)


@in_numpy
def l2_from_unhalved_sum_lambda(penalty: Any, n_samples: float, *, binomial: bool = False) -> Any:
    """The l2 for sum_i s_i H_i + lambda ||W||^2, on a sum and without the half.

    Args:
      penalty: lambda >= 0.
      n_samples: n, or the sum of the sample weights.
      binomial: the other model has one column (a sigmoid) for two classes.

    Returns:
      l2 >= 0, a float, or an array for an array of lambda.

    Raises:
      ValueError: lambda is negative or NaN, or n_samples is not positive.

    References:
      Kornblith, Shlens and Le, Do better ImageNet models transfer better?, 2019: the transfer evaluation.

    Example:
        >>> l2_from_unhalved_sum_lambda(0.5, n_samples=100)
        0.01
    """
    return 2 * l2_from_sum_lambda(penalty, n_samples, binomial=binomial)


@in_numpy
def unhalved_sum_lambda_from_l2(l2: Any, n_samples: float, *, binomial: bool = False) -> Any:
    """The lambda of sum_i s_i H_i + lambda ||W||^2: the inverse of `l2_from_unhalved_sum_lambda`.

    Args:
      l2: strength >= 0 of the penalty l2/2 ||W||^2, or an array of them.
      n_samples: n, or the sum of the sample weights.
      binomial: the other model has one column (a sigmoid) for two classes.

    Raises:
      ValueError: l2 is negative or NaN, or n_samples is not positive.
    """
    return sum_lambda_from_l2(l2, n_samples, binomial=binomial) / 2


@in_numpy
def l2_from_mean_lambda(penalty: Any, *, binomial: bool = False) -> Any:
    """The l2 for mean_i H_i + lambda/2 ||W||^2: lambda itself, twice it for a binomial model.

    cyanure, elk, and Spark with standardization=False (its default True scales the penalty by each feature's
    deviation: standardise X yourself, then convert). All three fit two classes as the binomial model unless
    told otherwise. `weight_decay` of torch.optim.SGD and Adam is this lambda where the bias is in a group of
    its own with weight_decay=0.

    Args:
      penalty: lambda >= 0.
      binomial: the other model has one column (a sigmoid) for two classes.

    Returns:
      l2 >= 0, a float, or an array for an array of lambda.

    Raises:
      ValueError: lambda is negative or NaN.
    """
    return factor(binomial) * number(penalty, "penalty")


@in_numpy
def mean_lambda_from_l2(l2: Any, *, binomial: bool = False) -> Any:
    """The lambda of mean_i H_i + lambda/2 ||W||^2: the inverse of `l2_from_mean_lambda`.

    Args:
      l2: strength >= 0 of the penalty l2/2 ||W||^2, or an array of them.
      binomial: the other model has one column (a sigmoid) for two classes.

    Raises:
      ValueError: l2 is negative or NaN.
    """
    return number(l2, "l2") / factor(binomial)
