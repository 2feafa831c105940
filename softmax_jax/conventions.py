"""Others' penalties to and from `l2`: exact conversions, and errors that explain where there is none.

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

Every function takes a number or an array of them, and returns the same.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from softmax_jax.runtime.host import in_numpy


class NotConvertibleError(ValueError):
    """The other objective has no equal in J, whatever l2."""


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
    return _columns(n_classes) / (_number(C, "C", positive=True) * _samples(n_samples))


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
        return _scalar(_columns(n_classes) / np.multiply(_number(l2, "l2"), _samples(n_samples)))


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
    return _factor(binomial) * _number(penalty, "penalty") / _samples(n_samples)


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
    return _number(l2, "l2") * _samples(n_samples) / _factor(binomial)


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
    return _factor(binomial) * _number(penalty, "penalty")


@in_numpy
def mean_lambda_from_l2(l2: Any, *, binomial: bool = False) -> Any:
    """The lambda of mean_i H_i + lambda/2 ||W||^2: the inverse of `l2_from_mean_lambda`.

    Args:
      l2: strength >= 0 of the penalty l2/2 ||W||^2, or an array of them.
      binomial: the other model has one column (a sigmoid) for two classes.

    Raises:
      ValueError: l2 is negative or NaN.
    """
    return _number(l2, "l2") / _factor(binomial)


def l2_from_decoupled_weight_decay(*_: Any, **__: Any) -> NoReturn:
    """Raise NotConvertibleError: AdamW's decay is not the gradient of a penalty."""
    raise NotConvertibleError(
        "Decoupled weight decay (AdamW) has no l2: it shrinks W by eta times the decay beside an adaptive "
        "step, so where it comes to rest depends on the optimiser's scaling of each gradient, on the "
        "learning rate and on when training stops. It minimises no objective of the form loss + l2/2 "
        "||W||^2. Tune l2 on validation data instead; coupled decay (torch.optim.SGD, Adam) converts by "
        "l2_from_mean_lambda."
    )


def l2_from_penalised_bias(*_: Any, **__: Any) -> NoReturn:
    """Raise NotConvertibleError: here the bias is never penalised."""
    raise NotConvertibleError(
        "A penalised bias has no l2: J leaves b free, and no strength on W alone makes up for a penalty on "
        "b. The same problem can be stated: append a column of ones to X and fit with fit_intercept=False, "
        "so that the last row of W is the bias, and convert the strength as for W. liblinear in scikit-"
        "learn penalises the bias (the column is its intercept_scaling) and fits one class against the "
        "rest: use another solver there."
    )


def l2_from_unsquared_norm(*_: Any, **__: Any) -> NoReturn:
    """Raise NotConvertibleError: a penalty on ||W|| bends otherwise than one on its square."""
    raise NotConvertibleError(
        "A penalty lambda ||W|| (norm not squared) has no l2 that is known before the fit: its gradient is "
        "lambda W / ||W||, that of l2/2 ||W||^2 is l2 W, so the two optima agree at l2 = lambda / ||W*||, "
        "which depends on the solution W*, and where lambda is large W* = 0, which no finite l2 gives. "
        "Search for the l2 whose optimum satisfies l2 ||W*|| = lambda."
    )


def _columns(n_classes: int) -> float:
    """2 for the binomial model of two classes, 1 for a column per class."""
    if isinstance(n_classes, bool) or not isinstance(n_classes, int | np.integer) or n_classes < 2:
        raise ValueError(f"n_classes must be an integer >= 2, got {n_classes!r}.")
    return _factor(n_classes == 2)


def _factor(binomial: bool) -> float:
    return 2.0 if binomial else 1.0


def _samples(n_samples: float) -> Any:
    n = _number(n_samples, "n_samples", positive=True)
    if np.ndim(n) != 0 or not np.isfinite(n):
        raise ValueError(f"n_samples must be one finite number > 0, got {n_samples!r}.")
    return n


def _number(value: Any, name: str, *, positive: bool = False) -> Any:
    """`value` as a float or float64 array, refused unless >= 0 (> 0)."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or not np.all(array > 0 if positive else array >= 0):
        raise ValueError(f"{name} must be a real number {'>' if positive else '>='} 0, got {value!r}.")
    return _scalar(array.astype(np.float64))


def _scalar(array: Any) -> Any:
    return float(array) if np.ndim(array) == 0 else array
