"""Standard errors and predictive uncertainty from the Laplace posterior, without its (m k)^2 matrix.

At the optimum the posterior of the parameters is close to a Gaussian whose precision is the Hessian of the
*sum* of losses, the prior exp(-N l2/2 ||W||^2) that the penalty stands for included:

    P = N (H + l2 I_W),    H the Hessian of the mean loss,  N = n, or the sum of the sample weights

so that a weight of 2 counts as the row twice. With l2 = 0, P is the Fisher information of the likelihood
and the standard errors are the classical ones. A variance v . P^-1 v is one solve by conjugate gradients
with Hessian-vector products, in float64; a posterior draw is one solve too.

Softmax does not change when all classes shift together, W + w 1^T, b + c 1. The data say nothing of that
direction (the penalty holds W there, nothing holds b), so coefficients are reported as contrasts over
classes, which are identified in either case: against the mean of the classes (sum to zero, the default; the
optimum itself has W 1 = 0), or against one reference class, as in the textbook table of a multinomial
logit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from softmax_jax.dtypes import scope
from softmax_jax.inputs import checks
from softmax_jax.inputs.pairing import paired, table_names
from softmax_jax.model import Params, check_shapes, net_input
from softmax_jax.penalties import smooth_only
from softmax_jax.placement.place import place
from softmax_jax.problem.problem import Point, Problem
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import on_host
from softmax_jax.solvers.conjugate_gradients import conjugate_gradients
from softmax_jax.solvers.newton import Newton
from softmax_jax.solvers.preconditioner import SecondMoment, precondition
from softmax_jax.solvers.separability import is_flat
from softmax_jax.solvers.vectors import centre_classes, dot

Coefficient = tuple[int | None, int]  # (feature, class); feature None is the bias

TOL = 1e-8  # of a solve, in the energy norm: variances are then good to about 1e-14 relative
MAX_PRODUCTS = 5000
COLLINEAR = 1e-13  # smallest eigenvalue of the correlation matrix that float64 can tell from zero


@with_documented_fields
class Posterior(NamedTuple):
    """The Laplace posterior around `params`; made by `laplace_posterior`, read by the functions here.

    Attributes:
      params: NumPy W (m, k) and b (k,) in float64, the mean.
      problem: the training rows, weighted, in float64.
      point: the Hessian's ingredients at `params`.
      moment: what solves with the Hessian are preconditioned by.
      total: N, the number of rows or the sum of their weights.
      columns: names of the features, where they came in a frame.
    """

    params: Params
    problem: Problem
    point: Point
    moment: SecondMoment
    total: float
    columns: Sequence[Any] = ()


@with_documented_fields
class Predictive(NamedTuple):
    """Predictions that know their error.

    Attributes:
      mean: (n, k) mean of the outputs over draws from the posterior; rows sum to 1.
      deviation: (n, k) standard deviation of each output over the draws.
    """

    mean: np.ndarray
    deviation: np.ndarray


@on_host
def laplace_posterior(
    params: Params, X: Any, l2: float, sample_weight: Any = None, *, fit_intercept: bool = True, l1: float = 0.0
) -> Posterior:
    """The Gaussian approximation of the posterior at `params`, which should be the optimum for `l2`.

    Args:
      params: W (m, k) and b (k,), as fitted.
      X: (n, m) features of the fit. The labels are not needed: the Hessian does not depend on them.
      l2: the strength of the fit, in the posterior as the prior; 0 leaves the prior out.
      sample_weight: (n,) of the fit, taken as counts of rows: its scale matters.
      fit_intercept: whether the bias was free.
      l1: of the fit; above 0 it is refused, because the penalty is not smooth where weights are zero, and which
        features were chosen is uncertain, too. Fit the features that were kept again, by l2 alone.

    Returns:
      Posterior.

    Raises:
      ValueError: l1 > 0; bad shapes or numbers; or l2 = 0 and features that are collinear (or constant beside a
        bias) or separate the classes, whose coefficients the data do not identify.
    """
    smooth_only(l1, "A Laplace posterior")
    W, b = (np.asarray(p, np.float64) for p in params)
    columns, X = table_names(X), checks.features(X)
    check_shapes(X, W, b)
    if not (np.isfinite(W).all() and np.isfinite(b).all()):
        raise ValueError("params must be finite, got NaN or infinity in them.")
    n = X.shape[0]
    l2 = checks.number(l2, "l2", low=0)
    weight = checks.weights(sample_weight, n)
    total = float(n if weight is None else np.asarray(sample_weight, np.float64).sum())
    labels = np.arange(n, dtype=np.int32) % len(b)  # any that occur
    data = place(X, labels, weight, l2, bool(fit_intercept), Newton())
    with scope(np.float64):
        point, moment, eigenvalue = _prepare(data.exact, Params(jnp.asarray(W), jnp.asarray(b)))
        smallest, flat = float(eigenvalue), l2 == 0 and bool(is_flat(data.exact, point))
    if l2 == 0 and smallest <= COLLINEAR:
        raise ValueError(
            "With l2=0 the features must not be collinear (nor constant beside a bias), got a correlation "
            f"matrix with smallest eigenvalue {smallest:.1e}: leave such columns out, or give l2 > 0."
        )
    if l2 == 0 and flat:
        raise ValueError(
            "With l2=0 the likelihood must curve in every direction at params, got one without curvature: the classes "
            "are separated there, and there is no finite optimum that a standard error could belong to. Give l2 > 0."
        )
    return Posterior(Params(W, b), data.exact, point, moment, total, columns)


@on_host
def standard_errors(
    posterior: Posterior, coefficients: Sequence[Coefficient], *, reference: int | None = None
) -> np.ndarray:
    """Standard errors of chosen coefficients: the square roots of the diagonal of `covariance`.

    Args:
      posterior: of `laplace_posterior`.
      coefficients: (feature, class) pairs of indices; (None, class) is the bias. All: `every_coefficient`.
      reference: class whose coefficients are zero by convention; by default classes sum to zero.

    Returns:
      (r,) float64, one per coefficient; zero for those of the reference class.

    Raises:
      ValueError: an index is out of range, or the bias is asked for and was not fitted.
      numpy.linalg.LinAlgError: conjugate gradients did not converge.
    """
    contrasts = _contrasts(posterior, coefficients, reference)
    with scope(np.float64):
        variances = [float(dot(v, _solve(posterior, v))) for v in contrasts]
    return np.sqrt(np.maximum(variances, 0.0) / posterior.total)


@on_host
def covariance(
    posterior: Posterior, coefficients: Sequence[Coefficient], *, reference: int | None = None
) -> np.ndarray:
    """Posterior covariance (r, r) of chosen coefficients.

    Args:
      posterior: of `laplace_posterior`.
      coefficients: (feature, class) pairs of indices; (None, class) is the bias. All: `every_coefficient`.
      reference: class whose coefficients are zero by convention; by default classes sum to zero.

    Returns:
      (r, r) float64, symmetric; rows and columns of the reference class are zero.

    Raises:
      ValueError: an index is out of range, or the bias is asked for and was not fitted.
      numpy.linalg.LinAlgError: conjugate gradients did not converge.
    """
    contrasts = _contrasts(posterior, coefficients, reference)
    rows = np.array([np.append(v.W.ravel(), v.b) for v in contrasts])
    with scope(np.float64):
        solved = [_solve(posterior, v) for v in contrasts]
        columns = np.array([np.append(np.ravel(x.W), x.b) for x in solved])
    product = rows @ columns.T
    return (product + product.T) / (2 * posterior.total)


def every_coefficient(params: Params) -> list[Coefficient]:
    """All (feature, class) pairs in the order of W, then the biases: W.ravel(), b as one vector."""
    m, k = np.shape(params.W)
    return [(j, c) for j in (*range(m), None) for c in range(k)]


@on_host
def sample_parameters(posterior: Posterior, n_draws: int, seed: int = 0) -> Params:
    """Draws from the posterior, in the sum-to-zero convention, each at the price of one solve.

    The right-hand side X^T (diag(O) - O O^T)^(1/2) e + sqrt(l2) e' with standard normal e, e' has covariance
    H + l2 I_W; (H + l2 I_W)^-1 times it, over sqrt(N), is a draw.

    Args:
      posterior: of `laplace_posterior`.
      n_draws: how many, at least 1.
      seed: of the draws.

    Returns:
      Params of NumPy arrays with a leading axis, W (n_draws, m, k) and b (n_draws, k).

    Raises:
      ValueError: n_draws < 1.
      numpy.linalg.LinAlgError: conjugate gradients did not converge.
    """
    n_draws = checks.number(n_draws, "n_draws", low=1, integer=True)
    scale = np.sqrt(posterior.total)
    with scope(np.float64):
        keys = jax.random.split(jax.random.key(seed), n_draws)
        steps = [_solve(posterior, _noise(posterior.problem, posterior.point, key)) for key in keys]
    W, b = posterior.params
    W = W - W.mean(axis=1, keepdims=True)
    b = b - b.mean() * float(posterior.problem.intercept)
    dW, db = (np.array([np.asarray(leaf) for leaf in leaves]) for leaves in zip(*steps, strict=True))
    return Params(W + dW / scale, b + db / scale)


@on_host
def predictive(posterior: Posterior, X: Any, *, n_draws: int = 100, seed: int = 0) -> Predictive:
    """Mean and standard deviation of softmax(X W + b) over draws: predictions that know their error.

    The mean is the posterior predictive probability, less confident than the output at the optimum away
    from the data. The relative sampling error of a deviation is about 1 / sqrt(2 n_draws).

    Args:
      posterior: of `laplace_posterior`.
      X: (n, m) features to predict for; columns of frames are paired by name with those of the posterior.
      n_draws: posterior draws, at least 2; each costs a solve on the training data, and a product with X.
      seed: of the draws.

    Returns:
      Predictive(mean (n, k), deviation (n, k)), float64; rows of the mean sum to 1.

    Raises:
      ValueError: X does not fit the parameters, or n_draws < 2.
    """
    array = checks.features(X, n_features=posterior.params.W.shape[0])
    X = paired(array, X, posterior.columns, "X", of="the X of the posterior")
    n_draws = checks.number(n_draws, "n_draws", low=2, integer=True)
    draws = sample_parameters(posterior, n_draws, seed)
    mean = np.zeros((X.shape[0], draws.W.shape[2]))
    square = np.zeros_like(mean)
    for i, draw in enumerate(zip(*draws, strict=True)):  # Welford's update
        O = np.asarray(_outputs(Params(*draw), X))
        change = O - mean
        mean += change / (i + 1)
        square += change * (O - mean)
    return Predictive(mean, np.sqrt(square / (n_draws - 1)))


def _outputs(params: Params, X: Any) -> Any:
    """Softmax(X W + b) in float64."""
    with scope(np.float64):
        return np.asarray(jax.nn.softmax(net_input(params, X), axis=-1))


@jax.jit
def _prepare(problem: Problem, params: Params) -> tuple[Point, SecondMoment, Any]:
    """The point, the factorised covariance of all rows, and the smallest eigenvalue of their correlation."""
    mean, Q = problem.second_moment(problem.shape[0])
    q, U = jnp.linalg.eigh(Q)
    scale = jnp.sqrt(jnp.diagonal(Q))
    scale = jnp.where(scale > COLLINEAR * jnp.abs(mean), scale, jnp.inf)  # a constant beside the bias
    correlation = Q / (scale[:, None] * scale[None])
    return (
        problem.at(params),
        SecondMoment(mean, jnp.maximum(q, jnp.finfo(q.dtype).eps * q[-1]), U),
        jnp.linalg.eigvalsh(correlation)[0],
    )


@jax.jit
def _noise(problem: Problem, point: Point, key: Any) -> Params:
    """A normal draw with covariance H + l2 I_W, but for the shift of all classes."""
    first, second = jax.random.split(key)
    O = jax.nn.softmax(point.Z, axis=0)
    e = jax.random.normal(first, O.shape, O.dtype) * jnp.sqrt(O)
    R = jnp.sqrt(problem.in_memory.weights)[None] * (
        e - O * jnp.sum(e, axis=0, keepdims=True)
    )  # columns of covariance diag(O) - O O^T
    W, b = problem.in_memory.X.backward(R), problem.intercept * jnp.sum(R, axis=1)
    e = jax.random.normal(second, W.shape, W.dtype)
    return centre_classes(Params(W + jnp.sqrt(problem.l2) * e, b))


def _solve(posterior: Posterior, rhs: Params) -> Params:
    """(H + l2 I_W)^-1 rhs, or LinAlgError."""
    x, products, solved = _solve_compiled(posterior.problem, posterior.point, posterior.moment, rhs)
    if not bool(solved):
        raise np.linalg.LinAlgError(
            f"Conjugate gradients did not reach a relative error of {TOL} in {int(products)} products: "
            "the Hessian is close to singular. Scale the features, leave out collinear ones, or give a "
            "larger l2."
        )
    return x


@jax.jit
def _solve_compiled(problem: Problem, point: Point, moment: SecondMoment, rhs: Params) -> tuple:
    def product(v: Params) -> Params:
        return problem.hessian_product(point, v)

    def preconditioned(r: Params) -> Params:
        return precondition(moment, point.curvature, problem, r)

    return conjugate_gradients(product, preconditioned, rhs, tol=TOL, max_products=MAX_PRODUCTS)


def _contrasts(posterior: Posterior, coefficients: Sequence[Coefficient], reference: int | None) -> list[Params]:
    """For each coefficient the vector v whose product with the parameters is its contrast."""
    m, k = posterior.params.W.shape
    free = bool(posterior.problem.intercept)
    if reference is not None and not 0 <= reference < k:
        raise ValueError(f"reference must be None or a class index in [0, {k}), got {reference!r}.")
    contrasts = []
    for pair in coefficients:
        feature, label = pair
        if not 0 <= label < k or not (feature is None or 0 <= feature < m):
            raise ValueError(
                f"coefficients must be (feature, class) with feature in [0, {m}) or None for the bias, and "
                f"class in [0, {k}), got {pair!r}."
            )
        if feature is None and not free:
            raise ValueError(f"coefficients must not ask for the bias, which was not fitted, got {pair!r}.")
        row = np.full(k, -1 / k) if reference is None else -np.eye(k)[reference]
        row[label] += 1
        v = np.zeros((m + 1, k))
        v[m if feature is None else feature] = row
        contrasts.append(Params(v[:m], v[m]))
    return contrasts
